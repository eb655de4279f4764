"""The index of a Helm repository, and what it says of each release of a chart.

The format is https://helm.sh/docs/topics/chart_repository/#the-index-file. Helm's writer
(https://pkg.go.dev/sigs.k8s.io/yaml) indents by two, sorts the keys and puts sequences at their key's column:

    apiVersion: v1
    entries:
      jupyterhub:
      - apiVersion: v2
        urls:
        - https://...
        version: 3.3.8
    generated: "2024-10-24T11:45:31.263782848Z"

Such an index is cut where its entries begin, and the YAML library reads an entry when somebody asks for its version.
Each line of such an entry is a scalar that is plain or ends on it, or a key with one: so nothing that one entry opens
reaches into the next, and the entry reads alone as it does in the whole. Entries with other lines are read at once,
together; and where anything is not as Helm writes it, the library reads the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain
from shlex import quote
from typing import NamedTuple

import semver

from ..core.faults import Unreachable, Unusable
from ..core.names import Reference
from ..core.yaml_tree import Data, Unreadable, child, load, text_under
from .versions import parse_version

# A YAML list in a string: https://artifacthub.io/docs/topics/annotations/helm/
IMAGES = "artifacthub.io/images"
HUB_IMAGE = "k8s-hub"
LARGEST_INDEX = 64 * 1024 * 1024

_LARGEST_READ = 8 * 1024 * 1024
_MOST_NODES = 500_000
_LARGEST_ENTRY = 64 * 1024
_MOST_PIECES = 200_000

_FRAME = re.compile(
    r'apiVersion: v1\nentries:\n(.*\n)generated: (?:"[^"\\\n]*"|[\w:.+-]+)\n(?:serverInfo: \{\}\n)?', re.DOTALL
)
_BEGIN = re.compile(r"^  (?=[^ \n])", re.MULTILINE)
_HEAD = re.compile(r"([A-Za-z][\w.-]*):\n")
_SCALAR = r"""(?:[\w/](?:[^:#\n]|(?<! )#|:(?![ \n]))*|"[^"\\\n]*"|'(?:[^'\n]|'')*')"""
_KEYED = rf"[A-Za-z][\w./-]*:(?: (?:{_SCALAR}|[|>][+-]?))?"
_USUAL_ENTRY = re.compile(
    rf"- (?!version:){_KEYED}\n"
    rf"(?: {{4}}(?!version:) *(?:- )*(?:{_KEYED}|{_SCALAR})\n)*"
    r" {4}version: ([0-9v][\w.+-]*)\n"
)


class Release(NamedTuple):
    """One entry of the index, its values as written: ``version`` need not be SemVer, and ``urls`` may be relative.

    Attributes:
        app_version: the version of JupyterHub.
        kube_version: the constraint on Kubernetes' version: ``>=1.28.0-0``.
        images: the text of the annotation ``IMAGES``.
    """

    version: str
    app_version: str | None = None
    kube_version: str | None = None
    urls: tuple[str, ...] = ()
    digest: str | None = None
    images: str | None = None

    @property
    def semver(self) -> semver.Version | None:
        """The version as Helm reads it, or None where it is not one."""
        return parse_version(self.version)

    @property
    def oldest_kubernetes(self) -> str | None:
        """The oldest Kubernetes that the release supports: ``1.28`` for ``>=1.28.0-0``."""
        version = (self.kube_version or "").strip().removeprefix(">=").strip()
        return version.removesuffix("-0").removesuffix(".0") or None

    @property
    def hub_image(self) -> Reference | None:
        """The hub image that the entry's annotation names; None where only the archive knows it."""
        return hub_image_among(self.images) if self.images else None


class Index(NamedTuple):
    """The releases of one chart by their version as written, in the order of the index, and its address."""

    releases: Mapping[str, Release]
    where: str = ""

    def find(self, version: str) -> Release | None:
        """Return the release of that version, as the index writes it or as Helm reads it (``v3.2.1`` is 3.2.1)."""
        if version in self.releases:
            return self.releases[version]
        wanted = parse_version(version)
        same = (one for one in self.releases if wanted is not None and parse_version(one) == wanted)
        return next((self.releases[one] for one in same), None)


@lru_cache(maxsize=1)
def read_index(data: bytes, where: str, chart: str = "jupyterhub") -> Index:
    """Read the releases of one chart; the last index is kept, since a commit alone reads it twice.

    Of equal versions the first counts, and entries without a version are left out.

    Raises:
        Unreachable: the bytes are not a whole index of at most ``LARGEST_INDEX``, or offer no release of the chart. A
            damaged entry may be noticed only when its release is asked for.
    """
    if len(data) > LARGEST_INDEX:
        raise _unusable(f"the index is larger than {LARGEST_INDEX // 2**20} MiB", where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unusable("the index is not text in UTF-8", where) from error
    found = _cut(text, chart)
    releases = _Releases(found, text, where, chart) if found is not None else _read_whole(text, where, chart)
    if not releases:
        raise _unusable(f"the index has no release of {chart}", where)
    return Index(releases, where)


def hub_image_among(annotation: str) -> Reference | None:
    """Return the image named ``k8s-hub`` in the text of the annotation ``IMAGES``, else the first whose path ends so.

    It is None where none with a tag or digest is found, or where the text is no such list.
    """
    try:
        tree = load(annotation)
    except Unreadable:
        return None
    items = tree if isinstance(tree, list) else []
    images = [(text_under(item, "name"), _reference(text_under(item, "image"))) for item in items]
    pinned = [(name, image) for name, image in images if image is not None and (image.tag or image.digest)]
    named = (image for name, image in pinned if name == HUB_IMAGE)
    alike = (image for _, image in pinned if f"/{image.name}".endswith(f"/{HUB_IMAGE}"))
    return next(chain(named, alike), None)


def _reference(image: str | None) -> Reference | None:
    try:
        return Reference.parse(image or "")
    except Unusable:
        return None


class _Releases(Mapping[str, Release]):
    """The releases of an index that was cut; each is read when it is asked for."""

    def __init__(self, entries: Mapping[str, str | Release], text: str, where: str, chart: str) -> None:
        self._entries = entries
        self._whole = text, where, chart

    def __getitem__(self, version: str) -> Release:
        entry = self._entries[version]
        if isinstance(entry, Release):
            return entry
        try:
            return _release(_read_entries([entry])[0])
        except Unreadable:
            return _read_whole(*self._whole)[version]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _cut(text: str, chart: str) -> dict[str, str | Release] | None:
    """Return the chart's entries by version, usual ones as their text; None where the index is not in Helm's layout."""
    frame = _FRAME.fullmatch(text)
    if frame is None or not text.replace("\n", "").isprintable():
        return None
    before, *pieces = _BEGIN.split(frame[1], _MOST_PIECES)
    charts: list[str] = []
    entries: list[tuple[str, str | None, str]] = []
    for piece in pieces:
        if head := _HEAD.fullmatch(piece):
            charts.append(head[1])
        elif charts and piece.startswith("- "):
            usual = _USUAL_ENTRY.fullmatch(piece) if len(piece) <= _LARGEST_ENTRY else None
            entries.append((charts[-1], usual and usual[1], piece))
        else:
            return None
    unusual = [piece for _, version, piece in entries if version is None]
    try:
        read = _read_entries(unusual)
    except Unreadable:
        return None
    if before or len(set(charts)) < len(charts) or len(read) < len(unusual):
        return None
    rest = iter(read)
    found: dict[str, str | Release] = {}
    for name, version, piece in entries:
        entry = piece if version else _release(next(rest))
        key = entry.version if isinstance(entry, Release) else version
        if key and name == chart:
            found.setdefault(key, entry)
    return found


def _read_entries(pieces: list[str]) -> list[Data]:
    """Read entries together, indented as they are in the index, or raise ``Unreadable``."""
    tree = load("".join(["  entries:\n", *(f"  {piece}" for piece in pieces)]))
    entries = child(tree, "entries")
    return entries if isinstance(entries, list) else []


def _read_whole(text: str, where: str, chart: str) -> dict[str, Release]:
    """Read the releases of a chart with the YAML library alone."""
    if text.lstrip().startswith("<"):
        raise _unusable("this is a web page, not the index of a Helm repository", where)
    try:
        tree = load(text, size=_LARGEST_READ, nodes=_MOST_NODES)
    except Unreadable as error:
        raise _unusable(f"the index {error}", where) from error
    entries = child(tree, "entries")
    if not isinstance(entries, dict):
        raise _unusable("this is not the index of a Helm repository", where)
    if child(tree, "generated") is None and _is_cut_off(text, entries):
        raise _unusable("the index is truncated", where)
    offered = entries.get(chart)
    found: dict[str, Release] = {}
    for release in map(_release, offered if isinstance(offered, list) else []):
        if release.version:
            found.setdefault(release.version, release)
    return found


def _is_cut_off(text: str, entries: dict[str | None, Data]) -> bool:
    """Whether an index without ``generated``, Helm's last key, ends in the middle of an entry.

    Helm writes an entry's ``version`` last, and a newline after it.
    """
    last = list(entries.values())[-1:]
    entry = last[0][-1] if last and isinstance(last[0], list) and last[0] else None
    is_cut = isinstance(entry, dict) and text_under(entry, "version") is None
    return is_cut or not text.endswith(("\n", "}"))


def _release(entry: Data) -> Release:
    urls = child(entry, "urls")
    return Release(
        version=text_under(entry, "version") or "",
        app_version=text_under(entry, "appVersion"),
        kube_version=text_under(entry, "kubeVersion"),
        urls=tuple(url for url in urls if isinstance(url, str) and url) if isinstance(urls, list) else (),
        digest=text_under(entry, "digest"),
        images=text_under(child(entry, "annotations"), IMAGES),
    )


def _unusable(what: str, where: str) -> Unreachable:
    return Unreachable(what, where=where, hint=f"look at what is there: curl -fsSL {quote(where)} | head")
