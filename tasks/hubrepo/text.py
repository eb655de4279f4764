"""The bytes of a text file, and replacing parts of them without touching the rest."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterable

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
