"""Following a path of keys and list indexes into a YAML document.

A way that an edit could not take safely is a fault at once: a key that stands twice, one that comes only
by merge, a mapping that another place shares by alias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable
from .nodes import Alias, Collection, MappingNode, Scalar, SequenceNode, described, merged, target_of

if TYPE_CHECKING:
    from .document import Document
    from .nodes import Node

Path = tuple[str, ...]
_MAX_INDEX_DIGITS = 9


class Found(NamedTuple):
    """How far a path leads.

    Attributes:
        node: the last node on the way; None in an empty document.
        key: the key that ``node`` is the value of; None for a list's item, the outermost node, and where a step
            is missing.
        parent: the mapping or list that ``node`` stands in; None as for ``key``.
        missing: the steps that are not there; empty where the path leads to ``node``.
    """

    node: Node | None
    key: Scalar | None = None
    parent: Collection | None = None
    missing: Path = ()


def reach(document: Document, steps: Path) -> Found:
    """Follow ``steps`` from the outermost node; a step of digits is an index where it meets a list.

    Raises:
        Unusable: the way is ambiguous, leads through a scalar, or is shared with another place.
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


def text_at(document: Document, steps: Path) -> str | None:
    """Return the characters of the scalar at ``steps``; None where it is missing, null or empty.

    Raises:
        Unusable: as :func:`reach`; or a mapping or list stands there.
    """
    found = reach(document, steps)
    node = target_of(found.node) if found.node and not found.missing else None
    if is_nothing(node):
        return None
    if isinstance(node, Scalar):
        return node.value or None
    raise Unusable(
        f"{'.'.join(steps)} is {described(node)}, not a text",
        where=document.place(found.node) if found.node else document.where,
        hint="give it one plain value",
    )


def is_nothing(node: Node | None) -> bool:
    """Whether there is no node, or it is null."""
    return node is None or (isinstance(node, Scalar) and node.kind == "null")


def _unshared(document: Document, node: Node | None, steps: Path) -> MappingNode | SequenceNode:
    """Return ``node`` as the mapping or list that it must be for an edit inside to change one place alone."""
    path = ".".join(steps)
    if isinstance(node, MappingNode | SequenceNode) and node not in document.shared:
        return node
    if isinstance(node, Alias):
        raise Unusable(
            f"{path} is the alias *{node.name} of line {node.target.line}, so an edit changes both",
            where=document.place(node),
            hint=f"write the value of {path} out instead of the alias",
        )
    if isinstance(node, MappingNode | SequenceNode):
        alias = document.shared[node]
        raise Unusable(
            f"{path or 'the file'} is shared with the alias *{node.anchor} of line {alias}, so an edit changes both",
            where=document.place(node),
            hint=f"write the value out at line {alias} instead of the alias",
        )
    raise Unusable(
        f"{path or 'the file'} is {described(node)}, not a mapping or a list",
        where=document.place(node) if node else document.where,
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
            where=document.where,
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
            raise Unusable(
                f"{'.'.join(steps)} comes from line {key.line} by a merge key (<<)",
                where=document.place(inside),
                hint=f"write {step}: with its own value beside the merge key",
            )
