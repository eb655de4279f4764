"""Patterns of ignore files, matched in a time that grows with pattern and path alone.

A regular expression would say the same in a line, and backtrack: a dozen stars in one pattern hold it for ever.
Here every place of the pattern that a path's beginning may have led to is followed at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SEPARATOR = "/"
_ANY_CHAR = re.compile(".", re.DOTALL)


@dataclass(frozen=True)
class Piece:
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


def without_repetition(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return ``pieces`` without those that take nothing more than the one before: ``**/**/`` is ``**/``."""
    kept: list[Piece] = []
    for one in pieces:
        if not (kept and kept[-1] == one and (one.repeats or one.ends_folder)):
            kept.append(one)
    return tuple(kept)


def matches(pieces: Sequence[Piece], path: str) -> bool:
    """Whether ``pieces`` are ``path``, or a folder that it lies in."""
    end = len(pieces)
    # Where the pattern may be: before which piece, and whether within the folders that it takes.
    places = _at_rest(pieces, {(0, False)})
    for char in path:
        if char == _SEPARATOR and (end, False) in places:
            return True
        places = _at_rest(pieces, {after for place in places for after in _after(pieces, place, char)})
        if not places:
            return False
    return (end, False) in places


def _after(pieces: Sequence[Piece], place: tuple[int, bool], char: str) -> Iterator[tuple[int, bool]]:
    """Yield where ``char`` leads from ``place``."""
    at, _ = place
    if at == len(pieces) or not pieces[at].takes.match(char):
        return
    if not pieces[at].ends_folder:
        yield at if pieces[at].repeats else at + 1, False
        return
    yield at, True
    if char == _SEPARATOR:
        yield at + 1, False


def _at_rest(pieces: Sequence[Piece], places: set[tuple[int, bool]]) -> set[tuple[int, bool]]:
    """Return ``places`` with those behind pieces that may take nothing."""
    waiting = list(places)
    while waiting:
        at, within = waiting.pop()
        if at == len(pieces) or within or not (pieces[at].repeats or pieces[at].ends_folder):
            continue
        if (at + 1, False) not in places:
            places.add((at + 1, False))
            waiting.append((at + 1, False))
    return places
