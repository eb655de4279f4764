"""Set single scalars of a YAML file, found by a path of keys, and leave every other byte as it is.

A scalar keeps its quotes. A new value always reads back as a text: plain where YAML 1.1 and 1.2 both take it for one,
else in double quotes. The result is parsed again, and must differ only at the intended scalars.
What cannot be edited safely is refused: a duplicate key, what another place shares, a value with a tag, an anchor, or
in a block.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from string import ascii_letters, digits
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import (
    Alias,
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
_TEXT, _GIVE_TEXT = "a string", "give it one plain value"


class Found(NamedTuple):
    """Where a path leads: to ``node``, the value of ``key`` in the mapping or list ``around``.

    Attributes:
        node: what is there, never an alias; None where it is missing.
        missing: the steps that ``around`` does not have.
        shared: the fault of an edit there, where another place would change too.
    """

    node: Node | None
    around: Node | None = None
    key: Scalar | None = None
    missing: Path = ()
    shared: Unusable | None = None


def reach(document: Document, steps: Path) -> Found:
    """Follow ``steps`` from the outermost node, through aliases and merge keys, as Helm does."""
    here = Found(document.root, shared=_sharing(document, document.root, ()))
    for taken, step in enumerate(steps):
        there = None if is_nothing(here.node) else _step(document, here, step, steps[: taken + 1])
        if there is None:
            return Found(None, here.node, missing=steps[taken:], shared=here.shared)
        here = there
    return here


def text_at(document: Document, steps: Path) -> str | None:
    """Return the characters of the scalar at ``steps``; None if it is missing, null or empty."""
    node = reach(document, steps).node
    if is_nothing(node):
        return None
    if isinstance(node, Scalar):
        return node.value or None
    raise mismatch(document, node, ".".join(steps), _TEXT, _GIVE_TEXT)


def is_nothing(node: Node | None) -> bool:
    """Whether there is no node, or it is null."""
    return node is None or (isinstance(node, Scalar) and node.kind == "null")


def with_scalars(document: Document, changes: Mapping[Path, str]) -> bytes | None:
    """Set the scalar at each path to a text; return the new bytes, or None if nothing changes."""
    edits: list[Edit] = []
    written: dict[Node | None, str] = {}
    for path, value in changes.items():
        found, name = reach(document, path), ".".join(path)
        node = found.node
        if found.missing:
            hint = f'add "{": ".join(found.missing)}:" there'
            raise Unusable(f"{name} is missing", where=document.place(found.around), hint=hint)
        if not isinstance(node, Scalar):
            raise mismatch(document, node, name, _TEXT, _GIVE_TEXT)
        if not _reads_as(node, value):
            if found.shared:
                raise found.shared
            edits.append(_rewrite(document, node, found.key, value))
            written[node] = value
    if not edits:
        return None
    data = document.text.edited(edits)
    try:
        outline = parse_all(data, document.where)[0].outline
    except Unusable:
        outline = ()
    is_same = (
        _reads_as(now, written[before]) if before in written else _facts(now) == _facts(before)
        for before, now in zip(document.outline, outline, strict=False)
    )
    if len(outline) != len(document.outline) or not all(is_same):
        raise _not_plain(document.where)
    return data


def mismatch(document: Document, node: Node | None, name: str, wanted: str, hint: str | None = None) -> Unusable:
    """Return the fault of ``node``, which stands at ``name`` where something else is wanted."""
    what = f"{name} is {described(node)}, not {wanted}"
    return Unusable(what, where=document.place(node), hint=hint or f"write {wanted} there")


def _rewrite(document: Document, node: Scalar, key: Scalar | None, value: str) -> Edit:
    """Return the edit that puts ``value`` in the place of a scalar, or behind a key that has no value."""
    content = document.text.content
    if node.tag or node.anchor or node.style in {"|", ">"}:
        raise _not_plain(document.place(node))
    if key is None or node.style or node.value:
        return Edit(node.start, node.end, _spelled(value, node.style))
    colon = len(content) - len(content[key.end :].lstrip(_BLANKS))
    rest = len(content) - len(content[colon + 1 :].lstrip(_BLANKS))
    if rest > colon + 1 and content[rest : rest + 1] != "#":
        return Edit(colon + 2, colon + 2, _spelled(value, ""))
    return Edit(colon + 1, colon + 1, f" {_spelled(value, '')}")


def _not_plain(where: str) -> Unusable:
    return Unusable(
        "the file cannot be edited there without changing something else",
        where=where,
        hint="write each value plainly on one line with its key",
    )


def _facts(node: Node | None) -> tuple[object, ...]:
    own = ("tag", "anchor", "value", "style", "name", "flow")
    return (type(node), *(getattr(node, attribute, None) for attribute in own))


def _reads_as(node: Node | None, value: str) -> bool:
    """Whether ``node`` is the text ``value`` to every YAML reader."""
    return isinstance(node, Scalar) and node.is_text and node.value == value


def _spelled(value: str, style: str) -> str:
    """Return ``value`` as a scalar on one line, in the ``Scalar.style`` where possible."""
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    # What every YAML reader reads as it is, in block and flow context.
    begins_plain = value[:1] in _PLAIN_FIRST or _OPTION.match(value)
    is_safe = begins_plain and _PLAIN.issuperset(value) and not value.endswith(":")
    if style != '"' and is_safe and reads_as_text(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _sharing(document: Document, node: Node | None, path: Path) -> Unusable | None:
    """Return the fault of an edit at ``path`` where ``node`` is an alias, or has one elsewhere."""
    line = node.target.line if isinstance(node, Alias) else document.shared.get(node) if node else None
    return None if node is None or line is None else _shared(document, node, path, line)


def _shared(document: Document, node: Node, path: Path, line: int) -> Unusable:
    where = ".".join(path) or "the file"
    return Unusable(
        f"{where} is shared with line {line}, so an edit changes both",
        where=document.place(node),
        hint=f"write the value of {where} out, without an alias or merge key (<<)",
    )


def _step(document: Document, here: Found, step: str, steps: Path) -> Found | None:
    """Return where ``step`` leads to from ``here``, or None; raises Unusable where nothing can be below, or two are."""
    above, inside = ".".join(steps[:-1]) or "the file", here.node
    entries: Sequence[tuple[Scalar | None, Node]] = []
    shared = here.shared
    if isinstance(inside, SequenceNode):
        index = _index(step)
        if index is None:
            hint = "name the item by its number, counted from 0"
            raise mismatch(document, inside, above, "a mapping", hint)
        entries = [(None, item) for item in inside.children[index : index + 1]]
    elif isinstance(inside, MappingNode):
        entries = own = inside.own(step)
        if len(own) > 1:
            lines = " and ".join(str(key.line) for key, _ in own)
            raise Unusable(
                f"{'.'.join(steps)} is ambiguous: the key {step} stands on lines {lines}",
                where=document.where,
                hint="keep one of them: Helm reads the last, chartpress refuses both",
            )
        if not own and (below := [entry for source in merged(inside) for entry in source.own(step)[-1:]]):
            entries, shared = below, shared or _shared(document, inside, steps, below[0][0].line)
    else:
        raise mismatch(document, inside, above, "a mapping or a list", "correct the path, or the file")
    for key, node in entries:
        return Found(target_of(node), inside, key, shared=shared or _sharing(document, node, steps))
    return None


def _index(step: str) -> int | None:
    return int(step) if step.isascii() and step.isdigit() and len(step) <= _MAX_INDEX_DIGITS else None
