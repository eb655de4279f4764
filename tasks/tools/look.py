"""Programs that are asked something: started, and heard out when they have ended.

They are started with the standard library's subprocess. sh, which starts what people watch, needs three threads and
a copy of this process for each: four times as long as git needs for most of its answers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, TypeAlias

from ..interrupts import held_back
from .process import TIDY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# A program's standard output and standard error.
Said: TypeAlias = "tuple[bytes, bytes]"
_TURN = 0.02
# What every pipe takes without a reader (POSIX's least PIPE_BUF).
_AT_ONCE = 512


def begin(
    argv: Sequence[str], cwd: Path | None, env: Mapping[str, str], stdin: str = "", umask: int = -1
) -> subprocess.Popen[bytes]:
    """Start a program in the background, in a session of its own: Ctrl-C reaches it through who waits for it.

    Args:
        argv: its path, and what it is given.
        cwd: the folder it runs in; None for the current one.
        env: its whole environment.
        stdin: what it will read. A little is given to it at once; the rest has to wait until it is heard out.
        umask: what of the modes of the files that it makes is left out; -1 for this process's own.

    Raises:
        OSError, ValueError: it cannot be started.
    """
    pipe = subprocess.PIPE
    process = None
    try:
        # An interrupt right after the fork would leave a program that nobody knows of.
        with held_back():
            process = subprocess.Popen(
                list(map(_bytes, argv)),
                cwd=cwd,
                env=env,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
                umask=umask,
            )
            _feed(process, _bytes(stdin))
    except KeyboardInterrupt:
        _end([process] if process else [])
        raise
    return process


@contextlib.contextmanager
def ended_after(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Give a started program, and end it with the block where nobody has heard it out by then."""
    try:
        yield process
    finally:
        if process.returncode is None:
            _end([process])


def hear_out(process: subprocess.Popen[bytes], stdin: str, seconds: float) -> Said | None:
    """Give a program what it reads, and return its standard output and error when it has ended.

    A wait that is interrupted asks the program to end, and lets it tidy up.

    Returns:
        None where it did not end within ``seconds``; then it was killed.
    """
    try:
        return process.communicate(_bytes(stdin), timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        return None
    except BaseException:
        _end([process])
        raise


def hear_out_all(started: Sequence[tuple[subprocess.Popen[bytes], str]], seconds: float) -> list[Said | None]:
    """Hear out programs as :func:`hear_out` does, in turns: one that hangs keeps no other one from being heard.

    Args:
        started: the programs, each with what it reads.
        seconds: how long all of them may take together.
    """
    deadline = time.monotonic() + seconds
    heard: dict[int, Said] = {}
    open_ones = dict(enumerate(started))
    try:
        while open_ones and time.monotonic() < deadline:
            for index, (process, stdin) in list(open_ones.items()):
                # What it reads is taken with the first turn; its output is kept from turn to turn.
                open_ones[index] = process, ""
                with contextlib.suppress(subprocess.TimeoutExpired):
                    heard[index] = process.communicate(_bytes(stdin) or None, timeout=_TURN)
                    del open_ones[index]
    except BaseException:
        _end([process for process, _ in open_ones.values()])
        raise
    for process, _ in open_ones.values():
        _kill(process)
    return [heard.get(index) for index in range(len(started))]


def _bytes(stdin: str) -> bytes:
    """Return what a program reads; file names that are not UTF-8 stand in it as :func:`os.fsdecode` gives them."""
    return stdin.encode("utf-8", "surrogateescape")


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Give a program all that it reads, where that is no more than every pipe takes."""
    if process.stdin is None or len(data) > _AT_ONCE:
        return
    with contextlib.suppress(OSError):  # it has ended, or does not read
        process.stdin.write(data)
        process.stdin.close()
    process.stdin = None


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask programs to end, and let them tidy up."""
    for process in processes:
        process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(TIDY_SECONDS)
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and what it has started: docker, for one, leaves the work to its plugins."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(TIDY_SECONDS)
    # What has left its session may hold the other ends: nobody waits for that.
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
