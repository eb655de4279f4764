"""The child of the harness: hubpress, with every point at which it can be hurt counted, and hurt at one of them.

    python -m tests.tools.faults.driver TRACE AT HARM TASK...

TRACE is a file that gets one line for each point, AT the number of the point (from 1; 0 for none). The points are not
listed anywhere: they are what the run passes of actions, outside programs and files being replaced. TRACE.started gets
the numbers of the processes that were started.
"""

from __future__ import annotations

import errno
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import sh
from invoke.tasks import Task

from tasks.core import plan
from tasks.program import program
from tasks.tools import process
from tasks.tools.command import Command


class HasPid(Protocol):
    """A process: sh's or the standard library's."""

    @property
    def pid(self) -> int:
        """Its number."""


R = TypeVar("R")
P = TypeVar("P", bound=HasPid)
_FILE = "file "
BEFORE_FILE = f"before {_FILE}"
_SHOWN_WORDS = 4
_FILE_CALLS: tuple[tuple[object, str], ...] = (
    *((tempfile, "mkstemp"), (tempfile, "mkdtemp"), (os, "fsync"), (os, "replace")),
    *((Path, "chmod"), (Path, "replace")),
)


def _die() -> NoReturn:
    """End as by a power cut: at once, without tidying up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _ctrl_c() -> None:
    """Interrupt as a terminal does: everything that runs in the foreground."""
    os.killpg(0, signal.SIGINT)


def _ask_to_end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _disk_full() -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _read_only() -> NoReturn:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


SIGNALS: Mapping[str, Callable[[], None]] = {"SIGKILL": _die, "SIGINT": _ctrl_c, "SIGTERM": _ask_to_end}
ERRORS: Mapping[str, Callable[[], None]] = {"ENOSPC": _disk_full, "EROFS": _read_only}


class Points:
    """The points that a run passes.

    A point lies before each outside program and each call on a file, in the middle of each program, and at the end.
    What has just ended is named with it: from there to the next point nothing happens that anybody else could see.
    """

    def __init__(self, trace: Path, at: int, harm: str) -> None:
        self._trace = trace.open("a", encoding="utf-8")
        self._at, self._harm = at, harm
        self._passed = 0
        self._ended: list[str] = []

    def around(self, label: str, call: Callable[..., R]) -> Callable[..., R]:
        """Return ``call`` with a point before it, and its end named with the next one."""

        def watched(*args: Any, **kwargs: Any) -> R:  # noqa: ANN401 - whatever it takes
            self.reach(f"before {label}")
            result = call(*args, **kwargs)
            self.note(f"after {label}")
            return result

        return watched

    def note(self, event: str) -> None:
        """Name something with the next point."""
        self._ended.append(event)

    def reach(self, point: str) -> None:
        """Pass one point."""
        self._passed += 1
        self._trace.write("; ".join((*self._ended, point)) + "\n")
        self._trace.flush()
        self._ended.clear()
        if self._harm in SIGNALS and self._passed == self._at:
            SIGNALS[self._harm]()
        if self._harm in ERRORS and 0 < self._at <= self._passed and point.startswith(BEFORE_FILE):
            ERRORS[self._harm]()


def watch_task(points: Points) -> None:
    """Put a point at the end of the task: all is done, and not yet told."""
    call = Task.__call__

    def watched(task: Task[Any], *args: Any, **kwargs: Any) -> object:  # noqa: ANN401
        result = call(task, *args, **kwargs)
        points.reach("at the end")
        return result

    Task.__call__ = watched  # type: ignore[method-assign, assignment]


def watch_actions(points: Points) -> None:
    """Name the beginning and end of what each action does."""
    make = plan.Action.__new__

    def watched(kind: type[plan.Action], *args: Any, **kwargs: Any) -> plan.Action:  # noqa: ANN401
        action = make(kind, *args, **kwargs)
        noted = action.do and _noted(points, f"action {action.what.split()[0]}", action.do)
        return action._replace(do=noted)

    plan.Action.__new__ = watched  # type: ignore[method-assign, assignment]


def _noted(
    points: Points, label: str, do: Callable[[plan.Values], plan.Values | None]
) -> Callable[[plan.Values], plan.Values | None]:
    def watched(values: plan.Values) -> plan.Values | None:
        points.note(f"before {label}")
        left = do(values)
        points.note(f"after {label}")
        return left

    return watched


def watch_programs(points: Points, started: Path) -> None:
    """Put a point before each outside program, and one while it runs; its process's number goes to ``started``."""
    labels: dict[int, str] = {}

    def watched_start(start: Callable[..., P], command: Command, *options: Any) -> P:  # noqa: ANN401
        label = shlex.join(command.argv[:_SHOWN_WORDS])
        points.reach(f"before {label}")
        process = start(command, *options)
        labels[process.pid] = label
        with started.open("a", encoding="ascii") as file:
            file.write(f"{process.pid}\n")
        points.reach(f"during {label}")
        return process

    def watched_wait(wait: Callable[..., R]) -> Callable[..., R]:
        def watched(process: HasPid, *args: Any, **options: Any) -> R:  # noqa: ANN401
            result = wait(process, *args, **options)
            points.note(f"after {labels.pop(process.pid, 'another program')}")
            return result

        return watched

    for name in ("_begin", "_start"):
        setattr(process, name, partial(watched_start, getattr(process, name)))
    for owner, name in ((subprocess.Popen, "communicate"), (sh.RunningCommand, "wait")):
        setattr(owner, name, watched_wait(getattr(owner, name)))


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


def watch_files(points: Points) -> None:
    """Put a point before each call of which a file's replacement consists."""
    for owner, name in _FILE_CALLS:
        setattr(owner, name, points.around(f"{_FILE}{name}", getattr(owner, name)))


def main(trace: str, at: str, harm: str, *task: str) -> None:
    """Run hubpress with points."""
    # A shell that starts the harness in the background lets it, and so this, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    points = Points(Path(trace), int(at), harm)
    watch_task(points)
    watch_actions(points)
    watch_programs(points, Path(f"{trace}.started"))
    answer_in_turn()
    watch_files(points)
    program.run(["hubpress", *task])


if __name__ == "__main__":
    main(*sys.argv[1:])
