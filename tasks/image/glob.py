"""Patterns of ignore files, matched in a time that grows with pattern and path alone.

A regular expression would say the same in a line, and backtrack: a dozen stars in one pattern hold it for ever.
Here every place of the pattern that a path's beginning may have led to is followed at once: a place is a bit, and one
character of the path moves all of them by a few operations on whole numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SEPARATOR = "/"
_ANY_CHAR = re.compile(".", re.DOTALL)


class Piece(NamedTuple):
    """One piece of a pattern.

    Attributes:
        takes: what a character that it takes looks like.
        repeats: whether it takes any number of such characters, and none as well.
        ends_folder: whether it takes whole folders, each with its slash, and none as well.
    """

    takes: re.Pattern[str]
    repeats: bool = False
    ends_folder: bool = False


FOLDERS = Piece(_ANY_CHAR, ends_folder=True)


def piece(characters: str, *, repeats: bool = False) -> Piece:
    """Return the piece that takes one character, or any number of them, of what ``characters`` (a regex) says.

    Raises:
        re.error: it is none.
    """
    return Piece(re.compile(characters, re.DOTALL), repeats)


@dataclass(frozen=True)
class Glob:
    """A whole pattern. In its numbers, bit ``n`` stands for the piece ``n``, or for the place before it.

    Attributes:
        takers: the pieces by what they take.
        repeating: those that repeat.
        folders: those that take whole folders.
        end: the place behind the last piece.
    """

    takers: dict[re.Pattern[str], int]
    repeating: int
    folders: int
    end: int
    _taking: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Glob:
        """Return the pattern that ``pieces`` make."""
        kept = _without_repetition(pieces)
        takers: dict[re.Pattern[str], list[int]] = {}
        for number, one in enumerate(kept):
            takers.setdefault(one.takes, []).append(number)
        return cls(
            takers={takes: _bits(numbers) for takes, numbers in takers.items()},
            repeating=_bits(number for number, one in enumerate(kept) if one.repeats),
            folders=_bits(number for number, one in enumerate(kept) if one.ends_folder),
            end=1 << len(kept),
        )

    def matches(self, path: str) -> bool:
        """Whether the pattern is ``path``, or a folder that it lies in."""
        # Where it may be: before which pieces, and within the folders that which pieces take.
        places, within = self._at_rest(1), 0
        for char in path:
            if char == _SEPARATOR and places & self.end:
                return True
            taken = places & self._takers_of(char)
            within |= taken & self.folders
            onward = taken & ~self.repeating & ~self.folders
            if char == _SEPARATOR:
                onward |= within
            places = self._at_rest(taken & self.repeating | onward << 1)
            if not places | within:
                return False
        return bool(places & self.end)

    def _takers_of(self, char: str) -> int:
        """Return the pieces that take ``char``."""
        if char not in self._taking:
            self._taking[char] = sum(bits for takes, bits in self.takers.items() if takes.match(char))
        return self._taking[char]

    def _at_rest(self, places: int) -> int:
        """Return ``places`` with those behind pieces that may take nothing.

        Added to a run of such pieces, a place carries to the run's end: the bits that change lie on the way.
        """
        passable = self.repeating | self.folders
        return places | (((places & passable) + passable) ^ passable)


def _bits(numbers: Iterable[int]) -> int:
    """Return the number with these bits."""
    octets = bytearray()
    for number in numbers:
        octets.extend(bytes(max(0, number // 8 + 1 - len(octets))))
        octets[number // 8] |= 1 << number % 8
    return int.from_bytes(octets, "little")


def _without_repetition(pieces: Iterable[Piece]) -> Sequence[Piece]:
    """Return ``pieces`` without those that take nothing more than the one before: ``**/**/`` is ``**/``."""
    kept: list[Piece] = []
    for one in pieces:
        if not (kept and kept[-1] == one and (one.repeats or one.ends_folder)):
            kept.append(one)
    return kept
