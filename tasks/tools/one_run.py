"""One run at a time in a clone: a lock that the operating system drops when its process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from ..faults import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "hubpress.lock"


@contextlib.contextmanager
def one_run_at_a_time(git_dir: Path) -> Iterator[None]:
    """Hold the clone's lock.

    Args:
        git_dir: the clone's ``.git``; the lock's file stays there, holding the last holder's process id.

    Raises:
        Refused: another run holds it; the message names its process.
    """
    with (git_dir / FILE).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise Refused(
                f"another run is under way here, process {holder}",
                where=git_dir.parent,
                hint=f"wait for it, or look at it: ps -fp {holder}",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
