"""How a text is spelled as a YAML scalar, and which characters a scalar's spelling takes up."""

from __future__ import annotations

import json
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from .nodes import reads_as_text
from .text import Edit

if TYPE_CHECKING:
    from .nodes import Alias, Scalar

BLANKS = " \t"
_PLAIN = frozenset(ascii_letters + digits + "._/:@+-")
_PLAIN_FIRST = frozenset(ascii_letters + digits + "_/")


def spelled(value: str, style: str) -> str:
    """Return ``value`` as a scalar on one line, quoted as ``style`` says where that is possible.

    Args:
        value: any text.
        style: the style of the scalar that it replaces (``Scalar.style``); a block's counts as plain.
    """
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style != '"' and _can_be_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def replacement(content: str, node: Scalar | Alias, value: str, style: str) -> list[Edit]:
    """Return the edits that put ``value`` in the place of a scalar that is not empty.

    Args:
        content: the file's characters.
        node: the scalar, or the alias that stands there.
        value: the new text.
        style: the scalar's style.
    """
    start = after_properties(content, node)
    if style not in {"|", ">"}:
        return [Edit(start, node.end, spelled(value, style))]
    header = start + len(content[start : node.end].split(maxsplit=1)[0])
    line_end = end_of_line(content, header)
    last = end_of_scalar(content, node)
    return [Edit(start, header, spelled(value, style)), Edit(min(line_end, last), last, "")]


def filling(content: str, key: Scalar, value: str, *, flow: bool) -> Edit:
    """Return the edit that puts ``value`` behind a key that has none; a comment on the line stays.

    Args:
        content: the file's characters.
        key: the key.
        value: the new text.
        flow: whether the key stands in a flow mapping, where its colon may be missing (``{name, tag}``).
    """
    text = spelled(value, "")
    colon = past_blanks(content, key.end)
    if content[colon : colon + 1] != ":":
        return Edit(key.end, key.end, f": {text}") if flow else Edit(colon, colon, text)
    rest = past_blanks(content, colon + 1)
    if rest == colon + 1 or content[rest : rest + 1] == "#":
        return Edit(colon + 1, colon + 1, f" {text}")
    return Edit(colon + 2, colon + 2, text)


def after_properties(content: str, node: Scalar | Alias) -> int:
    """Return the index of the scalar's own first character, behind its anchor and tag."""
    start = node.start
    if node.anchor or node.tag:
        while start < node.end and content[start] in "&!":
            while start < node.end and not content[start].isspace():
                start += 1
            while start < node.end and content[start].isspace():
                start += 1
    return start


def end_of_scalar(content: str, node: Scalar | Alias) -> int:
    """Return the index after the scalar's last visible character."""
    return node.start + len(content[node.start : node.end].rstrip())


def end_of_line(content: str, index: int) -> int:
    """Return the index of the line break (CR LF or LF) that ends the line of ``index``, or of the file's end."""
    end = content.find("\n", index)
    if end < 0:
        return len(content)
    return end - 1 if end > index and content[end - 1] == "\r" else end


def past_blanks(content: str, index: int) -> int:
    """Return the first index from ``index`` on that holds neither a blank nor a tab."""
    while content[index : index + 1] and content[index] in BLANKS:
        index += 1
    return index


def _can_be_plain(value: str) -> bool:
    """Whether every YAML reader takes ``value`` for itself, in block and flow context."""
    safe = value[:1] in _PLAIN_FIRST and _PLAIN.issuperset(value) and not value.endswith(":")
    return safe and reads_as_text(value)
