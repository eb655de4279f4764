"""The full way to read an index: whatever YAML it is written in."""

from __future__ import annotations

from .document import Data, Unreadable, child, load, text_under
from .release import IMAGES, Release


class Damaged(Exception):  # noqa: N818 - says what the index is
    """The text is no whole index; the message is a clause for people."""


def read_fully(text: str, chart: str) -> list[Release]:
    """Read the releases of ``chart`` in the file's order, without entries that have no version.

    Raises:
        Damaged: the text is no whole index, or too much of it.
    """
    if text.lstrip().startswith("<"):
        raise Damaged("this is a web page, not the index of a Helm repository")
    try:
        tree = load(text)
    except Unreadable as error:
        raise Damaged(f"the index {error}") from error
    entries = child(tree, "entries")
    if not isinstance(entries, dict):
        raise Damaged("this is not the index of a Helm repository")
    if child(tree, "generated") is None and _is_cut_off(text, entries):
        raise Damaged("the index is cut off")
    offered = entries.get(chart)
    releases = [_full_release(entry) for entry in offered] if isinstance(offered, list) else []
    return [release for release in releases if release.version]


def _is_cut_off(text: str, entries: dict[str | None, Data]) -> bool:
    """Whether an index without ``generated``, Helm's last key, ends in the middle of an entry.

    Helm writes an entry's ``version`` last, and a newline after it.
    """
    last = list(entries.values())[-1:]
    entry = last[0][-1] if last and isinstance(last[0], list) and last[0] else None
    is_cut = isinstance(entry, dict) and text_under(entry, "version") is None
    return is_cut or not text.endswith(("\n", "}"))


def _full_release(entry: Data) -> Release:
    urls = child(entry, "urls")
    return Release(
        version=text_under(entry, "version") or "",
        app_version=text_under(entry, "appVersion"),
        kube_version=text_under(entry, "kubeVersion"),
        urls=tuple(url for url in urls if isinstance(url, str) and url) if isinstance(urls, list) else (),
        digest=text_under(entry, "digest"),
        images=text_under(child(entry, "annotations"), IMAGES),
    )
