"""What Docker leaves out of a build context.

The rules are those of https://docs.docker.com/build/concepts/context/#dockerignore-files: Go's ``filepath.Match``
with ``**`` for any number of folders, ``!`` for exceptions, the last pattern that matches decides, and what a folder's
pattern says holds for all below it.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable
from .glob import FOLDERS, Glob, Piece, piece

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXCEPTION = "!"
_COMMENT = "#"
_ANY = "**"
_SPECIAL = frozenset("*?[]\\")
_NO_SEPARATOR = "[^/]"
LARGEST_TEXT, MOST_PATTERNS = 64 * 1024, 2000
_FORMAT = "https://docs.docker.com/build/concepts/context/#dockerignore-files"


class IgnoreRules(NamedTuple):
    """The patterns of one ignore file, in order.

    Attributes:
        patterns: each with whether it is an exception.
    """

    patterns: tuple[tuple[Glob, bool], ...] = ()

    @classmethod
    def parse(cls, text: str, where: str) -> IgnoreRules:
        """Read an ignore file; ``where`` is its path, as shown to people.

        Raises:
            Unusable: a line is a pattern that Docker cannot read either, or the file has more than ``LARGEST_TEXT``
                characters or ``MOST_PATTERNS`` patterns.
        """
        lines = enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
        stripped = ((number, line.strip()) for number, line in lines if not line.startswith(_COMMENT))
        patterns = [(number, line) for number, line in stripped if line]
        if len(text) > LARGEST_TEXT or len(patterns) > MOST_PATTERNS:
            bounds = f"{LARGEST_TEXT // 1024} KiB, or {MOST_PATTERNS} patterns"
            raise Unusable(f"the ignore file is larger than {bounds}", where=where, hint=f"shorten it, see {_FORMAT}")
        return cls(tuple(_rule(line, f"{where}:{number}") for number, line in patterns))

    def leave_out(self, path: str) -> bool:
        """Whether ``path`` (relative to the context, with ``/``) is left out of the context."""
        left_out = False
        for pattern, is_exception in self.patterns:
            if left_out == is_exception and pattern.matches(path):
                left_out = not is_exception
        return left_out


def _rule(line: str, place: str) -> tuple[Glob, bool]:
    is_exception = line.startswith(_EXCEPTION)
    cleaned = posixpath.normpath(line.removeprefix(_EXCEPTION).strip()).lstrip("/")
    try:
        return Glob.of(_pieces(cleaned)), is_exception
    except (ValueError, re.error) as err:
        raise Unusable(f"the pattern {line!r} cannot be read", where=place, hint=f"mend it, see {_FORMAT}") from err


def _pieces(pattern: str) -> Iterator[Piece]:
    """Take a pattern apart; ValueError where a class has no end, or a range none."""
    at = 0
    # Alone in a pattern, leading stars stand for any beginning of a path, not for whole folders.
    if pattern.startswith(_ANY) and not pattern.startswith(f"{_ANY}/") and _SPECIAL.isdisjoint(pattern[2:]):
        yield piece(".", repeats=True)
        at = len(_ANY)
    while at < len(pattern):
        if pattern.startswith(_ANY, at):
            at += 3 if pattern.startswith(f"{_ANY}/", at) else 2
            yield FOLDERS if at < len(pattern) else piece(".", repeats=True)
        elif pattern[at] in "*?":
            yield piece(_NO_SEPARATOR, repeats=pattern[at] == "*")
            at += 1
        elif pattern[at] == "[":
            end = pattern.index("]", at + 2)
            yield piece(_character_class(pattern[at + 1 : end]))
            at = end + 1
        else:
            at += pattern[at] == "\\" and at + 1 < len(pattern)
            yield piece(re.escape(pattern[at]))
            at += 1


def _character_class(inner: str) -> str:
    negated = inner.startswith("^")
    return f"[{'^/' if negated else ''}{''.join(_members(inner.removeprefix('^')))}]"


def _members(body: str) -> Iterator[str]:
    """Yield the letters and ranges of a class, each letter so that it means nothing else in a regular expression."""
    at = 0
    while at < len(body):
        letter, at = _letter(body, at)
        if body.startswith("-", at):
            last, at = _letter(body, at + 1)
            letter += f"-{last}"
        yield letter


def _letter(body: str, at: int) -> tuple[str, int]:
    """Return the letter at ``at``, taken literally, and where the next one is; ValueError where there is none."""
    escaped = body.startswith("\\", at)
    letter = body[at + escaped : at + escaped + 1]
    if not letter or (letter == "-" and not escaped):
        raise ValueError(body)
    return re.escape(letter), at + escaped + 1
