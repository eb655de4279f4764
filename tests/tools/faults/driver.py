"""The child of the harness: hubpress, with every point at which it can be hurt counted, and hurt at one of them.

    python -m tests.tools.faults.driver TRACE AT HARM TASK...

TRACE is a file that gets one line for each point, AT the number of the point (from 1; 0 for none). The points are not
listed anywhere: they lie before each outside program, in the middle of each, and before each call on a file that is
replaced. TRACE.started gets the numbers of the processes that were started.
"""

import errno
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tasks.program import program
from tasks.tools import process
from tasks.tools.command import Command

R = TypeVar("R")
BEFORE_FILE = "before file "
SIGNALS = ("SIGKILL", "SIGINT", "SIGTERM")
ERRORS = ("ENOSPC", "EROFS")
_SHOWN_WORDS = 4
_FILE_CALLS: tuple[tuple[object, str], ...] = (
    *((tempfile, "mkstemp"), (tempfile, "mkdtemp"), (os, "fsync"), (os, "replace")),
    *((Path, "chmod"), (Path, "replace")),
)


class Points:
    """The points that a run passes."""

    def __init__(self, trace: Path, at: int, harm: str) -> None:
        self._trace = trace.open("a", encoding="utf-8")
        self._at, self._harm = at, harm
        self._passed = 0

    def reach(self, point: str) -> None:
        """Pass one point, and do the harm if it is the one: a disk stays full from there on."""
        self._passed += 1
        self._trace.write(f"{point}\n")
        self._trace.flush()
        if self._harm in SIGNALS and self._passed == self._at:
            # A terminal interrupts everything that runs in the foreground.
            kill = partial(os.killpg, 0) if self._harm == "SIGINT" else partial(os.kill, os.getpid())
            kill(signal.Signals[self._harm])
        if self._harm in ERRORS and 0 < self._at <= self._passed and point.startswith(BEFORE_FILE):
            number = getattr(errno, self._harm)
            raise OSError(number, os.strerror(number))

    def before(self, label: str, call: Callable[..., R]) -> Callable[..., R]:
        """Return ``call`` with a point before it."""

        def watched(*args: Any, **kwargs: Any) -> R:  # noqa: ANN401 - whatever it takes
            self.reach(f"before {label}")
            return call(*args, **kwargs)

        return watched


def watch_programs(points: Points, started: Path) -> None:
    """Put a point before each outside program, and one while it runs; its process's number goes to ``started``."""

    def watched(start: Callable[..., Any], command: Command, *options: Any) -> Any:  # noqa: ANN401
        label = shlex.join(command.argv[:_SHOWN_WORDS])
        points.reach(f"before {label}")
        child = start(command, *options)
        with started.open("a", encoding="ascii") as file:
            file.write(f"{child.pid}\n")
        points.reach(f"during {label}")
        return child

    for name in ("_begin", "_start"):
        setattr(process, name, partial(watched, getattr(process, name)))


def answer_in_turn() -> None:
    """Have what is asked side by side answered one after the other: the points of every run come in one order."""

    def submit(_: process.Pool, question: Callable[..., R], *args: Any, **options: Any) -> Future[R]:  # noqa: ANN401
        answer: Future[R] = Future()
        try:
            answer.set_result(question(*args, **options))
        except Exception as fault:  # noqa: BLE001 - it is raised where the answer is taken
            answer.set_exception(fault)
        return answer

    process.Pool.submit = submit  # type: ignore[method-assign, assignment]


def main(trace: str, at: str, harm: str, *task: str) -> None:
    # A shell that starts the harness in the background lets it, and so this, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    points = Points(Path(trace), int(at), harm)
    watch_programs(points, Path(f"{trace}.started"))
    answer_in_turn()
    for owner, name in _FILE_CALLS:
        setattr(owner, name, points.before(f"file {name}", getattr(owner, name)))
    program.run(["hubpress", *task])


if __name__ == "__main__":
    main(*sys.argv[1:])
