"""Set single scalars of a YAML file, found by a path of keys, and leave every other byte as it is.

A scalar keeps its quotes. A new value always reads back as a text: plain where YAML 1.1 and 1.2 both take it for one,
else in double quotes. The result is parsed again, and must differ at the intended scalars alone.

A path that an edit cannot follow safely is refused: a key that stands twice, one that comes only by merge, a mapping
that another place shares by alias.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from collections.abc import Mapping as Map
from string import ascii_letters, digits
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import (
    STRING,
    Alias,
    Collection,
    Document,
    Edit,
    MappingNode,
    Node,
    Scalar,
    SequenceNode,
    described,
    merged,
    parse_all,
    reads_as_text,
    target_of,
)

_BLANKS = " \t"
_PLAIN = frozenset(ascii_letters + digits + "._/:@+-=")
# A plain scalar may begin so, too: `--build-arg=A=1`.
_OPTION = re.compile(r"--?[a-z]")
_PLAIN_FIRST = frozenset(ascii_letters + digits + "_/")
Path = tuple[str, ...]
_MAX_INDEX_DIGITS = 9


class Shared(Unusable):
    """What stands at a path is shared with another place, so it can be read and not edited."""


class Found(NamedTuple):
    """How far a path leads.

    Attributes:
        node: the last node on the way; None in an empty document.
        key: the key that ``node`` is the value of, if any.
        parent: the mapping or list that ``node`` is in, if any.
        missing: the steps that do not exist; empty where the path leads to ``node``.
    """

    node: Node | None
    key: Scalar | None = None
    parent: Collection | None = None
    missing: Path = ()


class Added(NamedTuple):
    """A key with its text that a mapping gets, after the scalar entry whose path is ``after``."""

    after: Path
    key: str
    value: str


def reach(document: Document, steps: Path) -> Found:
    """Follow ``steps`` from the outermost node; a step of digits is an index where it meets a list.

    Raises:
        Shared: the way is shared with another place.
        Unusable: it is ambiguous, or leads through a scalar.
    """
    here = Found(document.root)
    for taken, step in enumerate(steps):
        node = here.node
        if is_nothing(node):
            return Found(node, missing=steps[taken:])
        collection = _unshared(document, node, steps[:taken])
        there = _step(document, collection, step, steps[: taken + 1])
        if there is None:
            return Found(node, missing=steps[taken:])
        here = there
    if here.node and isinstance(target_of(here.node), Collection):
        _unshared(document, here.node, steps)
    return here


def follow(document: Document, steps: Path) -> Node | None:
    """Return the node that ``steps`` lead to, for reading alone: through aliases and merge keys, as Helm reads them.

    It is None where they lead nowhere. Of equal keys the last counts.
    """
    node = document.root and target_of(document.root)
    for step in steps:
        if isinstance(node, SequenceNode):
            index = int(step) if step.isascii() and step.isdigit() and len(step) <= _MAX_INDEX_DIGITS else -1
            found = node.children[index : index + 1] if index >= 0 else []
        elif isinstance(node, MappingNode):
            found = [value for source in (node, *merged(node)) for _, value in source.own(step)[-1:]]
        else:
            found = []
        node = target_of(found[0]) if found else None
    return node


def text_at(document: Document, steps: Path) -> str | None:
    """Return the characters of the scalar at ``steps``; None if it is missing, null or empty.

    Raises:
        Unusable: as :func:`reach`; or it is a mapping or list.
    """
    found = reach(document, steps)
    node = target_of(found.node) if found.node and not found.missing else None
    if is_nothing(node):
        return None
    if isinstance(node, Scalar):
        return node.value or None
    raise Unusable(
        f"{'.'.join(steps)} is {described(node)}, not a string",
        where=document.place(found.node) if found.node else document.text.where,
        hint="give it one plain value",
    )


def is_nothing(node: Node | None) -> bool:
    """Whether there is no node, or it is null."""
    return node is None or (isinstance(node, Scalar) and node.kind == "null")


def with_scalars(document: Document, changes: Map[Path, str], added: Added | None = None) -> bytes | None:
    """Set the scalar at each path to a text, and add a key; return the new bytes, or None if nothing changes.

    Raises:
        Unusable: a path leads to no scalar, or to one that other places share; or the result would differ
            anywhere else.
    """
    edits: list[Edit] = []
    written: dict[int, str] = {}
    for path, value in changes.items():
        slot = _slot(document, path)
        if not _reads_as(slot.node, value):
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
    _require_only(document, data, list(_expected(document, written, behind, added)))
    return data


class _Slot(NamedTuple):
    """A scalar with its key (None for a list's item), and whether it is in a flow mapping or list."""

    node: Scalar | Alias
    key: Scalar | None
    flow: bool


def _slot(document: Document, path: Path) -> _Slot:
    found = reach(document, path)
    if found.missing or not isinstance(found.node, Scalar | Alias):
        raise Unusable(
            f"{'.'.join(path)} is {'missing' if found.missing else f'{described(found.node)}, not a string'}",
            where=document.place(found.node) if found.node else document.text.where,
            hint="give it one plain value",
        )
    return _Slot(found.node, found.key, found.parent is not None and found.parent.flow)


def _rewrite(document: Document, slot: _Slot, path: Path, value: str) -> list[Edit]:
    node, content = slot.node, document.text.content
    if isinstance(node, Alias):
        return [Edit(node.start, node.end, _spelled(value, ""))]
    _refuse_bound(document, node, path)
    if not _is_empty(node):
        return _replacement(content, node, value, node.style)
    if node.anchor or node.tag or slot.key is None:
        return [Edit(node.end, node.end, f" {_spelled(value, '')}")]
    return [_filling(content, slot.key, value, flow=slot.flow)]


def _insertion(document: Document, slot: _Slot, added: Added) -> Edit:
    """Return the edit that adds an entry after ``slot``, in the same style."""
    key, node, content = slot.key, slot.node, document.text.content
    if key is None:
        raise Unusable(f"{'.'.join(added.after)} has no key", where=document.place(node), hint="write a mapping there")
    name = _spelled(added.key, key.style)
    value = _spelled(added.value, node.style if isinstance(node, Scalar) else "")
    last = _last(content, node, key, flow=slot.flow)
    if slot.flow:
        return Edit(last, last, f", {name}: {value}")
    end = _end_of_line(content, last)
    newline = "\r\n" if "\r\n" in (content[end : end + 2] or content) else "\n"
    return Edit(end, end, f"{newline}{' ' * key.column}{name}: {value}")


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


def _require_only(document: Document, data: bytes, expected: list[Node | str | None]) -> None:
    """Refuse ``data`` unless it parses to ``expected``."""
    try:
        outline = parse_all(data, document.text.where)[0].outline
    except Unusable as error:
        raise _unsafe(document) from error
    if len(outline) != len(expected) or not all(map(_is_same, expected, outline)):
        raise _unsafe(document)


def _spelled(value: str, style: str) -> str:
    """Return ``value`` as a scalar on one line, in the ``Scalar.style`` where possible; a block counts as plain."""
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    # What every YAML reader reads as it is, in block and flow context.
    begins_plain = value[:1] in _PLAIN_FIRST or _OPTION.match(value)
    is_safe = begins_plain and _PLAIN.issuperset(value) and not value.endswith(":")
    if style != '"' and is_safe and reads_as_text(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _replacement(content: str, node: Scalar | Alias, value: str, style: str) -> list[Edit]:
    """Return the edits that put ``value`` in the place of a scalar that is not empty."""
    start = _after_properties(content, node)
    if style not in {"|", ">"}:
        return [Edit(start, node.end, _spelled(value, style))]
    header = start + len(content[start : node.end].split(maxsplit=1)[0])
    line_end = _end_of_line(content, header)
    last = _end_of_scalar(content, node)
    return [Edit(start, header, _spelled(value, style)), Edit(min(line_end, last), last, "")]


def _filling(content: str, key: Scalar, value: str, *, flow: bool) -> Edit:
    """Return the edit that puts ``value`` after a key that has none; a comment on the line stays.

    In a flow mapping the colon may be missing (``{name, tag}``).
    """
    text = _spelled(value, "")
    colon = _past_blanks(content, key.end)
    if content[colon : colon + 1] != ":":
        return Edit(key.end, key.end, f": {text}") if flow else Edit(colon, colon, text)
    rest = _past_blanks(content, colon + 1)
    if rest == colon + 1 or content[rest : rest + 1] == "#":
        return Edit(colon + 1, colon + 1, f" {text}")
    return Edit(colon + 2, colon + 2, text)


def _after_properties(content: str, node: Scalar | Alias) -> int:
    """Return the index of the scalar's first character after its anchor and tag."""
    start = node.start
    if node.anchor or node.tag:
        while start < node.end and content[start] in "&!":
            while start < node.end and not content[start].isspace():
                start += 1
            while start < node.end and content[start].isspace():
                start += 1
    return start


def _end_of_scalar(content: str, node: Scalar | Alias) -> int:
    """Return the index after the scalar's last visible character."""
    return node.start + len(content[node.start : node.end].rstrip())


def _end_of_line(content: str, index: int) -> int:
    """Return the index of the line break (CR LF or LF) after ``index``, or of the file's end."""
    end = content.find("\n", index)
    if end < 0:
        return len(content)
    return end - 1 if end > index and content[end - 1] == "\r" else end


def _past_blanks(content: str, index: int) -> int:
    """Return the first index from ``index`` on that is neither a blank nor a tab."""
    while content[index : index + 1] and content[index] in _BLANKS:
        index += 1
    return index


def _reads_as(node: Node, value: str) -> bool:
    """Whether ``node`` is, or stands for, the text ``value`` to every YAML reader."""
    node = target_of(node)
    return isinstance(node, Scalar) and node.is_text and node.value == value


def _is_empty(node: Scalar | Alias) -> bool:
    return isinstance(node, Scalar) and not node.style and not node.value


def _refuse_bound(document: Document, node: Scalar, path: Path) -> None:
    """Refuse a scalar that another place shares, or that is no text because of its tag."""
    if node in document.shared:
        line = document.shared[node]
        raise Shared(
            f"{'.'.join(path)} is shared with the alias *{node.anchor} of line {line}, so an edit changes both",
            where=document.place(node),
            hint=f"write the value out at line {line} instead of the alias",
        )
    if node.tag not in {None, "!", STRING}:
        raise Unusable(
            f"{'.'.join(path)} carries the tag {node.tag}, so it cannot be a string",
            where=document.place(node),
            hint="remove the tag",
        )


def _last(content: str, node: Scalar | Alias, key: Scalar, *, flow: bool) -> int:
    """Return the index after the entry's value, or where its value will be put."""
    if not _is_empty(node):
        return _end_of_scalar(content, node)
    return node.end if node.anchor or node.tag else _filling(content, key, "", flow=flow).start


def _unsafe(document: Document) -> Unusable:
    return Unusable(
        "the file cannot be edited there without changing something else",
        where=document.text.where,
        hint="write each value plainly on one line with its key",
    )


def _is_same(expected: Node | str | None, found: Node | None) -> bool:
    if expected is None or found is None:
        return expected is found
    if isinstance(expected, str):
        return isinstance(found, Scalar) and _reads_as(found, expected)
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


def _unshared(document: Document, node: Node | None, steps: Path) -> MappingNode | SequenceNode:
    """Return ``node`` as the mapping or list that it must be for an edit inside to change one place alone."""
    path = ".".join(steps)
    if isinstance(node, MappingNode | SequenceNode) and node not in document.shared:
        return node
    if isinstance(node, Alias):
        raise Shared(
            f"{path} is the alias *{node.name} of line {node.target.line}, so an edit changes both",
            where=document.place(node),
            hint=f"write the value of {path} out instead of the alias",
        )
    if isinstance(node, MappingNode | SequenceNode):
        alias = document.shared[node]
        raise Shared(
            f"{path or 'the file'} is shared with the alias *{node.anchor} of line {alias}, so an edit changes both",
            where=document.place(node),
            hint=f"write the value out at line {alias} instead of the alias",
        )
    raise Unusable(
        f"{path or 'the file'} is {described(node)}, not a mapping or a list",
        where=document.place(node) if node else document.text.where,
        hint="correct the path, or the file",
    )


def _step(document: Document, inside: MappingNode | SequenceNode, step: str, steps: Path) -> Found | None:
    if isinstance(inside, SequenceNode):
        return _item(document, inside, step, steps)
    entries = inside.own(step)
    if len(entries) > 1:
        lines = " and ".join(str(key.line) for key, _ in entries)
        raise Unusable(
            f"{'.'.join(steps)} is ambiguous: the key {step} stands on lines {lines}",
            where=document.text.where,
            hint="keep one of them: Helm reads the last, chartpress refuses both",
        )
    if entries:
        return Found(entries[0][1], entries[0][0], inside)
    _refuse_merged(document, inside, step, steps)
    return None


def _item(document: Document, items: SequenceNode, step: str, steps: Path) -> Found | None:
    if not (step.isascii() and step.isdigit()):
        raise Unusable(
            f"{'.'.join(steps[:-1]) or 'the file'} is a list, so {step} is not in it",
            where=document.place(items),
            hint="name the item by its number, counted from 0",
        )
    index = int(step[-_MAX_INDEX_DIGITS:]) if len(step.lstrip("0")) <= _MAX_INDEX_DIGITS else len(items.children)
    return Found(items.children[index], None, items) if index < len(items.children) else None


def _refuse_merged(document: Document, inside: MappingNode, step: str, steps: Path) -> None:
    for source in merged(inside):
        for key, _ in source.own(step):
            raise Shared(
                f"{'.'.join(steps)} comes from line {key.line} by a merge key (<<)",
                where=document.place(inside),
                hint=f"write {step}: with its own value beside the merge key",
            )
