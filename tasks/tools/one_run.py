"""One run at a time in a clone: a lock that the operating system drops when its process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from ..faults import Refused, Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

FILE = "hubpress.lock"


@contextlib.contextmanager
def one_run_at_a_time(git_dir: Path) -> Iterator[bool]:
    """Hold the clone's lock.

    Args:
        git_dir: the clone's ``.git``; the lock's file stays there. It holds the process id of the run that is under
            way, or of the last one if that did not come to its end.

    Yields:
        Whether the run before did not come to its end: something of it may be left.

    Raises:
        Refused: another run holds it; the message names its process.
        Unusable: the file cannot be written.
    """
    with contextlib.ExitStack() as held:
        try:
            (git_dir / FILE).touch()
            file = held.enter_context((git_dir / FILE).open("r+b", buffering=0))
            before = _take(file, git_dir)
        except OSError as err:
            hint = f"df -h {git_dir}; ls -ld {git_dir}"
            raise Unusable(f"the clone cannot be written: {err.strerror}", where=git_dir / FILE, hint=hint) from err
        yield bool(before)
        with contextlib.suppress(OSError):
            file.truncate(0)


def _take(file: FileIO, git_dir: Path) -> str:
    """Take the lock, and return what the last run has left in its file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _read(file) or "unknown"
        raise Refused(
            f"another run is under way here, process {holder}",
            where=git_dir.parent,
            hint=f"wait for it, or look at it: ps -fp {holder}",
        ) from None
    before = _read(file)
    # Written over and then cut: a disk that is full takes nothing of what stands there.
    file.seek(0)
    file.write(str(os.getpid()).encode())
    file.truncate()
    return before


def _read(file: FileIO) -> str:
    return file.read().decode("ascii", "replace").strip()
