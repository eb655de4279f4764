"""Reading a Helm repository's index, and what it says of each release.

The format is https://helm.sh/docs/topics/chart_repository/#the-index-file. An index as Helm writes it is read by its
lines (:func:`read_quickly`), any other with the YAML library; where both can read one, they read the same.

The annotation ``artifacthub.io/images`` is a YAML list in a string
(https://artifacthub.io/docs/topics/annotations/helm/); each item has an ``image`` and mostly a ``name``.

Helm's writer (https://pkg.go.dev/sigs.k8s.io/yaml) indents by two, sorts the keys and puts sequences at their
key's own column, so the structure of an index can be read from its lines:

    apiVersion: v1
    entries:
      jupyterhub:
      - apiVersion: v2
        urls:
        - https://…
        version: 3.3.8
    generated: "2024-10-24T11:45:31.263782848Z"

That is proved, not hoped for: every line of the file must be a piece of this shape whose extent is plain to
see. Anything else - another indent, an escape, a comment, a flow collection, an anchor, a tab, a key twice -
makes ``read_quickly`` give up, and the caller reads the file with the YAML library instead. What is read here
is what that library would read.

Most of an entry recurs in thousands of others, and is proved once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from shlex import quote
from typing import NamedTuple

import semver

from ..core.faults import Unreachable, Unusable
from ..core.names import Reference
from ..core.yaml_data import Data, Unreadable, child, load, text_under

IMAGES = "artifacthub.io/images"

# Far above any real version, and far below where Python refuses to read a number.
_LONGEST_VERSION = 200
# Choosing compares each version with several others.
_KEPT = 4096
_NUMBER = r"(0|[1-9][0-9]*)"
_STABLE = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"


class VersionKey(NamedTuple):
    """Where SemVer orders a version (https://semver.org/#spec-item-11): places compare as their versions do.

    Attributes:
        major: its major version.
        minor: its minor version.
        patch: its patch version.
        is_stable: whether it is no pre-release.
        pre: the pre-release that it is, in full; None where it is stable.
    """

    major: int
    minor: int
    patch: int
    is_stable: bool = True
    pre: semver.Version | None = None


class Release(NamedTuple):
    """One entry of the index.

    Attributes:
        version: the chart's version as it is written; it may be no SemVer.
        app_version: the version of JupyterHub, where the entry names one.
        kube_version: the constraint on Kubernetes' version (``>=1.28.0-0``), where the entry has one.
        urls: the addresses of the archive as they are written, relative ones too.
        digest: the archive's SHA-256 in hexadecimal, as it is written.
        images: the text of the annotation ``IMAGES``: a YAML list of images.
    """

    version: str
    app_version: str | None = None
    kube_version: str | None = None
    urls: tuple[str, ...] = ()
    digest: str | None = None
    images: str | None = None

    @property
    def semver(self) -> semver.Version | None:
        """The version in SemVer, or None where it is none (``v0.6.0-fb64667``)."""
        return _in_semver(self.version)

    @property
    def place(self) -> VersionKey | None:
        """Where SemVer orders the version, or None where it is none."""
        return _placed(self.version)

    @property
    def oldest_kubernetes(self) -> str | None:
        """The oldest Kubernetes that it takes: ``1.28`` for ``>=1.28.0-0``; None where the entry does not tell."""
        version = (self.kube_version or "").strip().removeprefix(">=").strip()
        return version.removesuffix("-0").removesuffix(".0") or None

    @property
    def hub_image(self) -> Reference | None:
        """The hub image that the entry's annotation names, or None: then only the archive knows it."""
        return hub_image_among(self.images) if self.images else None


@lru_cache(maxsize=_KEPT)
def _placed(version: str) -> VersionKey | None:
    stable = re.fullmatch(_STABLE, version) if len(version) <= _LONGEST_VERSION else None
    if stable is not None:
        major, minor, patch = map(int, stable.groups())
        return VersionKey(major, minor, patch)
    full = _in_semver(version)
    if full is None:
        return None
    is_stable = full.prerelease is None
    return VersionKey(full.major, full.minor, full.patch, is_stable, None if is_stable else full)


@lru_cache(maxsize=_KEPT)
def _in_semver(version: str) -> semver.Version | None:
    # The import takes as long as reading the index: not for ``v0.6``, nor for a stable version's place.
    if not version[:1].isdigit() or len(version) > _LONGEST_VERSION:
        return None

    try:
        return semver.Version.parse(version)
    except ValueError:
        return None


class Index(NamedTuple):
    """What a Helm repository offers of one chart.

    Attributes:
        releases: the releases by their version as written, in the index's order.
        where: the address that the index came from.
    """

    releases: Mapping[str, Release]
    where: str = ""


HUB_IMAGE = "k8s-hub"
_QUOTES_AND_INDICATORS = frozenset("\"'&*!|>{}[]%@`#,?-~")


def hub_image_among(annotation: str) -> Reference | None:
    """Find z2jh's hub image in the text of the annotation.

    Returns:
        The image of the item named ``k8s-hub``, else the first whose path ends so; None where there is none
        with a tag or digest, or where the text is no such list. None means: ask the archive.
    """
    items = list(_items(annotation))
    named = [image for name, image in items if name == HUB_IMAGE]
    alike = [image for _, image in items if _path(image).endswith(f"/{HUB_IMAGE}")]
    return next(_pinned([*named, *alike]), None)


def _items(annotation: str) -> Iterable[tuple[str | None, str]]:
    """Return each item's name (None where it has none) and image."""
    plain = _plain_items(annotation)
    return plain if plain is not None else _any_items(annotation)


def _plain_items(annotation: str) -> list[tuple[str | None, str]] | None:
    """Read a list of one-line plain scalars, as z2jh writes it; None where it is anything else.

    It needs no YAML library, whose import alone takes longer than reading the whole index.
    """
    items: list[dict[str, str]] = []
    for line in annotation.splitlines():
        key, colon, value = line[2:].partition(": ")
        if not colon or key not in {"image", "name"} or not _is_plain(value):
            return None
        if line.startswith("- "):
            items.append({})
        elif not line.startswith("  ") or not items or key in items[-1]:
            return None
        items[-1][key] = value
    return [(item.get("name"), item["image"]) for item in items if "image" in item]


def _is_plain(value: str) -> bool:
    """Whether YAML reads ``value`` as just that text."""
    return (
        bool(value)
        and value == value.strip()
        and value.isprintable()
        and value[0] not in _QUOTES_AND_INDICATORS
        and not value.endswith(":")
        and ": " not in value
        and " #" not in value
    )


def _any_items(annotation: str) -> Iterator[tuple[str | None, str]]:
    try:
        tree = load(annotation)
    except Unreadable:
        return
    for item in tree if isinstance(tree, list) else []:
        if image := text_under(item, "image"):
            yield text_under(item, "name"), image


def _path(image: str) -> str:
    """Return the image's repository: what stands before tag and digest."""
    head, _, last = image.partition("@")[0].rpartition("/")
    return f"{head}/{last.partition(':')[0]}"


def _pinned(images: Iterable[str]) -> Iterator[Reference]:
    """Yield those images that say which one they are."""
    for image in images:
        try:
            reference = Reference.parse(image)
        except Unusable:
            continue
        if reference.tag or reference.digest:
            yield reference


# A scalar's text, the texts of a sequence, None for null; a value that nobody needs is ().
Value = str | tuple[str, ...] | None
Fields = dict[str, Value]

_HEAD = "apiVersion: v1\nentries:\n"
_LAST_KEY = "\ngenerated: "
_LARGEST_ENTRY = 64 * 1024
_MOST_PIECES = 200_000
_MOST_RECURRING = 256

# A new entry: two columns in. A new key of an entry: four.
_ENTRY, _KEY = "\n  - ", "\n    "
# A line below a key is marked: a carriage return, which no text here has, and the line without those four columns.
_LINE, _ITEM, _BELOW = "\r", "- ", "  "
_ANNOTATION, _IN_TEXT = f"{_LINE}  ", f"{_LINE}    "
_ANNOTATIONS = "annotations"

# An entry as most are. What differs from one to the next is read here, key by key; the rest of it recurs.
_USUAL = re.compile(
    rf"(?:annotations:\n {{6}}{re.escape(IMAGES)}: [|]\n {{8}}(?P<images>[^ \n].*\n(?: {{8}} *[^ \n].*\n)*) {{4}})?"
    r"(?P<above>apiVersion: .*\n(?: {4}appVersion: .*\n)?)"
    r' {4}created: "[^"\\\n]*"\n'
    r"(?P<between>(?: {4}[^ \n-].*\n(?: {4}.*\n)*?)??)"
    r" {4}digest: (?P<digest>[0-9a-f]+)\n"
    r"(?P<below>(?: {4}[^ \n-].*\n(?: {4}.*\n)*?)??)"
    r" {4}urls:\n {4}- (?P<url>[A-Za-z0-9/][A-Za-z0-9._/+:-]*[A-Za-z0-9._/+-])\n"
    r" {4}version: (?P<version>[0-9v][A-Za-z0-9.+-]*)"
)
_READ = frozenset({_ANNOTATIONS, "created", "digest", "urls", "version"})

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._/-]{0,100}")
# What is neither text nor the newline that Helm writes: YAML forbids it, or breaks a line there.
_ODD = r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_NULLS = frozenset({"null", "Null", "NULL"})
_PLAIN_ASCII = b"\n" + bytes(range(0x20, 0x7F))


class _Irregular(Exception):  # noqa: N818 - says what the text is
    """The text is not in Helm's own shape; nothing is wrong with that."""


def read_quickly(text: str, chart: str) -> list[Release] | None:
    """Read the releases of ``chart`` from an index as Helm writes it.

    Returns:
        The releases in the file's order, without entries that have no version; None when the text is not in
        Helm's shape.
    """
    try:
        return [release for release in _releases(text, chart) if release.version]
    except _Irregular:
        return None


def _releases(text: str, chart: str) -> Iterator[Release]:
    recurring = lru_cache(_MOST_RECURRING)(_recurring)
    charts: list[str] = []
    for count, piece in enumerate(_pieces(_body(text))):
        entry, head = _without_head(piece)
        # The first piece is the head of the first chart; below every head stand entries.
        if count > _MOST_PIECES or bool(entry) != bool(charts):
            raise _Irregular
        if entry:
            release = _entry(entry, recurring)
            if charts[-1] == chart:
                yield release
        if head:
            charts.append(_chart(head, charts))


def _body(text: str) -> str:
    """Return what stands between ``entries:`` and the index's last key, without the last newline."""
    end = text.rfind(_LAST_KEY)
    if not (text.startswith(_HEAD) and end >= len(_HEAD) and text.endswith("\n")) or _has_odd_signs(text):
        raise _Irregular
    _scalar(text[end + len(_LAST_KEY) : -1].removesuffix("\nserverInfo: {}"))
    return text[len(_HEAD) : end]


def _has_odd_signs(text: str) -> bool:
    if text.isascii():
        return bool(text.encode().translate(None, _PLAIN_ASCII))
    return re.search(_ODD, text) is not None


def _pieces(body: str) -> Iterator[str]:
    """Cut the charts' lines where entries begin: each piece is an entry, and the head of the next chart after it.

    It yields one piece after the other: an index of nothing but cuts must not fill the memory.
    """
    begin = 0
    while (end := body.find(_ENTRY, begin)) >= 0:
        yield body[begin:end]
        begin = end + len(_ENTRY)
    yield body[begin:]


def _without_head(piece: str) -> tuple[str, str]:
    """Return the entry in a piece, and the head of a chart that stands on its last line; each may be empty."""
    begin = piece.rfind("\n") + 1
    if piece.startswith("  ", begin) and not piece.startswith("   ", begin):
        return piece[: max(begin - 1, 0)], piece[begin + 2 :]
    return piece, ""


def _chart(head: str, charts: list[str]) -> str:
    """Return the name of the chart whose head this is; none has two."""
    name = _name(head.removesuffix(":"))
    if name in charts or not head.endswith(":"):
        raise _Irregular
    return name


def _entry(entry: str, recurring: Callable[[str], Release]) -> Release:
    """Read one entry, without the dash before it."""
    if len(entry) > _LARGEST_ENTRY:
        raise _Irregular
    usual = _USUAL.fullmatch(entry)
    if usual is None:
        return _release(_fields(entry))
    images, above, between, digest, below, url, version = usual.groups()
    rest = recurring(f"{above}{between}{below}"[:-1])
    text = images and images.replace("\n        ", "\n")
    return Release(version, rest.app_version, rest.kube_version, (url,), digest, text)


def _recurring(rest: str) -> Release:
    """Read what is left of an entry without the keys that differ from one to the next."""
    fields = _fields(rest)
    if not _READ.isdisjoint(fields):
        raise _Irregular
    return _release(fields)


def _fields(entry: str) -> Fields:
    """Read the keys of an entry."""
    marked = entry.replace(f"{_KEY} ", f"{_LINE} ").replace(f"{_KEY}{_ITEM}", f"{_LINE}{_ITEM}")
    pieces = marked.split(_KEY)
    fields = dict(map(_field, pieces))
    if len(fields) < len(pieces) or marked.count("\n") >= len(pieces):
        raise _Irregular
    return fields


def _release(fields: Fields) -> Release:
    urls = fields.get("urls", ())
    if not isinstance(urls, tuple):
        raise _Irregular
    return Release(
        version=_text(fields, "version") or "",
        app_version=_text(fields, "appVersion"),
        kube_version=_text(fields, "kubeVersion"),
        urls=urls,
        digest=_text(fields, "digest"),
        images=_text(fields, _ANNOTATIONS),
    )


def _text(fields: Fields, key: str) -> str | None:
    value = fields.get(key)
    if isinstance(value, tuple):
        raise _Irregular
    return value


def _field(piece: str) -> tuple[str, Value]:
    """Read one key of an entry with its value: ``piece`` is the key's line and those below it."""
    head, below, rest = piece.partition(_LINE)
    key, colon, value = head.partition(": ")
    if colon:
        if key == _ANNOTATIONS:
            raise _Irregular
        return _name(key), _folded(value, rest.split(_LINE)) if below else _scalar(value)
    if not (below and head.endswith(":")):
        raise _Irregular
    key = _name(head[:-1])
    if key == _ANNOTATIONS:
        return key, _images(rest)
    return key, _sequence(rest.split(_LINE)) if rest.startswith(_ITEM) else _mapping(rest.split(_LINE))


def _images(text: str) -> Value:
    """Read the annotations of an entry: the text of the one that lists the images, () where there is none."""
    if not text.startswith(_BELOW):
        raise _Irregular
    pieces = text[len(_BELOW) :].replace(_IN_TEXT, "\n").split(_ANNOTATION)
    values = dict(map(_annotation, pieces))
    if len(values) < len(pieces):
        raise _Irregular
    return values.get(IMAGES, ())


def _annotation(piece: str) -> tuple[str, Value]:
    """Read one annotation: a scalar on its line, or a literal block (``|``) whose first line sets the indent."""
    key, colon, value = piece.partition(": ")
    if not colon or _LINE in value:
        raise _Irregular
    if not value.startswith("|\n"):
        return _name(key), _scalar(value)
    text = value[2:]
    if text[:1] in {"", " "}:
        raise _Irregular
    return _name(key), f"{text}\n"


def _sequence(lines: list[str]) -> Value:
    """Read a sequence of one-line scalars and of mappings; the mappings are proved and left out."""
    texts: list[str] = []
    keys: set[str] | None = None
    for line in lines:
        item = line[len(_BELOW) :]
        if line.startswith(_ITEM):
            keys = set() if _is_pair(item) else None
        elif keys is None or not line.startswith(_BELOW):
            raise _Irregular
        if keys is not None:
            _pair(item, keys)
        elif text := _scalar(item):
            texts.append(text)
    return tuple(texts)


def _mapping(lines: list[str]) -> Value:
    """Prove a mapping of one-line scalars."""
    keys: set[str] = set()
    for line in lines:
        if not line.startswith(_BELOW):
            raise _Irregular
        _pair(line[len(_BELOW) :], keys)
    return ()


def _is_pair(text: str) -> bool:
    return ": " in text and text[0] not in "'\""


def _pair(text: str, keys: set[str]) -> None:
    key, colon, value = text.partition(": ")
    if not colon or key in keys:
        raise _Irregular
    keys.add(_name(key))
    _scalar(value)


def _folded(start: str, lines: list[str]) -> Value:
    """Prove a plain or quoted scalar over several lines, none of them blank or a comment."""
    for line in lines:
        if not line.startswith(_BELOW) or line[2:3] in {"", " ", "#"} or line[-1] == " ":
            raise _Irregular
    _scalar(" ".join([start, *(line[2:] for line in lines)]))
    return ()


def _scalar(text: str) -> str | None:
    """Read a scalar that stands on its line alone.

    A plain one begins with a letter, a digit or a slash, so that it is no other thing; the signs that would
    end it, and escapes in double quotes, are not read here.
    """
    first = text[:1]
    if first.isalnum() or first == "/":
        if text[-1] in ": " or "\n" in text or (" " in text and (": " in text or " #" in text)):
            raise _Irregular
        return None if text in _NULLS else text
    inner = text[1:-1]
    if len(text) > 1 and text[-1] == first:
        if first == '"' and '"' not in inner and "\\" not in inner and "\n" not in inner:
            return inner
        if first == "'" and "'" not in inner.replace("''", "") and "\n" not in inner:
            return inner.replace("''", "'")
    raise _Irregular


@lru_cache(maxsize=256)
def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise _Irregular
    return text


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
    try:
        return read_fully(text, chart)
    except Damaged as error:
        raise _unusable(str(error), where) from error


def _unusable(what: str, where: str) -> Unreachable:
    return Unreachable(what, where=where, hint=f"look at what is there: curl -fsSL {quote(where)} | head")
