"""Reading a Helm repository's index.

The format is https://helm.sh/docs/topics/chart_repository/#the-index-file. An index as Helm writes it is read
by ``quickindex``, any other by ``fullindex``; where both can read one, they read the same.
"""

from __future__ import annotations

from functools import lru_cache
from shlex import quote

from ..faults import Unreachable
from .quickindex import read_quickly
from .release import Index, Release

__all__ = ["LARGEST_INDEX", "Index", "Release", "read_index"]

LARGEST_INDEX = 64 * 1024 * 1024


@lru_cache(maxsize=1)
def read_index(data: bytes, where: str, chart: str = "jupyterhub") -> Index:
    """Read what an index offers of one chart; the last one is remembered: a commit alone reads it twice.

    Args:
        data: the bytes of ``index.yaml``.
        where: the address that they came from.
        chart: the chart's name.

    Returns:
        The releases by version; of equal versions the first counts. Entries without a version are left out.

    Raises:
        Unreachable: the bytes are no whole index of at most ``LARGEST_INDEX``, or offer no release of the chart.
    """
    if len(data) > LARGEST_INDEX:
        raise _unusable(f"the index is larger than {LARGEST_INDEX // 2**20} MiB", where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unusable("the index is not text in UTF-8", where) from error
    releases = read_quickly(text, chart)
    if releases is None:
        releases = _read_fully(text, where, chart)
    if not releases:
        raise _unusable(f"the index names no release of {chart}", where)
    by_version: dict[str, Release] = {}
    for release in releases:
        by_version.setdefault(release.version, release)
    return Index(by_version, where)


def _read_fully(text: str, where: str, chart: str) -> list[Release]:
    from .fullindex import Damaged, read_fully  # noqa: PLC0415 - brings the YAML library, rarely needed

    try:
        return read_fully(text, chart)
    except Damaged as error:
        raise _unusable(str(error), where) from error


def _unusable(what: str, where: str) -> Unreachable:
    return Unreachable(what, where=where, hint=f"look at what is there: curl -fsSL {quote(where)} | head")
