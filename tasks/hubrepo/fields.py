"""Reading typed fields from a mapping of a YAML document; every fault names the key and its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable
from .nodes import Mapping, Node, Scalar, Sequence, described, merged, target_of
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
        if not isinstance(node, Mapping):
            raise wrong(document, node, path or "the file", "a mapping")
        sources = [*reversed(merged(node)), node]
        entries = [(target_of(key), value) for source in sources for key, value in source.entries]
        values = {
            key.value: target_of(value) for key, value in entries if isinstance(key, Scalar) and key.value != "<<"
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
        if not isinstance(node, Sequence):
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
        return node.value
    is_scalar = isinstance(node, Scalar) and not is_nothing(node)
    raise wrong(document, node, name, "a text", hint="put quotes around it" if is_scalar else None)
