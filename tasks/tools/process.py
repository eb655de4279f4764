"""Outside programs while they run: started, waited for, and ended with whoever waits for them."""

from __future__ import annotations

import contextlib
import signal
import threading
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any

import sh

from ..interrupts import held_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# A program may end with any status, or by any signal (negative): the caller decides what that means.
_ANY_STATUS = tuple(range(-64, 256))
TIDY_SECONDS = 10.0


def start(
    program: str,
    arguments: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str],
    **options: Any,  # noqa: ANN401 - sh's own
) -> sh.RunningCommand:
    """Start a program in the background.

    Args:
        program: its path.
        arguments: what it is given.
        cwd: the folder it runs in; None for the current one.
        env: its whole environment.
        options: sh's own, for what it reads and where its output goes.

    Raises:
        OSError, sh.ForkException: it cannot be started.
    """
    process: sh.RunningCommand | None = None
    try:
        # An interrupt right after the fork would leave a program that nobody knows of.
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
    except KeyboardInterrupt:
        if process is not None:
            _send(process, signal.SIGTERM)
        raise
    return process


def wait(process: sh.RunningCommand, seconds: float = TIMEOUT_MAX) -> bool:
    """Wait for a program's end, and return whether it came within ``seconds``; after them the program is killed.

    A wait that is interrupted asks the program to end, and lets it tidy up.
    """
    # sh's own wait loses the status when it is interrupted, and its limit polls: a thread of its own does neither.
    ended = threading.Event()
    threading.Thread(target=_wait, args=(process, ended), daemon=True).start()
    try:
        in_time = ended.wait(seconds)
    except BaseException:
        _send(process, signal.SIGTERM)
        _kill_unless(ended.wait(TIDY_SECONDS), process, ended)
        raise
    _kill_unless(in_time, process, ended)
    return in_time


def _wait(process: sh.RunningCommand, ended: threading.Event) -> None:
    process.wait()
    ended.set()


def _kill_unless(in_time: bool, process: sh.RunningCommand, ended: threading.Event) -> None:
    if not in_time:
        _send(process, signal.SIGKILL)
        ended.wait()


def _send(process: sh.RunningCommand, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.signal(number)
