"""What can stop a task: faults, which only its edge (``run.py``) turns into an exit, and interrupts."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from shlex import quote
from typing import ClassVar

from .visible import one_line

# The folder is `tasks` where Invoke finds it, and has another name in a wheel.
CLI = "invoke" if __package__.partition(".")[0] == "tasks" else "hubpress"

LONGEST_PART = 1000
_ASKED_TO_END = (signal.SIGTERM, signal.SIGHUP)


class Fault(Exception):  # noqa: N818 - a fault is what the contract calls it
    """Something that stops a task: ``what`` is wrong, ``where`` (a file is ``path:line``), and a ``hint`` to fix it."""

    code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: object | None = None, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else str(where)
        self.hint = hint

    def __str__(self) -> str:
        shown = self.report()
        where = f" ({shown['where']})" if shown["where"] else ""
        return f"error: {shown['error']}{where}\nhint: {shown['hint']}"

    @property
    def text(self) -> str:
        """What is wrong and, in brackets, where."""
        return f"{self.what} ({self.where})" if self.where else self.what

    def report(self) -> dict[str, str | int | None]:
        """Return the fault's part of the JSON."""
        where = _shown(self.where) if self.where else None
        return {"error": _shown(self.what), "where": where, "hint": _shown(self.hint), "code": self.code}


class Refused(Fault):
    """The task could run, but would do harm or something else than was meant (exit code 1)."""


class Unusable(Fault):
    """The settings, or a file of the repository, cannot be used (exit code 2)."""

    code = 2


class ProgramFailed(Fault):
    """An outside program failed, or is missing (exit code 3)."""

    code = 3


class Unreachable(Fault):
    """A registry, the Helm repository or the git remote gave no usable answer (exit code 4)."""

    code = 4


class Denied(Unreachable):
    """It answered, and denied access (exit code 4)."""


class Interrupted(Fault):
    """The user, or what started the program, asked it to end (exit code 130)."""

    code = 130


def fault_at(address: object, what: str, kind: type[Unreachable] = Unreachable) -> Unreachable:
    """Return a fault about a web address, with the command that shows what is there."""
    return kind(what, where=address, hint=f"look at what is there: curl -fsSL {quote(str(address))} | head")


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that ``word`` was probably meant to be; None where none of ``names`` is near."""
    folded = {name.casefold(): name for name in names}
    near = get_close_matches(word.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def did_you_mean(word: str, names: Iterable[str], otherwise: str) -> str:
    """Return the hint that names what ``word`` was probably meant to be; ``otherwise`` where none is near."""
    near = nearest(word, names)
    return f"did you mean {near}?" if near else otherwise


def let_signals_interrupt() -> None:
    """Let SIGTERM and SIGHUP interrupt this process as Ctrl-C does, unless they are handled or ignored already."""
    for number in _ASKED_TO_END:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


@contextlib.contextmanager
def hold_interrupts() -> Iterator[None]:
    """Hold an interrupt of the main thread back until the block has ended."""
    came: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, *_ASKED_TO_END) if is_main else ()
    own = {number: before for number in numbers if callable(before := signal.getsignal(number))}
    for number in own:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, before in own.items():
            signal.signal(number, before)
        if came:
            signal.raise_signal(came[0])


def _shown(text: str) -> str:
    """Return ``text`` in one line that people can still read: what is quoted may be as long as a file."""
    line = one_line(text)
    return line if len(line) <= LONGEST_PART else f"{line[:LONGEST_PART]}..."
