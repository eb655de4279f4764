"""One run at a time in a clone: a lock that the operating system drops when its process dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import stat
from typing import TYPE_CHECKING

from ..faults import Refused, Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_FILE = "hubpress.lock"
# A pipe would keep us waiting, a link could lead to a file of the user's own.
_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MOST_DIGITS = 20


@contextlib.contextmanager
def one_run_at_a_time(git_dir: Path) -> Iterator[bool]:
    """Hold the clone's lock.

    Args:
        git_dir: the clone's ``.git``; the lock's file stays there. It holds the process id of the run that is under
            way, or of the last one if that did not come to its end. Another user's file locks as well, and is not
            written where it may only be read.

    Yields:
        Whether the run before did not come to its end: something of it may be left.

    Raises:
        Refused: another run holds it; the message names its process.
        Unusable: the file cannot be made or used.
    """
    file = git_dir / LOCK_FILE
    try:
        handle = _opened(file)
    except OSError as err:
        raise _unusable(file, err) from err
    try:
        before = _take(handle, file)
        yield bool(before)
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _opened(file: Path) -> int:
    """Open the lock's file, which is made where it is missing, for as much as it allows."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | _SAFELY, 0o666)
    except PermissionError:
        if not os.path.lexists(file):
            raise
        handle = os.open(file, os.O_RDONLY | _SAFELY)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file, or has other names")
    return handle


def _take(handle: int, file: Path) -> str:
    """Take the lock, and return what the last run has left in its file."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _held(file, _read(handle)) from None
    except OSError as err:
        raise _unusable(file, err) from err
    before = _read(handle)
    if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
        try:
            # Written over and then cut: a disk that is full takes nothing of what stands there.
            os.ftruncate(handle, os.pwrite(handle, str(os.getpid()).encode(), 0))
        except OSError as err:
            raise _unusable(file, err) from err
    return before


def _read(handle: int) -> str:
    return os.pread(handle, _MOST_DIGITS, 0).decode("ascii", "replace").strip()


def _held(file: Path, holder: str) -> Refused:
    """Return the fault for a lock that another run holds."""
    known = holder.isdecimal()
    look = f"ps -fp {holder}" if known else f"fuser -v {shlex.quote(str(file))}"
    return Refused(
        f"another run is under way here, process {holder if known else 'unknown'}",
        where=file.parent.parent,
        hint=f"wait for it, or look at it: {look}",
    )


def _unusable(file: Path, err: OSError) -> Unusable:
    """Return the fault for a lock's file that cannot be made, or is there and cannot be used."""
    if err.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS} or not os.path.lexists(file):
        folder = shlex.quote(str(file.parent))
        hint = f"df -h {folder}; ls -ld {folder}"
        return Unusable(f"the clone cannot be written: {err.strerror}", where=file, hint=hint)
    name = shlex.quote(str(file))
    hint = f"ls -ld {name}; while no run is under way it can be removed: rm -r {name}"
    return Unusable(f"the lock file cannot be used: {err.strerror}", where=file, hint=hint)
