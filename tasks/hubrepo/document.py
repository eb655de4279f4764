"""A YAML file as a tree that knows where every scalar stands.

The tree is built from ruamel.yaml's events and not by its composer: an alias stays an alias, so that a
bomb of aliases is as small as its text; duplicate keys stay, as Helm takes them; and nesting is counted,
never recursed into.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from ..faults import Unusable
from .nodes import MERGE, Alias, Collection, MappingNode, Node, Scalar, SequenceNode
from .text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 100
# Nodes and ends of mappings and lists; ruamel.yaml takes some seconds for as many.
MAX_NODES = 100_000
_MOST_KEPT = 8


class Document(NamedTuple):
    """One YAML document.

    Attributes:
        text: its characters.
        root: the outermost node; None for an empty file.
        outline: every node in the order of the text, with None where a mapping or list ends.
        shared: every node that an alias stands for, with the line of its first alias.
    """

    text: Text
    root: Node | None
    outline: tuple[Node | None, ...]
    shared: dict[Node, int]

    @property
    def where(self) -> str:
        """The path shown to people."""
        return self.text.where

    def place(self, node: Node) -> str:
        """Return ``path:line`` of ``node``."""
        return f"{self.where}:{node.line}"


@lru_cache(maxsize=_MOST_KEPT)
def parse(data: bytes, where: str) -> Document:
    """Read one YAML document; ``where`` is the path shown to people.

    A file is asked for several things in a run: what was read last is kept.

    Raises:
        Unusable: not UTF-8, not YAML, several documents, or out of bounds (``MAX_BYTES``, ``MAX_DEPTH``,
            ``MAX_NODES``).
    """
    text = Text.decode(data, where)
    builder = _Builder(where)
    try:
        for event in YAML(typ="safe", pure=True).parse(_without_tabs(text.content)):
            builder.take(event)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _not_yaml(error.problem or error.context, f"{where}:{line}") from error
    except (YAMLError, ValueError, OverflowError, AssertionError) as error:  # how it takes odd numbers
        raise _not_yaml(getattr(error, "reason", None) or error, where) from error
    return Document(text, builder.root, tuple(builder.outline), builder.shared)


def duplicates(document: Document) -> Iterator[tuple[Scalar, Scalar]]:
    """Yield each key that stands twice in one mapping: its first place and the later one."""
    for node in document.outline:
        if not isinstance(node, MappingNode):
            continue
        seen: dict[str, Scalar] = {}
        for key, _ in node.entries:
            if not isinstance(key, Scalar) or key.value == MERGE:
                continue
            first = seen.setdefault(key.value, key)
            if first is not key:
                yield first, key


def _without_tabs(content: str) -> str:
    """Return ``content`` with blanks for the tabs inside of lines, every index as before.

    Helm's reader takes a tab for a blank there (``tag: x<tab># why``), ruamel.yaml's does not. Tabs that indent stay
    the fault that they are. A scalar's value has blanks for tabs, too: no image and no version has any.
    """
    if "\t" not in content:
        return content
    lines = content.split("\n")
    return "\n".join(line[: _indent(line)] + line[_indent(line) :].replace("\t", " ") for line in lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _not_yaml(problem: object, where: str) -> Unusable:
    return Unusable(f"not YAML: {problem}", where=where, hint="correct the file there")


class _Builder:
    """Makes the tree from events, one at a time."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.root: Node | None = None
        self.outline: list[Node | None] = []
        self.shared: dict[Node, int] = {}
        self._anchors: dict[str, Node] = {}
        self._open: list[Collection] = []
        self._documents = 0

    def take(self, event: Event) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._unusable("the file holds several YAML documents", line, "keep one of them")
        elif isinstance(event, CollectionEndEvent):
            self.outline.append(None)
            self._open.pop()
        elif isinstance(event, AliasEvent):
            self._add(self._alias(event, line))
        elif isinstance(event, ScalarEvent):
            if event.start_mark.index == event.end_mark.index and self._open and self._open[-1].children:
                line = self._open[-1].children[-1].line  # an empty value is marked where the next thing begins
            self._add(Scalar(*self._common(event, line), event.value, event.style or ""))
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            make = MappingNode if isinstance(event, MappingStartEvent) else SequenceNode
            self._enter(make(*self._common(event, line), bool(event.flow_style)))

    def _common(self, event: NodeEvent, line: int) -> tuple[int, int, int, int, int, str | None, str | None]:
        start, end = event.start_mark, event.end_mark
        tag = getattr(event, "tag", None)
        anchor = event.anchor
        return start.index, end.index, line, start.column, len(self.outline), tag and str(tag), anchor

    def _alias(self, event: AliasEvent, line: int) -> Alias:
        target = self._anchors.get(event.anchor)
        if target is None:
            raise self._unusable(f"no anchor &{event.anchor} before the alias *{event.anchor}", line, "mend the name")
        self.shared.setdefault(target, line)
        start, end, line, column, order, _, _ = self._common(event, line)
        return Alias(start, end, line, column, order, None, None, event.anchor, target)

    def _enter(self, collection: Collection) -> None:
        self._add(collection)
        self._open.append(collection)
        if len(self._open) > MAX_DEPTH:
            raise self._unusable(f"nested deeper than {MAX_DEPTH} levels", collection.line, "flatten it")

    def _add(self, node: Node) -> None:
        if len(self.outline) >= MAX_NODES:
            raise self._unusable(f"more than {MAX_NODES} keys and values", node.line, "name the right file")
        self.outline.append(node)
        if node.anchor:
            self._anchors[node.anchor] = node
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node

    def _unusable(self, what: str, line: int, hint: str) -> Unusable:
        return Unusable(what, where=f"{self.where}:{line}", hint=hint)
