"""What can go wrong, as people see it: one error line, one hint line, one exit code.

Domain code raises these; only the task's edge (``core/session.py``) turns them into an exit.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

from .visible import one_line

# The folder is `tasks` where Invoke finds it, and has another name in a wheel.
DOOR = "invoke" if __package__.partition(".")[0] == "tasks" else "hubpress"

DONE = 0
REFUSED = 1
UNUSABLE = 2
PROGRAM = 3
UNREACHABLE = 4
INTERRUPTED = 130
LONGEST_PART = 1000


class Fault(Exception):  # noqa: N818 - a fault is what the contract calls it
    """Something that stops a task.

    Args:
        what: what is wrong, in one clause without a full stop.
        where: the file, address or program it is about; shown in brackets. A line of a file is ``path:line``.
        hint: how to fix it: a command where there is one.
    """

    code: ClassVar[int] = REFUSED

    def __init__(self, what: str, *, where: object | None = None, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else str(where)
        self.hint = hint

    def __str__(self) -> str:
        where = f" ({_shown(self.where)})" if self.where else ""
        return f"error: {_shown(self.what)}{where}\nhint: {_shown(self.hint)}"

    def report(self) -> dict[str, str | int | None]:
        """Return the fault as JSON, its texts as :meth:`__str__` shows them."""
        where = _shown(self.where) if self.where else None
        return {"error": _shown(self.what), "where": where, "hint": _shown(self.hint), "code": self.code}


class Refused(Fault):
    """The task could run, but would do harm or something else than was meant (exit code 1)."""

    code = REFUSED


class Unusable(Fault):
    """The settings, or a file of the repository, cannot be used (exit code 2)."""

    code = UNUSABLE


class ProgramFailed(Fault):
    """An outside program failed, or is missing (exit code 3)."""

    code = PROGRAM


class Unreachable(Fault):
    """A registry, the Helm repository or the git remote gave no usable answer (exit code 4)."""

    code = UNREACHABLE


class Denied(Unreachable):
    """It answered, and denied access (exit code 4)."""


class Interrupted(Fault):
    """The user, or what started the program, asked it to end (exit code 130)."""

    code = INTERRUPTED


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that ``word`` was probably meant to be; None where none of ``names`` is near."""
    folded = {name.casefold(): name for name in names}
    near = get_close_matches(word.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def _shown(text: str) -> str:
    """Return ``text`` in one line that people can still read: what is quoted may be as long as a file."""
    line = one_line(text)
    return line if len(line) <= LONGEST_PART else f"{line[:LONGEST_PART]}..."
