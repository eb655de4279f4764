"""The quick way to read an index: for the one shape that Helm itself writes.

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
from functools import lru_cache
from typing import TYPE_CHECKING

from .release import IMAGES, Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
