"""A YAML file as a tree that knows where every scalar stands.

The tree is built from ruamel.yaml's events and not by its composer: an alias stays an alias, so that a
bomb of aliases is as small as its text; duplicate keys stay, as Helm takes them; and nesting is counted,
never recursed into.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

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
from ruamel.yaml.resolver import implicit_resolvers

from .faults import Unusable

STRING = "tag:yaml.org,2002:str"
MERGE = "<<"
_PREFIX = "tag:yaml.org,2002:"
_SHOWN = 40  # characters of a value in a message
_KIND_NAMES = {"str": "the text", "int": "the number", "float": "the number", "bool": "the truth value"}


@dataclass(eq=False)
class Node:
    """Something in the tree; two nodes are equal only if they are the same one.

    Attributes:
        start: index of its first character, its anchor and tag included.
        end: index after its last character; of a mapping or list, index after what opens it.
        line: number of the line that it begins on, from 1.
        column: number of characters before it on that line.
        order: its place in ``Document.outline``.
        tag: its explicit tag in full, or None.
        anchor: its anchor's name, or None.
    """

    start: int
    end: int
    line: int
    column: int
    order: int
    tag: str | None
    anchor: str | None


@dataclass(eq=False)
class Scalar(Node):
    """A text, number, truth value or null.

    Attributes:
        value: the characters that it means.
        style: how it is written: ``'``, ``"``, ``|``, ``>``, or empty for a plain one.
    """

    value: str
    style: str

    @property
    def kind(self) -> str:
        """What YAML 1.2 takes it for: ``str``, ``int``, ``float``, ``bool``, ``null``, ``timestamp``."""
        if self.tag is not None:
            return "str" if self.tag == "!" else self.tag.removeprefix(_PREFIX)
        return "str" if self.style else plain_kind(self.value, (1, 2))

    @property
    def is_text(self) -> bool:
        """Whether YAML 1.1 and YAML 1.2 both take it for a text: Helm reads the one, chartpress the other."""
        if self.tag is None and not self.style:
            return reads_as_text(self.value)
        return self.kind == "str"


@dataclass(eq=False)
class Alias(Node):
    """``*name``: stands for the node that carries the anchor."""

    name: str
    target: Node


@dataclass(eq=False)
class Collection(Node):
    """A mapping or a list, in block (indented) or flow (bracketed) style."""

    flow: bool
    children: list[Node] = field(default_factory=list)


class SequenceNode(Collection):
    """A list; its children are its items."""


class MappingNode(Collection):
    """A mapping; its children are key, value, key, value."""

    @property
    def entries(self) -> list[tuple[Node, Node]]:
        """The keys with their values, duplicates and merge keys (``<<``) included, as written."""
        return list(zip(self.children[::2], self.children[1::2], strict=True))

    def own(self, key: str) -> list[tuple[Scalar, Node]]:
        """The entries whose key is written as ``key``: none, one, or several where it is duplicated."""
        return [(k, v) for k, v in self.entries if isinstance(k, Scalar) and k.value == key]


def target_of(node: Node) -> Node:
    """Return ``node``, or what it stands for where it is an alias."""
    return node.target if isinstance(node, Alias) else node


def merged(mapping: MappingNode) -> list[MappingNode]:
    """Return the mappings that ``mapping`` takes keys from by ``<<``, the strongest first, each once."""
    found: dict[MappingNode, None] = {}
    pending = _merge_sources(mapping)[::-1]
    while pending:
        source = pending.pop()
        if source not in found:
            found[source] = None
            pending += _merge_sources(source)[::-1]
    return list(found)


def described(node: Node | None) -> str:
    """Return what stands there in a few words, for a message."""
    if isinstance(node, Alias):
        return f"the alias *{node.name}"
    if isinstance(node, Scalar) and node.kind != "null":
        value = node.value if len(node.value) <= _SHOWN else f"{node.value[:_SHOWN]}…"
        return f"{_KIND_NAMES.get(node.kind, node.kind)} {value!r}"
    if isinstance(node, Collection):
        return "a mapping" if isinstance(node, MappingNode) else "a list"
    return "nothing"


def reads_as_text(plain: str) -> bool:
    """Whether a plain scalar of these characters is a text in YAML 1.1 and in YAML 1.2."""
    return plain_kind(plain, (1, 1)) == plain_kind(plain, (1, 2)) == "str"


def plain_kind(plain: str, version: tuple[int, int]) -> str:
    """Return what ``version`` of YAML takes a plain scalar of these characters for, by ruamel.yaml's rules."""
    for versions, tag, pattern, firsts in implicit_resolvers:
        if version in versions and plain[:1] in firsts and pattern.match(plain):
            return str(tag).removeprefix(_PREFIX)
    return "str"


def _merge_sources(mapping: MappingNode) -> list[MappingNode]:
    sources = [target_of(value) for _, value in mapping.own(MERGE)]
    flat = [
        target_of(item)
        for source in sources
        for item in (source.children if isinstance(source, SequenceNode) else [source])
    ]
    return [source for source in flat if isinstance(source, MappingNode)]


MAX_BYTES = 4 * 1024 * 1024


class Edit(NamedTuple):
    """Replace the characters ``start`` to ``end`` (``end`` not included) by ``text``."""

    start: int
    end: int
    text: str


class Text(NamedTuple):
    """A file's characters, every line ending as it was.

    Attributes:
        where: the path shown to people.
        content: all characters but the byte order mark.
        bom: the UTF-8 byte order mark, or nothing.
    """

    where: str
    content: str
    bom: bytes

    @classmethod
    def decode(cls, data: bytes, where: str) -> Text:
        """Read UTF-8 bytes, with or without a byte order mark.

        Raises:
            Unusable: more than ``MAX_BYTES``, or not UTF-8.
        """
        if len(data) > MAX_BYTES:
            raise Unusable(
                f"the file has {len(data)} bytes, more than {MAX_BYTES}",
                where=where,
                hint="name the right file, or split this one",
            )
        bom = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
        try:
            return cls(where, data[len(bom) :].decode("utf-8"), bom)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, len(bom) + error.start) + 1
            raise Unusable("the file is not UTF-8", where=f"{where}:{line}", hint="save it as UTF-8 text") from error

    def edited(self, edits: Iterable[Edit]) -> bytes:
        """Return the file's bytes with ``edits`` done; those must not overlap."""
        parts: list[str] = []
        done = 0
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            parts += self.content[done : edit.start], edit.text
            done = edit.end
        return self.bom + "".join([*parts, self.content[done:]]).encode("utf-8")

    def line_of(self, index: int) -> int:
        """Return the number of the line (from 1) that the character at ``index`` stands on."""
        return self.content.count("\n", 0, index) + 1


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
