"""The lock files that git makes while it changes something, and leaves behind where it is killed."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from ..faults import Refused

if TYPE_CHECKING:
    from pathlib import Path

# What an editor's look at the clone may take.
_MOMENT, _GLANCE = 1.0, 0.05
_LOCKS = ("index.lock", "HEAD.lock")


def require_unlocked(git_dir: Path) -> None:
    """Check that no other git changes the index or HEAD; one that is done in a moment is waited for.

    Raises:
        Refused: one does, or has left its lock behind.
    """
    deadline = time.monotonic() + _MOMENT
    for lock in (git_dir / name for name in _LOCKS):
        while lock.exists():
            if time.monotonic() > deadline:
                raise locked(lock)
            time.sleep(_GLANCE)


def locked(lock: Path | str) -> Refused:
    """Return the fault for a lock file that another git holds, or has left behind."""
    return Refused(
        "another git is at work here, or was killed in the middle of it",
        where=lock,
        hint=f"wait for it; where none runs any more: rm {shlex.quote(str(lock))}",
    )


def lock_in(said: str) -> str | None:
    """Return the lock file that git could not make because it is there, from git's own words; None where it could."""
    _, opening, rest = said.partition("Unable to create '")
    path, closing, _ = rest.partition(".lock': File exists")
    return f"{path}.lock" if opening and closing else None
