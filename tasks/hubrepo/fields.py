"""Reading typed fields from a mapping of a YAML document; every fault names the key and its line."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable
from ..reading import is_inside, is_passable
from .nodes import MappingNode, Node, Scalar, SequenceNode, described, merged, target_of
from .route import is_nothing

if TYPE_CHECKING:
    from collections.abc import Collection

    from .document import Document

_TRUE = "true"


class Fields(NamedTuple):
    """A mapping's fields, merge keys (``<<``) followed; of a key that stands twice, the last.

    Attributes:
        document: the document.
        path: where in the document the mapping stands (``charts[0].images``); empty for the document itself.
        values: what stands under each key, aliases followed.
    """

    document: Document
    path: str
    values: dict[str, Node]

    @classmethod
    def of(cls, document: Document, node: Node | None, path: str) -> Fields:
        """Read ``node`` as a mapping; null counts as an empty one.

        Raises:
            Unusable: something else stands there.
        """
        if is_nothing(node):
            return cls(document, path, {})
        if not isinstance(node, MappingNode):
            raise wrong(document, node, path or "the file", "a mapping")
        sources = [*reversed(merged(node)), node]
        entries = [(target_of(key), value) for source in sources for key, value in source.entries]
        values = {
            _passable(document, key, path or "a key"): target_of(value)
            for key, value in entries
            if isinstance(key, Scalar) and key.value != "<<"
        }
        return cls(document, path, values)

    def name(self, key: str) -> str:
        """Return the full name of ``key``: ``charts[0].name``."""
        return f"{self.path}.{key}" if self.path else key

    def fields(self, key: str) -> Fields:
        """Return the mapping under ``key``; an empty one where there is none."""
        return Fields.of(self.document, self.values.get(key), self.name(key))

    def items(self, key: str) -> list[Node]:
        """Return the list under ``key``; an empty one where there is none."""
        node = self.values.get(key)
        if is_nothing(node):
            return []
        if not isinstance(node, SequenceNode):
            raise wrong(self.document, node, self.name(key), "a list")
        return [target_of(item) for item in node.children]

    def text(self, key: str) -> str | None:
        """Return the text under ``key``; None where there is none, or an empty one."""
        node = self.values.get(key)
        return None if is_nothing(node) else _text(self.document, node, self.name(key)) or None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list of texts under ``key``."""
        items = enumerate(self.items(key))
        return tuple(_text(self.document, item, f"{self.name(key)}[{index}]") for index, item in items)

    def path_text(self, key: str) -> str | None:
        """Return the path under ``key``, relative to the document's folder; None where there is none."""
        path = self.text(key)
        return None if path is None else self._inside(path, self.name(key), self.values[key])

    def path_texts(self, key: str) -> tuple[str, ...]:
        """Return the list of paths under ``key``."""
        both = enumerate(zip(self.texts(key), self.items(key), strict=True))
        return tuple(self._inside(path, f"{self.name(key)}[{index}]", node) for index, (path, node) in both)

    def _inside(self, path: str, name: str, node: Node) -> str:
        if is_inside(path, posixpath.dirname(self.document.where)):
            return path
        raise Unusable(
            f"{name} is {path!r}, which lies outside the repository",
            where=self.document.place(node),
            hint=f"name a path in the repository, relative to {posixpath.basename(self.document.where)}",
        )

    def flag(self, key: str, *, default: bool) -> bool:
        """Return the truth value under ``key``; ``default`` where there is none."""
        node = self.values.get(key)
        if node is None:
            return default
        if not isinstance(node, Scalar) or node.kind != "bool":
            raise wrong(self.document, node, self.name(key), "true or false", hint="write true or false")
        return node.value.lower() == _TRUE

    def unknown(self, known: Collection[str]) -> list[str]:
        """Return the full names of the keys that are not in ``known``."""
        return [self.name(key) for key in self.values if key not in known]


def wrong(document: Document, node: Node | None, name: str, wanted: str, hint: str | None = None) -> Unusable:
    """Return the fault of a ``node`` that is not ``wanted``."""
    return Unusable(
        f"{name} is {described(node)}, not {wanted}",
        where=document.place(node) if node else document.where,
        hint=hint or f"write {wanted} there",
    )


def _text(document: Document, node: Node | None, name: str) -> str:
    if isinstance(node, Scalar) and node.kind == "str":
        return _passable(document, node, name)
    is_scalar = isinstance(node, Scalar) and not is_nothing(node)
    raise wrong(document, node, name, "a text", hint="put quotes around it" if is_scalar else None)


def _passable(document: Document, node: Scalar, name: str) -> str:
    """Return a scalar's text, which programs are given and files are named by."""
    if is_passable(node.value):
        return node.value
    raise Unusable(
        f"{name} holds a character that no program can be given: NUL, or half of a surrogate pair",
        where=document.place(node),
        hint=r"write it without the escape (\0, \ud800)",
    )
