"""Run outside programs that people watch: through sh, which hands on what they say as they say it."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import TIMEOUT_MAX
from typing import Any

import sh

from ..core import output
from ..core.faults import hold_interrupts
from .command import Command, Output
from .process import PERSON_SECONDS, TIDY_SECONDS, not_started, started_with, too_slow

log = logging.getLogger("hubpress")

_TURN_SECONDS = 0.02
# A program may end with any status, or by any signal (negative): the caller decides what that means.
_ANY_STATUS = tuple(range(-64, 256))


def run_interactive(command: Command) -> int:
    """Run ``command`` on this terminal, its output on standard error, and return its exit status."""
    screen = sys.stderr.fileno()
    return _watched(command, PERSON_SECONDS, _in=command.stdin or sys.stdin, _out=screen, _err=screen)


def run_with_last_line(command: Command, what: str) -> Output:
    """Run ``command`` with its last line shown behind ``what``; return what it says, and show it where it fails."""
    with output.waiting(what) as wait:
        # People see what it does, and can end it with Ctrl-C.
        done = _heard(command, TIMEOUT_MAX, wait.add)
    if done.ok:
        log.debug("%s", done.stderr)
    else:
        output.pass_on(done.stderr)
    return done


def run_with_output(command: Command) -> Output:
    """Run ``command``, show what it says line by line, and return it whatever its status."""

    def tell(text: str) -> None:
        # A line that looks like this program's own begins with the other's name.
        output.pass_on(f"{command.argv[0]}: {text}" if text.startswith(("error: ", "hint: ")) else text)

    return _heard(command, PERSON_SECONDS, tell)


def _heard(command: Command, seconds: float, tell: Callable[[str], None]) -> Output:
    """Run ``command`` through sh, ``tell`` what it says as it says it, and return all of it as standard error."""
    said = bytearray()

    def hear(chunk: str | bytes) -> None:
        data = chunk.encode() if isinstance(chunk, str) else chunk
        said.extend(data)
        tell(data.decode("utf-8", "surrogateescape"))

    # By lines: half of a secret would not be recognized.
    status = _watched(command, seconds, _in=command.stdin, _out=hear, _out_bufsize=1, _err_to_out=True, _tty_out=False)
    return Output(status, b"", said.decode("utf-8", "replace"))


def _watched(command: Command, seconds: float, **options: Any) -> int:  # noqa: ANN401 - sh's own
    """Run ``command`` through sh with ``options``, and return its exit status."""
    process: sh.RunningCommand | None = None
    try:
        with hold_interrupts():
            process = _start(command, options)
        if not _has_ended(process, seconds):
            raise too_slow(command, seconds)
        return int(process.exit_code)
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process is not None and not _has_ended(process, 0):
                with suppress(ProcessLookupError):
                    process.signal(number)
                _has_ended(process, TIDY_SECONDS)


def _has_ended(process: sh.RunningCommand, seconds: float) -> bool:
    """Wait for a program; sh's own wait loses the status where it is interrupted."""
    deadline = time.monotonic() + seconds
    while process.is_alive() and time.monotonic() < deadline:
        time.sleep(_TURN_SECONDS)
    return not process.is_alive()


def _start(command: Command, options: dict[str, Any]) -> sh.RunningCommand:
    (program, *arguments), env = started_with(command)
    try:
        process: sh.RunningCommand = sh.Command(program)(
            *arguments,
            _cwd=None if command.cwd is None else str(command.cwd),
            _env=env,
            _ok_code=_ANY_STATUS,
            _bg=True,
            _bg_exc=False,
            _return_cmd=True,
            **options,
        )
    except (sh.ForkException, OSError, ValueError) as err:
        raise not_started(command, err) from err
    return process
