"""Locks among the processes of this machine; the system drops those of a process that dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCLUSIVE, SHARED = fcntl.LOCK_EX, fcntl.LOCK_SH
_FOR_ALL = 0o644
# Where all look for them, whatever a process takes for its folder of temporary files: one engine serves them all.
_FOLDER = Path("/tmp")  # noqa: S108 - who may write a lock file there can at most keep a rehearsal waiting


def machine_lock(name: str) -> Path:
    """Return the lock file that every process of this machine finds under ``name``."""
    return _FOLDER / f"hubpress-{name}.lock"


@contextlib.contextmanager
def holding(file: Path, kind: int = EXCLUSIVE) -> Iterator[int]:
    """Wait for the lock, and hold it while the block runs.

    Args:
        file: the lock file; made if missing.
        kind: :data:`EXCLUSIVE` or :data:`SHARED`.

    Yields:
        The descriptor that holds it.
    """
    descriptor = open_lock(file)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool:
    """Take the lock for oneself alone if nobody else holds it, and return whether that went well."""
    try:
        fcntl.flock(descriptor, EXCLUSIVE | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_lock(file: Path) -> int:
    """Return a descriptor of the lock file, which is made if missing.

    It is opened to be read alone: who shares a machine with others may lock their files and not write to them, and a
    system that protects its folder for temporary files lets nobody even try to make them anew.
    """
    with contextlib.suppress(FileNotFoundError):
        return os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, _FOR_ALL)
    os.fchmod(descriptor, _FOR_ALL)
    return descriptor
