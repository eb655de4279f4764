"""YAML as a tree with the position of every node, and as plain data.

The tree is built from ruamel.yaml's events, not by its composer: aliases stay aliases, so an alias bomb stays as small
as its text; duplicate keys stay, because Helm accepts them; and nesting is limited without recursion.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.resolver import implicit_resolvers

from .faults import Unusable
from .safe_files import is_passable

# Mappings as dicts, sequences as lists, scalars as ``Leaf``, null as None.
Data: TypeAlias = "dict[str, Data] | list[Data] | Leaf | None"

MERGE = "<<"
MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 100
MAX_NODES = 100_000  # ruamel.yaml takes some seconds for as many
_PREFIX = "tag:yaml.org,2002:"
# Tabs inside lines are blanks to Helm, but not to ruamel.yaml. Tabs in the indentation are invalid for both.
_TABS = r"(?<=\S)[ \t]*\t"
_SHOWN = 40  # characters of a value in a message
_KIND_NAMES = {"str": "text", "int": "number", "float": "number", "bool": "truth value"}
_CORRECT = "correct the file there"
# ruamel.yaml also raises these for some invalid escapes and directives.
_LIBRARY_ERRORS = (YAMLError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, AssertionError)


class Malformed(Unusable):
    """The bytes are not UTF-8, or the text is not YAML for Helm either."""


@dataclass(eq=False, slots=True)
class Node:
    """A node of the tree.

    It begins at the index ``start``, anchor and tag included. ``end`` is the index after its last character, or after
    the opening of a mapping or list.
    """

    start: int
    end: int
    line: int
    tag: str | None
    anchor: str | None


@dataclass(eq=False, slots=True)
class Scalar(Node):
    """A string, number, boolean or null; ``style`` is ``'``, ``"``, ``|``, ``>``, or empty for a plain scalar."""

    value: str
    style: str

    @property
    def kind(self) -> str:
        """Its type in YAML 1.2: ``str``, ``int``, ``float``, ``bool``, ``null`` or ``timestamp``."""
        if self.tag is not None:
            return "str" if self.tag == "!" else self.tag.removeprefix(_PREFIX)
        return "str" if self.style else plain_kind(self.value, (1, 2))

    @property
    def is_text(self) -> bool:
        """Whether it is a string in both YAML 1.1 and 1.2: Helm reads one, chartpress the other."""
        if self.tag is None and not self.style:
            return reads_as_text(self.value)
        return self.kind == "str"


@dataclass(eq=False, slots=True)
class Alias(Node):
    """An alias of the node ``target``, by its anchor."""

    target: Node


@dataclass(eq=False, slots=True)
class Collection(Node):
    """A mapping or list."""

    children: list[Node] = field(default_factory=list)


class SequenceNode(Collection):
    """A list; its children are its items."""

    __slots__ = ()


class MappingNode(Collection):
    """A mapping; its children are key, value, key, value."""

    __slots__ = ()

    @property
    def entries(self) -> list[tuple[Node, Node]]:
        """The keys and values as written, including duplicates and merge keys (``<<``)."""
        return list(zip(self.children[::2], self.children[1::2], strict=True))

    def own(self, key: str) -> list[tuple[Scalar, Node]]:
        """Return the entries with this ``key``: several if it is duplicated."""
        return [(k, v) for k, v in self.entries if isinstance(k, Scalar) and k.value == key]


def target_of(node: Node) -> Node:
    """Return ``node``, or its target if it is an alias."""
    return node.target if isinstance(node, Alias) else node


def merged(mapping: MappingNode) -> list[MappingNode]:
    """Return the mappings that ``mapping`` merges by ``<<``, strongest first, each once."""
    found: dict[MappingNode, None] = {}
    pending = [mapping]
    while pending:
        source = pending.pop()
        found[source] = None
        values = [target_of(value) for _, value in source.own(MERGE)]
        items = [item for value in values for item in (value.children if isinstance(value, SequenceNode) else [value])]
        sources = map(target_of, reversed(items))
        pending += [one for one in sources if isinstance(one, MappingNode) and one not in found]
    return [*found][1:]


class Leaf(str):
    """A scalar in plain data: a string with its node and file; ``where`` is empty if it is not from a file."""

    __slots__ = ("node", "where")
    node: Scalar
    where: str

    @property
    def place(self) -> str:
        """Its ``path:line``."""
        return _place(self.where, self.node.line)


def mismatch(value: Node | Data, where: str, name: str, wanted: str, hint: str | None = None) -> Unusable:
    """Return the fault that ``value``, at ``name`` in the file ``where``, is not what is ``wanted``."""
    node = value.node if isinstance(value, Leaf) else value
    place = f"{where}:{node.line}" if isinstance(node, Node) else where
    what = f"{name} is {_described(node)}, not {wanted}"
    return Unusable(what, where=place, hint=hint or f"write {wanted} there")


def _described(node: Node | Data) -> str:
    if isinstance(node, Alias):
        return f"the alias *{node.target.anchor}"
    if isinstance(node, Scalar) and node.kind != "null":
        text = node.value if len(node.value) <= _SHOWN else f"{node.value[:_SHOWN]}…"
        return f"the {_KIND_NAMES.get(node.kind, node.kind)} {text!r}"
    if isinstance(node, Collection | dict | list):
        return "a mapping" if isinstance(node, MappingNode | dict) else "a list"
    return "nothing"


def reads_as_text(plain: str) -> bool:
    """Whether a plain scalar with this text is a string in YAML 1.1 and 1.2."""
    return plain_kind(plain, (1, 1)) == plain_kind(plain, (1, 2)) == "str"


def plain_kind(plain: str, version: tuple[int, int]) -> str:
    """Return the type of a plain scalar with this text in a ``version`` of YAML, by ruamel.yaml's rules."""
    for versions, tag, pattern, firsts in implicit_resolvers:
        if version in versions and plain[:1] in firsts and pattern.match(plain):
            return str(tag).removeprefix(_PREFIX)
    return "str"


class Edit(NamedTuple):
    """Replace the characters from ``start`` up to, not including, ``end`` by ``text``."""

    start: int
    end: int
    text: str


class Text(NamedTuple):
    """A file's text without its byte order mark, with its own line ends; ``where`` is its name in messages."""

    where: str
    content: str
    bom: bytes

    @classmethod
    def decode(cls, data: bytes, where: str) -> Text:
        """Decode UTF-8, with or without a byte order mark; raise Unusable for invalid or too large input."""
        if len(data) > MAX_BYTES:
            what = f"the file has {len(data)} bytes, more than {MAX_BYTES}"
            raise Unusable(what, where=where, hint="name the right file, or split this one")
        bom = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
        try:
            return cls(where, data[len(bom) :].decode("utf-8"), bom)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, len(bom) + error.start) + 1
            raise Malformed("the file is not UTF-8", where=f"{where}:{line}", hint="save it as UTF-8 text") from error

    def edited(self, edits: Iterable[Edit]) -> bytes:
        """Return the file's bytes after ``edits``, which must not overlap."""
        content = self.content
        for edit in sorted(edits, reverse=True):  # the positions before an edit stay
            content = content[: edit.start] + edit.text + content[edit.end :]
        return self.bom + content.encode("utf-8")


class Document(NamedTuple):
    """A YAML document that begins on ``line``; ``nodes`` are those of the whole file, in the order of the text."""

    text: Text
    root: Node | None
    line: int
    nodes: tuple[Node, ...]

    @property
    def where(self) -> str:
        """The file's name in messages."""
        return self.text.where

    def place(self, node: Node | None) -> str:
        """Return ``path:line`` of ``node``, or the path if there is no node."""
        return f"{self.where}:{node.line}" if node else self.where

    def plain(self, most: int | None = None) -> Data:
        """Return the document as plain data; raise Unusable for too many aliases, or text that no program takes."""
        return _plain(self.root, self.where, iter(range(most or MAX_NODES)))


def parse(data: bytes, where: str) -> Document:
    """Parse a file with one YAML document; raise Unusable if it is invalid, or has several."""
    return _only(parse_all(data, where))


@lru_cache(maxsize=16)
def parse_all(data: bytes, where: str) -> tuple[Document, ...]:
    """Parse the YAML documents of a file; raise Unusable if it is invalid."""
    return _documents(Text.decode(data, where), MAX_NODES)


def load(text: str, *, size: int = MAX_BYTES, nodes: int = MAX_NODES) -> Data:
    """Parse a YAML document of at most ``size`` characters, and ``nodes`` keys and values, into plain data.

    Raises Unusable with the line in ``where``.
    """
    if len(text) > size:
        raise Unusable(f"more than {size // 2**20} MiB", hint="name the right file")
    return _only(_documents(Text("", text, b""), nodes)).plain(nodes)


@lru_cache(maxsize=1024)
def load_file(data: bytes, where: str) -> Data:
    """Parse a file with one YAML document into plain data; raise Unusable if that is not possible."""
    return parse(data, where).plain()


@lru_cache(maxsize=1024)
def load_all(data: bytes, where: str) -> tuple[Data, ...]:
    """Parse the YAML documents of a file into plain data; raise Unusable if that is not possible."""
    return tuple(document.plain() for document in parse_all(data, where))


def _only(documents: Sequence[Document]) -> Document:
    """Return the single one of ``documents``; raise Unusable if there are several."""
    if len(documents) > 1:
        place = _place(documents[1].where, documents[1].line)
        raise Unusable("the file holds several YAML documents", where=place, hint="keep one of them")
    return documents[0]


def _place(where: str, line: int) -> str:
    return f"{where}:{line}" if where else f"line {line}"


def walk(tree: Data, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Data]]:
    """Yield plain data and everything in it, outer first, each with the keys and indexes that lead there."""
    yield steps, tree
    inside = {str(at): one for at, one in enumerate(tree)} if isinstance(tree, list) else tree
    for key, value in inside.items() if isinstance(inside, dict) else ():
        yield from walk(value, (*steps, key))


def child(tree: Data, key: str) -> Data:
    """Return the value of ``key`` in a mapping, or None, also if ``tree`` is not a mapping."""
    return tree.get(key) if isinstance(tree, dict) else None


def text_under(tree: Data, key: str) -> Leaf | None:
    """Return the scalar under ``key`` in a mapping, or None."""
    value = child(tree, key)
    return value if isinstance(value, Leaf) else None


def _plain(node: Node | None, where: str, left: Iterator[int], depth: int = 0) -> Data:
    """Return a tree as plain data, with aliases and merge keys expanded like in Helm, up to ``left`` nodes.

    Of duplicate keys, the last one counts. Keys that are null, or not scalars, are dropped. Raises Unusable.
    """
    node = target_of(node) if node else None
    if depth > MAX_DEPTH or next(left, None) is None:
        what, hint = "its aliases stand for too much, or for what they are in", "write out what they stand for"
        raise Unusable(what, where=where, hint=hint)
    if isinstance(node, Scalar):
        leaf = Leaf(node.value)
        leaf.node, leaf.where = node, where
        if not is_passable(leaf):
            what = "a text holds a character that cannot be passed to a program: NUL, or half of a surrogate pair"
            raise Unusable(what, where=leaf.place, hint=r"write it without the escape (\0, \ud800)")
        return None if node.kind == "null" else leaf
    if isinstance(node, SequenceNode):
        return [_plain(item, where, left, depth + 1) for item in node.children]
    whole: dict[str, Data] = {}
    sources = (*reversed(merged(node)), node) if isinstance(node, MappingNode) else ()
    for key, value in (entry for source in sources for entry in source.entries):
        name = _plain(key, where, left, depth + 1)
        if isinstance(name, Leaf) and name != MERGE:
            whole[name] = _plain(value, where, left, depth + 1)
    return None if node is None else whole


def _documents(text: Text, most: int) -> tuple[Document, ...]:
    """Return the documents of a text, with up to ``most`` nodes."""
    where, starts = text.where, []
    roots: list[Node] = []
    nodes: list[Node] = []
    anchors: dict[str, Node] = {}
    opened: list[Collection] = []
    for event in _events(text):
        line = event.start_mark.line + 1
        if isinstance(event, events.DocumentStartEvent):
            anchors.clear()
            starts.append(line)
        elif isinstance(event, events.CollectionEndEvent):
            opened.pop()
        elif isinstance(event, events.NodeEvent):
            siblings = opened[-1].children if opened else roots
            is_empty = isinstance(event, events.ScalarEvent) and event.start_mark.index == event.end_mark.index
            if is_empty and opened and siblings:
                line = siblings[-1].line  # the position of an empty value is where the next token begins
            if len(nodes) >= most:
                what = f"more than {most} keys and values"
                raise Unusable(what, where=_place(where, line), hint="name the right file")
            node = _node(event, line, anchors, where)
            nodes.append(node)
            siblings.append(node)
            if node.anchor:
                anchors[node.anchor] = node
            if isinstance(node, Collection):
                opened.append(node)
            if len(opened) > MAX_DEPTH:
                what = f"nested deeper than {MAX_DEPTH} levels"
                raise Unusable(what, where=_place(where, line), hint="flatten it")
    begun: list[tuple[Node | None, int]] = [*zip(roots, starts, strict=True)] or [(None, 1)]
    return tuple(Document(text, root, line, tuple(nodes)) for root, line in begun)


def _node(event: Any, line: int, anchors: Mapping[str, Node], where: str) -> Node:  # noqa: ANN401 - one of the library's
    place = (event.start_mark.index, event.end_mark.index, line)
    if isinstance(event, events.AliasEvent):
        if event.anchor not in anchors:
            hint = "fix its name; a text that begins with * is quoted"
            raise Unusable("no anchor before the alias", where=_place(where, line), hint=hint)
        return Alias(*place, None, None, anchors[event.anchor])
    tag = str(event.tag) if event.tag else None
    if isinstance(event, events.ScalarEvent):
        return Scalar(*place, tag, event.anchor, event.value, event.style or "")
    make = MappingNode if isinstance(event, events.MappingStartEvent) else SequenceNode
    return make(*place, tag, event.anchor)


def _events(text: Text) -> Iterator[events.Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(re.sub(_TABS, lambda tabs: " " * len(tabs[0]), text.content))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        # The library's full message quotes the line, which may contain a secret.
        what = f"not YAML: {error.problem or error.context}"
        raise Malformed(what, where=_place(text.where, line), hint=_CORRECT) from None
    except _LIBRARY_ERRORS as error:
        what = f"not YAML: {getattr(error, 'reason', None) or error}"
        raise Malformed(what, where=text.where, hint=_CORRECT) from error
