"""YAML from elsewhere, as plain data, in bounded time and memory.

Scalars stay text as written (``1.10`` is not a number here), so nothing is guessed about their types, and
no alias is ever expanded: it is the same object again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

Data: TypeAlias = "dict[str | None, Data] | list[Data] | str | None"

LARGEST_TEXT = 8 * 1024 * 1024
MOST_NODES = 500_000
DEEPEST = 64

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_STRING_TAG = "tag:yaml.org,2002:str"


class Unreadable(Exception):  # noqa: N818 - says what the text is
    """The text is not YAML, or more of it than is read; the message is a clause for people."""


def load(text: str, scalar: Callable[[ScalarEvent], Any] | None = None) -> Data:
    """Read one YAML document.

    Args:
        text: the document.
        scalar: what makes a value of a scalar that is not null; None for its text.

    Returns:
        Mappings as dicts (the last of equal keys counts, as Helm reads them; a key that is no text is None),
        sequences as lists, scalars as text, null as None.

    Raises:
        Unreadable: ``text`` is not one YAML document, or exceeds ``LARGEST_TEXT`` characters, ``MOST_NODES``
            nodes or ``DEEPEST`` levels.
    """
    if len(text) > LARGEST_TEXT:
        raise Unreadable(f"is too large: more than {LARGEST_TEXT // 2**20} MiB")
    builder = _Builder(scalar or _text)
    for event in _events(text):
        builder.take(event)
    return builder.document()


def child(tree: Data, key: str) -> Data:
    """Return what a mapping has under ``key``; None where it has nothing, or is no mapping."""
    return tree.get(key) if isinstance(tree, dict) else None


def text_under(tree: Data, key: str) -> str | None:
    """Return the scalar that a mapping has under ``key``; None where there is none."""
    value = child(tree, key)
    return value if isinstance(value, str) else None


def _text(event: ScalarEvent) -> str:
    return str(event.value)


def _events(text: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Unreadable(f"is not YAML: {line}{error.problem or error.context}") from error
    except (YAMLError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        # The library lets its own slips through where an escape or a directive is out of range.
        raise Unreadable("is not YAML") from error


@dataclass
class _Frame:
    """A mapping or sequence that is being filled; a mapping's key waits for its value."""

    node: dict[str | None, Data] | list[Data]
    key: str | None = None
    has_key: bool = False

    def put(self, value: Data) -> None:
        if isinstance(self.node, list):
            self.node.append(value)
        elif self.has_key:
            self.node[self.key] = value
            self.has_key = False
        else:
            self.key = None if value is None or isinstance(value, (dict, list)) else str(value)
            self.has_key = True


@dataclass
class _Builder:
    """Builds the tree from the library's events, without recursion."""

    scalar: Callable[[ScalarEvent], Any]
    documents: list[Data] = field(default_factory=list)
    open: list[_Frame] = field(default_factory=list)
    anchors: dict[str, Data] = field(default_factory=dict)
    nodes: int = 0

    def __post_init__(self) -> None:
        self.open.append(_Frame(self.documents))

    def take(self, event: Event) -> None:
        if isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            self.open.pop()
        elif isinstance(event, NodeEvent):
            self._count()
            self._place(event)

    def _count(self) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise Unreadable(f"is too large: more than {MOST_NODES} values")
        if len(self.open) > DEEPEST:
            raise Unreadable(f"is nested too deeply: more than {DEEPEST} levels")

    def _place(self, event: NodeEvent) -> None:
        node = self._node(event)
        if event.anchor and not isinstance(event, AliasEvent):
            self.anchors[event.anchor] = node
        self.open[-1].put(node)
        if isinstance(node, (dict, list)) and not isinstance(event, AliasEvent):
            self.open.append(_Frame(node))

    def _node(self, event: NodeEvent) -> Data:
        if isinstance(event, MappingStartEvent):
            return {}
        if isinstance(event, SequenceStartEvent):
            return []
        if isinstance(event, ScalarEvent):
            is_null = event.style is None and event.value in _NULLS and str(event.tag) != _STRING_TAG
            return None if is_null else self.scalar(event)
        if event.anchor not in self.anchors:
            raise Unreadable(f"is not YAML: nothing is named {event.anchor!r}")
        return self.anchors[event.anchor]

    def document(self) -> Data:
        if len(self.documents) > 1:
            raise Unreadable("has several documents")
        return self.documents[0] if self.documents else None
