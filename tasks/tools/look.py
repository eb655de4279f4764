"""Programs that are asked something: started, and heard out when they have ended.

They are started with the standard library's subprocess. sh, which starts what people watch, needs three threads and
a copy of this process for each: four times as long as git needs for most of its answers.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

from ..interrupts import held_back
from .process import TIDY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def begin(path: str, arguments: Sequence[str], cwd: Path | None, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a program in the background, in a session of its own: Ctrl-C reaches it through who waits for it.

    Args:
        path: its path.
        arguments: what it is given.
        cwd: the folder it runs in; None for the current one.
        env: its whole environment.

    Raises:
        OSError, ValueError: it cannot be started.
    """
    pipe = subprocess.PIPE
    # An interrupt right after the fork would leave a program that nobody knows of.
    with held_back():
        return subprocess.Popen(
            (path, *arguments), cwd=cwd, env=env, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )


def hear_out(process: subprocess.Popen[bytes], stdin: str, seconds: float) -> tuple[bytes, bytes] | None:
    """Give a program what it reads, and return its standard output and error when it has ended.

    A wait that is interrupted asks the program to end, and lets it tidy up.

    Returns:
        None where it did not end within ``seconds``; then it was killed.
    """
    try:
        return process.communicate(stdin.encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        return None
    except BaseException:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(TIDY_SECONDS)
        _kill(process)
        raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    # What it left running may hold the other ends: nobody waits for those.
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
