"""The folder of a rehearsal, and the process that clears up after it, however the rehearsal ends.

A killed process can tidy nothing up. So a second one, the caretaker, reads from a pipe that ends with the first one,
and then does it. Where both were killed (the machine was switched off), the next rehearsal's caretaker does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..faults import ProgramFailed, Refused
from . import caretaker
from .locks import holding, machine_lock, open_lock, taken

if TYPE_CHECKING:
    from collections.abc import Iterator

# The folder that holds this package, whatever the package is called there.
_ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def rehearsal_folder(named: str | None, *, keep: bool) -> Iterator[Path]:
    """Yield a rehearsal's folder; after the block, all that the rehearsal leaves outside of it is gone.

    Args:
        named: the folder, which stays; None for a temporary one, which goes away too.
        keep: whether a temporary one stays nevertheless.

    Raises:
        Refused: another rehearsal is under way in the folder.
        ProgramFailed: something would not go away.
    """
    folder, lock = _named(Path(named).absolute()) if named is not None else _temporary(keep=keep)
    try:
        with _cleared_up_after(folder, lock, keep=keep or named is not None):
            yield folder
    finally:
        os.close(lock)


def _named(folder: Path) -> tuple[Path, int]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = open_lock(folder / caretaker.LOCK)
    if not taken(lock):
        os.close(lock)
        hint = "wait for it, or name another folder: --folder PATH"
        raise Refused("another rehearsal is under way here", where=folder, hint=hint)
    return folder, lock


def _temporary(*, keep: bool) -> tuple[Path, int]:
    # Nobody takes the folder for a dead rehearsal's while it has no lock yet.
    with holding(machine_lock(caretaker.FOLDERS)):
        folder = Path(tempfile.mkdtemp(prefix=caretaker.KEPT if keep else caretaker.TEMPORARY))
        lock = open_lock(folder / caretaker.LOCK)
        taken(lock)
    return folder, lock


@contextlib.contextmanager
def _cleared_up_after(folder: Path, lock: int, *, keep: bool) -> Iterator[None]:
    argv = (sys.executable, "-m", caretaker.__name__, str(folder), *(("--keep",) if keep else ()))
    process = subprocess.Popen(
        argv,
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(lock,),
        start_new_session=True,
        encoding="utf-8",
    )
    try:
        with _at_home_in(folder):
            yield
    except BaseException:
        process.communicate()
        raise
    said, _ = process.communicate()
    if process.returncode != 0:
        what = f"not all of the rehearsal has gone away: {said.strip()}"
        raise ProgramFailed(what, where=folder, hint=f"see what is left: ls {folder}; docker image ls")


@contextlib.contextmanager
def _at_home_in(folder: Path) -> Iterator[None]:
    """Mark what is started meanwhile as the rehearsal's, and have temporary files lie in its folder."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    before, tempfile.tempdir = tempfile.tempdir, str(temporary)
    variables = {caretaker.MARK: str(folder), "TMPDIR": str(temporary)}
    inherited = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        tempfile.tempdir = before
        for name, value in inherited.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
