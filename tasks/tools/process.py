"""Outside programs while they run: started, waited for, and ended with whoever waits for them."""

from __future__ import annotations

import contextlib
import signal
import threading
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any, NamedTuple

from ..interrupts import held_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import sh

# A program may end with any status, or by any signal (negative): the caller decides what that means.
_ANY_STATUS = tuple(range(-64, 256))
TIDY_SECONDS = 10.0


class Running(NamedTuple):
    """A program that was started.

    Attributes:
        process: sh's view of it.
        ended: set by a thread of its own once it has ended: sh's own wait loses the status when it is interrupted, and
            its limit polls.
    """

    process: sh.RunningCommand
    ended: threading.Event

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self.process.pid)

    @property
    def status(self) -> int:
        """Its exit status, once it has ended; negative where a signal ended it."""
        return int(self.process.exit_code)


def start(
    program: str,
    arguments: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str],
    **options: Any,  # noqa: ANN401 - sh's own
) -> Running:
    """Start a program in the background.

    Args:
        program: its path.
        arguments: what it is given.
        cwd: the folder it runs in; None for the current one.
        env: its whole environment.
        options: sh's own, for what it reads and where its output goes.

    Raises:
        OSError: it cannot be started.
    """
    import sh  # noqa: PLC0415 - only what people watch is run by it

    process: sh.RunningCommand | None = None
    ended = threading.Event()
    try:
        # An interrupt right after the fork would leave a program that nobody knows of, or nobody waits for.
        with held_back():
            process = sh.Command(program)(
                *arguments,
                _cwd=None if cwd is None else str(cwd),
                _env=dict(env),
                _ok_code=_ANY_STATUS,
                _bg=True,
                _bg_exc=False,
                _return_cmd=True,
                **options,
            )
            threading.Thread(target=_wait, args=(process, ended), daemon=True).start()
    except sh.ForkException as err:
        raise OSError(str(err)) from err
    except KeyboardInterrupt:
        if process is not None:
            _send(process, signal.SIGTERM)
        raise
    return Running(process, ended)


def wait(running: Running, seconds: float = TIMEOUT_MAX) -> bool:
    """Wait for a program's end, and return whether it came within ``seconds``; after them the program is killed.

    A wait that is interrupted asks the program to end, and lets it tidy up.
    """
    try:
        in_time = running.ended.wait(seconds)
    except BaseException:
        _send(running.process, signal.SIGTERM)
        _kill_unless(running.ended.wait(TIDY_SECONDS), running)
        raise
    _kill_unless(in_time, running)
    return in_time


def _wait(process: sh.RunningCommand, ended: threading.Event) -> None:
    process.wait()
    ended.set()


def _kill_unless(in_time: bool, running: Running) -> None:
    if not in_time:
        _send(running.process, signal.SIGKILL)
        # What it has started may hold the other end of its output: nobody waits for that.
        running.ended.wait(TIDY_SECONDS)


def _send(process: sh.RunningCommand, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.signal(number)
