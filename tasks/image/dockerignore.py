"""What Docker leaves out of a build context.

The rules are those of https://docs.docker.com/build/concepts/context/#dockerignore-files: Go's ``filepath.Match``
with ``**`` for any number of folders, ``!`` for exceptions, the last pattern that matches decides, and what a folder's
pattern says holds for all below it.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXCEPTION = "!"
_COMMENT = "#"


@dataclass(frozen=True)
class IgnoreRules:
    """The patterns of one ignore file, in order.

    Attributes:
        patterns: each with whether it is an exception.
    """

    patterns: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @classmethod
    def parse(cls, text: str) -> IgnoreRules:
        """Read an ignore file; lines that are no patterns match nothing."""
        lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
        return cls(tuple(_rule(line) for line in lines if line and not line.startswith(_COMMENT)))

    def leave_out(self, path: str) -> bool:
        """Whether ``path`` (relative to the context, with ``/``) is left out of the context."""
        steps = path.split("/")
        ways = ["/".join(steps[: end + 1]) for end in range(len(steps))]
        left_out = False
        for pattern, is_exception in self.patterns:
            if left_out == is_exception and any(pattern.fullmatch(way) for way in ways):
                left_out = not is_exception
        return left_out


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    is_exception = line.startswith(_EXCEPTION)
    cleaned = posixpath.normpath(line.removeprefix(_EXCEPTION).strip()).lstrip("/")
    return re.compile("".join(_pieces(cleaned)), re.DOTALL), is_exception


def _pieces(pattern: str) -> Iterator[str]:
    """Translate a pattern piece by piece."""
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            yield "(?:.*/)?"
            at += 3
        elif pattern.startswith("**", at):
            yield ".*"
            at += 2
        elif pattern[at] in "*?":
            yield "[^/]*" if pattern[at] == "*" else "[^/]"
            at += 1
        elif pattern[at] == "[" and "]" in pattern[at + 2 :]:
            end = pattern.index("]", at + 2)
            yield _character_class(pattern[at + 1 : end])
            at = end + 1
        else:
            at += pattern[at] == "\\" and at + 1 < len(pattern)
            yield re.escape(pattern[at])
            at += 1


def _character_class(inner: str) -> str:
    negated = inner.startswith("^")
    body = inner.removeprefix("^").replace("\\", "").replace("]", r"\]").replace("[", r"\[")
    return f"[{'^/' if negated else ''}{body}]"
