"""The process that clears up after a rehearsal: ``python -m tasks.rehearsal.caretaker FOLDER [--keep]``.

It has a session of its own, holds the folder's lock with the rehearsal, and waits for the end of its standard input,
which is the end of the rehearsal. Meanwhile it clears up after rehearsals that died together with their caretakers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..faults import Fault
from .locks import holding, machine_lock, open_lock, taken
from .record import Record
from .registry import LOOPBACK
from .standin import remove_unused
from .store import forget_images

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = "lock"
# The machine's lock that is held while a rehearsal's folder comes, goes, or is looked for: none is half there.
FOLDERS = "rehearsals"
TEMPORARY, KEPT = "hubpress-rehearsal-", "hubpress-kept-"
# Every program that a rehearsal starts inherits the rehearsal's folder under this name.
MARK = "HUBPRESS_REHEARSAL"
PATIENCE = 10.0
_TURN = 0.05
_PROCESSES = Path("/proc")


def main(folder: Path, *, keep: bool) -> None:
    """Wait until the rehearsal in ``folder`` has ended, and clear up after it.

    Raises:
        Fault: something would not go away.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    clear_up_after_the_dead()
    sys.stdin.read()
    clear_up(folder, keep=keep)


def clear_up_after_the_dead() -> None:
    """Clear up after each rehearsal in a temporary folder that nobody holds.

    It says nothing of what does not go away: the next rehearsal's caretaker tries again.
    """
    with contextlib.ExitStack() as held:
        for folder in list(_dead(held)):
            with contextlib.suppress(Fault, OSError):
                clear_up(folder, keep=False)


def clear_up(folder: Path, *, keep: bool) -> None:
    """Take away what a rehearsal left: programs that still run, images and stand-ins in the engine, the folder.

    Raises:
        ProgramFailed: docker is missing, or does not let go of an image.
        OSError: the folder cannot be removed.
    """
    _end_programs(folder)
    record = Record.read(folder)
    try:
        if record is not None:
            forget_images(f"{LOOPBACK}:{record.port}")
            remove_unused(record.stand_ins)
    finally:
        if not keep:
            with holding(machine_lock(FOLDERS)):
                shutil.rmtree(folder)


def _dead(held: contextlib.ExitStack) -> Iterator[Path]:
    """Yield the folders of rehearsals that died, each locked as long as ``held`` is open."""
    with holding(machine_lock(FOLDERS)):
        for folder in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*"):
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid():
                lock = open_lock(folder / LOCK)
                held.callback(os.close, lock)
                if taken(lock):
                    yield folder


def _end_programs(folder: Path) -> None:
    """End what the rehearsal has started, and what that has: a build would leave its image after we have looked.

    Only Linux tells whose they are. Elsewhere they end when they next write to somebody who is not there any more.
    """
    deadline = time.monotonic() + PATIENCE
    while numbers := list(_programs(folder)):
        for number in numbers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(_TURN)


def _programs(folder: Path) -> Iterator[int]:
    """Yield the processes that have inherited the rehearsal's mark; those that have ended have no environment."""
    mark = f"{MARK}={folder}".encode()
    for environment in _PROCESSES.glob("[0-9]*/environ"):
        # Somebody else's, or one that has just ended.
        with contextlib.suppress(OSError):
            if mark in environment.read_bytes().split(b"\0"):
                yield int(environment.parent.name)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), keep="--keep" in sys.argv)
    except Fault as fault:
        sys.exit(fault.what)
    except OSError as err:
        sys.exit(str(err))
