"""Faults, which stop a task and which only ``run.py`` turns into an exit, and interrupts."""

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
    """An error that stops a task: ``what`` is wrong, ``where`` (a file as ``path:line``), and a ``hint`` to fix it."""

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
        """Return the fault as a JSON object."""
        where = _shown(self.where) if self.where else None
        return {"error": _shown(self.what), "where": where, "hint": _shown(self.hint), "code": self.code}


class Refused(Fault):
    """The task could run, but would do harm, or not what the user wants (exit code 1)."""


class Unusable(Fault):
    """The settings, or a file of the repository, cannot be used (exit code 2)."""

    code = 2


class ProgramFailed(Fault):
    """An outside program failed, or is missing (exit code 3)."""

    code = 3


class Unreachable(Fault):
    """A registry, the Helm repository or the git remote gave no usable answer (exit code 4)."""

    code = 4


class NoResponse(Unreachable):
    """The server accepted no connection, or gave no complete response in time (exit code 4)."""


class Denied(Unreachable):
    """The server answered, and denied access (exit code 4)."""


class Interrupted(Fault):
    """The user, or the program's parent, asked it to end (exit code 130)."""

    code = 130


def fault_at(address: object, what: str, kind: type[Unreachable] = Unreachable) -> Unreachable:
    """Return a fault about a web address, with the command that shows what is there."""
    return kind(what, where=address, hint=f"look at what is there: curl -fsSL {quote(str(address))} | head")


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the closest match for ``word`` in ``names``, or None."""
    folded = {name.casefold(): name for name in names}
    near = get_close_matches(word.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def did_you_mean(word: str, names: Iterable[str], otherwise: str) -> str:
    """Return a hint with the closest match for ``word`` in ``names``, else ``otherwise``."""
    near = nearest(word, names)
    return f"did you mean {near}?" if near else otherwise


def let_signals_interrupt() -> None:
    """Make SIGTERM and SIGHUP interrupt this process like Ctrl-C, unless they are already handled or ignored."""
    for number in _ASKED_TO_END:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


@contextlib.contextmanager
def hold_interrupts() -> Iterator[None]:
    """Delay interrupts of the main thread until the end of the block."""
    received: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, *_ASKED_TO_END) if is_main else ()
    handlers = {number: before for number in numbers if callable(before := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda number, _: received.append(number))
    try:
        yield
    finally:
        for number, before in handlers.items():
            signal.signal(number, before)
        if received:
            signal.raise_signal(received[0])


def _shown(text: str) -> str:
    """Return ``text`` on one line, and shorten it: quoted input may be as long as a file."""
    line = one_line(text)
    return line if len(line) <= LONGEST_PART else f"{line[:LONGEST_PART]}..."
