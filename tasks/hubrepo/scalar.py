"""Setting single scalars of a YAML file, every other byte as it was.

A scalar keeps the way it is quoted. A new value always reads back as a text: plain where YAML 1.1 and 1.2
both take it for one, else in double quotes. The result is parsed again, and must differ from what was
there at the intended scalars alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable
from .document import parse
from .nodes import STRING, Alias, Collection, Scalar, described, target_of
from .route import Path, reach
from .spelling import end_of_line, end_of_scalar, filling, replacement, spelled
from .text import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Map

    from .document import Document
    from .nodes import Node


class Added(NamedTuple):
    """A key that a mapping gets.

    Attributes:
        after: the path of the entry that it follows; that must be a scalar.
        key: the key.
        value: its value, a text.
    """

    after: Path
    key: str
    value: str


class _Slot(NamedTuple):
    """A scalar with its key (None for a list's item), and whether it stands in a flow mapping or list."""

    node: Scalar | Alias
    key: Scalar | None
    flow: bool


def with_scalars(document: Document, changes: Map[Path, str], added: Added | None = None) -> bytes | None:
    """Set the scalar at each path to a text.

    Args:
        document: the file.
        changes: the new text for each path; every path must lead to a scalar.
        added: a key to add behind one of them.

    Returns:
        The file's new bytes, or None where it says all that already.

    Raises:
        Unusable: a path leads to no scalar, or to one that other places share; or the result would differ
            anywhere else.
    """
    edits: list[Edit] = []
    written: dict[int, str] = {}
    for path, value in changes.items():
        slot = _slot(document, path)
        if not says(slot.node, value):
            edits += _rewrite(document, slot, path, value)
            written[slot.node.order] = value
    behind: int | None = None
    if added is not None:
        slot = _slot(document, added.after)
        edits.append(_insertion(document, slot, added))
        behind = slot.node.order
    if not edits:
        return None
    data = document.text.edited(edits)
    _prove(document, data, list(_expected(document, written, behind, added)))
    return data


def says(node: Node, value: str) -> bool:
    """Whether ``node`` is, or stands for, the text ``value`` to every YAML reader."""
    node = target_of(node)
    return isinstance(node, Scalar) and node.is_text and node.value == value


def _slot(document: Document, path: Path) -> _Slot:
    found = reach(document, path)
    if found.missing or not isinstance(found.node, Scalar | Alias):
        raise Unusable(
            f"{'.'.join(path)} is {'missing' if found.missing else f'{described(found.node)}, not a text'}",
            where=document.place(found.node) if found.node else document.where,
            hint="give it one plain value",
        )
    return _Slot(found.node, found.key, found.parent is not None and found.parent.flow)


def _rewrite(document: Document, slot: _Slot, path: Path, value: str) -> list[Edit]:
    node, content = slot.node, document.text.content
    if isinstance(node, Alias):
        return [Edit(node.start, node.end, spelled(value, ""))]
    _refuse_bound(document, node, path)
    if not _is_empty(node):
        return replacement(content, node, value, node.style)
    if node.anchor or node.tag or slot.key is None:
        return [Edit(node.end, node.end, f" {spelled(value, '')}")]
    return [filling(content, slot.key, value, flow=slot.flow)]


def _is_empty(node: Scalar | Alias) -> bool:
    return isinstance(node, Scalar) and not node.style and not node.value


def _refuse_bound(document: Document, node: Scalar, path: Path) -> None:
    """Refuse a scalar that another place shares, or whose tag makes it something else than a text."""
    if node in document.shared:
        line = document.shared[node]
        raise Unusable(
            f"{'.'.join(path)} is shared with the alias *{node.anchor} of line {line}, so an edit changes both",
            where=document.place(node),
            hint=f"write the value out at line {line} instead of the alias",
        )
    if node.tag not in {None, "!", STRING}:
        raise Unusable(
            f"{'.'.join(path)} carries the tag {node.tag}, so it cannot be a text",
            where=document.place(node),
            hint="remove the tag",
        )


def _insertion(document: Document, slot: _Slot, added: Added) -> Edit:
    """Return the edit that adds an entry behind ``slot``, in the style of its neighbour."""
    key, node, content = slot.key, slot.node, document.text.content
    if key is None:
        raise Unusable(f"{'.'.join(added.after)} has no key", where=document.place(node), hint="write a mapping there")
    name = spelled(added.key, key.style)
    value = spelled(added.value, node.style if isinstance(node, Scalar) else "")
    last = _last(content, node, key, flow=slot.flow)
    if slot.flow:
        return Edit(last, last, f", {name}: {value}")
    end = end_of_line(content, last)
    return Edit(end, end, f"{_newline(content, end)}{' ' * key.column}{name}: {value}")


def _last(content: str, node: Scalar | Alias, key: Scalar, *, flow: bool) -> int:
    """Return the index behind the entry's value, or behind where its value will be put."""
    if not _is_empty(node):
        return end_of_scalar(content, node)
    return node.end if node.anchor or node.tag else filling(content, key, "", flow=flow).start


def _newline(content: str, end: int) -> str:
    """Return the line break that stands at ``end``, or that the file uses where it ends there."""
    here = content[end : end + 2] or content
    return "\r\n" if "\r\n" in here else "\n"


def _expected(
    document: Document, written: Map[int, str], behind: int | None, added: Added | None
) -> Iterator[Node | str | None]:
    """Yield the outline that the edited file must have: a str means any scalar that reads as that text."""
    for node in document.outline:
        if node is None:
            yield None
            continue
        yield written.get(node.order, node)
        if added is not None and node.order == behind:
            yield from (added.key, added.value)


def _prove(document: Document, data: bytes, expected: list[Node | str | None]) -> None:
    """Refuse ``data`` unless it parses to ``expected``."""
    try:
        outline = parse(data, document.where).outline
    except Unusable as error:
        raise _unsafe(document) from error
    if len(outline) != len(expected) or not all(map(_is_same, expected, outline)):
        raise _unsafe(document)


def _unsafe(document: Document) -> Unusable:
    return Unusable(
        "the file cannot be edited there without changing something else",
        where=document.where,
        hint="write each value plainly on one line with its key",
    )


def _is_same(expected: Node | str | None, found: Node | None) -> bool:
    if expected is None or found is None:
        return expected is found
    if isinstance(expected, str):
        return isinstance(found, Scalar) and says(found, expected)
    return _facts(expected) == _facts(found)


def _facts(node: Node) -> tuple[object, ...]:
    """Return all that ``node`` means, without where it stands."""
    own: tuple[object, ...] = ()
    if isinstance(node, Scalar):
        own = (node.value, node.style)
    elif isinstance(node, Alias):
        own = (node.name,)
    elif isinstance(node, Collection):
        own = (node.flow,)
    return type(node), node.tag, node.anchor, *own
