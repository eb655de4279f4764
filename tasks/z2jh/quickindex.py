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

A piece of an entry (a key with its value) is proved once; thousands of entries share most of their pieces.
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
_MOST_KNOWN = 4096

# A new chart or entry: two columns in. A new key of an entry: four. A new annotation: six.
_PIECE = re.compile(r"\n {2}(?=[^ \n])")
_KEY = re.compile(r"\n {4}(?=[^ \n-])")
_ANNOTATION = re.compile(r"\n {6}(?=[^ \n-])")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._/-]{0,100}")
# What is neither text nor the newline that Helm writes: YAML forbids it, or breaks a line there.
_ODD = re.compile(r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NULLS = frozenset({"null", "Null", "NULL"})
_PLAIN_ASCII = b"\n" + bytes(range(0x20, 0x7F))
_BELOW = " " * 6
_IN_TEXT = "\n" + " " * 8


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
    prove = lru_cache(maxsize=_MOST_KNOWN)(_field)
    charts: set[str] = set()
    wanted = False
    for count, piece in enumerate(_pieces(_body(text))):
        if count > _MOST_PIECES:
            raise _Irregular
        if piece.startswith("- ") and charts:
            fields = _fields(piece[2:], prove)
            if wanted:
                yield _release(fields)
        else:
            name = _name(piece.removesuffix(":"))
            if name in charts or not piece.endswith(":"):
                raise _Irregular
            charts.add(name)
            wanted = name == chart


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
    return _ODD.search(text) is not None


def _pieces(body: str) -> Iterator[str]:
    """Cut the charts' lines into the heads of charts and their entries, without the indent before them.

    It yields one piece after the other: an index of nothing but cuts must not fill the memory.
    """
    if _PIECE.match("\n" + body[:3]) is None:
        raise _Irregular
    begin = 2
    for following in _PIECE.finditer(body, begin):
        yield body[begin : following.start()]
        begin = following.end()
    yield body[begin:]


def _fields(entry: str, prove: Callable[[str], tuple[str, Value]]) -> Fields:
    """Read one entry, without the dash before it."""
    if len(entry) > _LARGEST_ENTRY:
        raise _Irregular
    pieces = _KEY.split(entry)
    fields = dict(map(prove, pieces))
    if len(fields) < len(pieces):
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
        images=_text(fields, "annotations"),
    )


def _text(fields: Fields, key: str) -> str | None:
    value = fields.get(key)
    if isinstance(value, tuple):
        raise _Irregular
    return value


def _field(piece: str) -> tuple[str, Value]:
    """Read one key of an entry with its value: ``piece`` is the key's line and those below it."""
    head, below, rest = piece.partition("\n")
    key, colon, value = head.partition(": ")
    if not below:
        if not colon or key == "annotations":
            raise _Irregular
        return _name(key), _scalar(value)
    lines = rest.split("\n")
    if colon:
        return _name(key), _folded(value, lines)
    if not head.endswith(":"):
        raise _Irregular
    key = _name(head[:-1])
    if key == "annotations":
        return key, _images(rest)
    return key, _sequence(lines) if rest.startswith("    - ") else _mapping(lines)


def _images(text: str) -> Value:
    """Read the annotations of an entry: the text of the one that lists the images, () where there is none."""
    if not text.startswith(_BELOW):
        raise _Irregular
    pieces = _ANNOTATION.split(text[len(_BELOW) :])
    values = dict(map(_annotation, pieces))
    if len(values) < len(pieces):
        raise _Irregular
    return values.get(IMAGES, ())


def _annotation(piece: str) -> tuple[str, Value]:
    key, colon, value = piece.partition(": ")
    if not colon:
        raise _Irregular
    return _name(key), _literal(value[1:]) if value.startswith("|\n") else _scalar(value)


def _literal(text: str) -> str:
    """Read the lines of a literal block scalar (``|``): none is blank, the first one sets the indent."""
    if text.count("\n") > text.count(_IN_TEXT) or text[len(_IN_TEXT) : len(_IN_TEXT) + 1] in {"", " "}:
        raise _Irregular
    return text.replace(_IN_TEXT, "\n")[1:] + "\n"


def _sequence(lines: list[str]) -> Value:
    """Read a sequence of one-line scalars and of mappings; the mappings are proved and left out."""
    texts: list[str] = []
    keys: set[str] | None = None
    for line in lines:
        item = line[6:]
        if line.startswith("    - "):
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
        if not line.startswith(_BELOW) or line[6:7] in {"", " ", "#"} or line[-1] == " ":
            raise _Irregular
    _scalar(" ".join([start, *(line[6:] for line in lines)]))
    return ()


def _scalar(text: str) -> str | None:
    """Read a scalar that stands on its line alone.

    A plain one begins with a letter, a digit or a slash, so that it is no other thing; the signs that would
    end it, and escapes in double quotes, are not read here.
    """
    first = text[:1]
    if first.isalnum() or first == "/":
        if ": " in text or " #" in text or text[-1] in ": ":
            raise _Irregular
        return None if text in _NULLS else text
    inner = text[1:-1]
    if len(text) > 1 and text[-1] == first:
        if first == '"' and '"' not in inner and "\\" not in inner:
            return inner
        if first == "'" and "'" not in inner.replace("''", ""):
            return inner.replace("''", "'")
    raise _Irregular


@lru_cache(maxsize=256)
def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise _Irregular
    return text
