"""The nodes of a YAML document: what stands where, and what it means."""

from __future__ import annotations

from dataclasses import dataclass, field

from ruamel.yaml.resolver import implicit_resolvers

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
