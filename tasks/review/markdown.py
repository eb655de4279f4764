"""Markdown in which text from files, servers and programs means itself and stays where it is put."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..visible import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SPECIAL = frozenset("\\`*_[]<>|#@~")
# What cannot stand in code inside of a table's cell, and what looks like it.
_ALIKE = str.maketrans({"`": "'", "|": "\N{BROKEN BAR}"})


def code(text: str) -> str:
    """Return ``text`` as code that stays in one cell of a table."""
    return f"`{one_line(text).translate(_ALIKE)}`"


def plain(text: str) -> str:
    """Return ``text`` with every sign escaped that Markdown, or a forge, would take for more than itself."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in one_line(text))


def row(*cells: str) -> str:
    """Return one row of a table; the cells are Markdown."""
    return f"| {' | '.join(cells)} |"


def table_lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table; the cells are Markdown."""
    yield row(*head)
    yield f"|{'---|' * len(head)}"
    yield from (row(*cells) for cells in rows)
