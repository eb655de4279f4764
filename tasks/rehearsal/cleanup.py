"""The folder of a rehearsal: made for it, marked, and removed with all that the rehearsal leaves elsewhere.

The mark is a file that says whose the folder is, and a lock that says whether its rehearsal still runs. A rehearsal
clears up after itself, also when it is interrupted; after one that was killed, the next one does. A folder without the
mark, of another user, or behind a link is never touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.faults import Fault, ProgramFailed, Unusable
from ..core.names import Reference
from ..core.reading import read_file
from ..core.session import held_back
from ..tools.process import find
from .registry import LOOPBACK, engine_answers, forget_images, remove_container
from .stand_in import remove_unused

TEMPORARY, KEPT = "hubpress-rehearsal-", "hubpress-kept-"
MARK = ".hubpress-rehearsal"
_WORDS = b"hubpress made this folder for a rehearsal, and clears it away\n"
_SAFELY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_FILE = "rehearsal.json"
_LARGEST = 64 * 1024
_LAST_PORT = 65535


@contextlib.contextmanager
def rehearsal_folder(*, keep: bool) -> Iterator[Path]:
    """Make a rehearsal's folder, and clear up after the block and after rehearsals that were killed."""
    clear_up_after_killed_ones()
    try:
        with held_back():
            place = RehearsalFolder.make(keep=keep)
    except OSError as err:
        where = tempfile.gettempdir()
        what = f"cannot make a temporary folder: {err.strerror}"
        hint = f"df -h {where}; ls -ld {where}; or use another one: set TMPDIR"
        raise Unusable(what, where=where, hint=hint) from err
    try:
        with _temporary_files_in(place.folder):
            yield place.folder
    except BaseException:
        with held_back(), contextlib.suppress(Fault, OSError):
            place.clear_up()
        raise
    else:
        try:
            with held_back():
                place.clear_up()
        except (Fault, OSError) as err:
            why = err.what if isinstance(err, Fault) else str(err)
            hint = f"see what is left: ls {place.folder}; docker image ls; the next rehearsal tries to remove it again"
            what = f"cannot remove all of the rehearsal: {why}"
            raise ProgramFailed(what, where=place.folder, hint=hint) from err
    finally:
        os.close(place.lock)


def clear_up_after_killed_ones() -> None:
    """Clear up after each rehearsal of this user that was killed; what cannot be removed is left for the next time."""
    folders = Path(tempfile.gettempdir()).glob("hubpress-*")
    killed = [place for place in map(RehearsalFolder.take, sorted(folders)) if place]
    # An engine that is down still has their images.
    reachable = bool(killed) and engine_answers()
    for place in killed:
        with held_back(), contextlib.suppress(Fault, OSError):
            if reachable or Record.read(place.folder) is None:
                place.clear_up()
        os.close(place.lock)


class Record(NamedTuple):
    """What a rehearsal leaves outside of its folder: its registry's port, and the base images that are stood in for.

    The engine's copies of images and a registry's container are named after the port.
    """

    port: int
    stand_ins: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """Return the record in a rehearsal's folder; None where it is missing or cannot be read."""
        try:
            content = json.loads(read_file(folder / _FILE, _LARGEST))
            port, stand_ins = content["port"], tuple(str(Reference.parse(name)) for name in content["stand_ins"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, Unusable):
            return None
        return cls(port, stand_ins) if type(port) is int and 0 < port <= _LAST_PORT else None

    def write(self, folder: Path) -> None:
        """Put the record into the folder: a power cut leaves the old one or the new one."""
        new = folder / f"{_FILE}.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump(self._asdict(), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / _FILE)
        _sync_folder(folder)


class RehearsalFolder(NamedTuple):
    """A rehearsal's folder, and the descriptor that holds the lock on its mark."""

    folder: Path
    lock: int

    @classmethod
    def make(cls, *, keep: bool) -> RehearsalFolder:
        """Make a new folder, whose mark is locked before it can be seen."""
        folder = Path(tempfile.mkdtemp(prefix=KEPT if keep else TEMPORARY)).resolve()
        new = folder / f"{MARK}.new"
        try:
            lock = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.write(lock, _WORDS)
            os.fsync(lock)
            new.rename(folder / MARK)
            _sync_folder(folder)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(folder, lock)

    @classmethod
    def take(cls, folder: Path) -> RehearsalFolder | None:
        """Lock and return the folder of a rehearsal that was killed; None where it is no such folder."""
        try:
            if not _is_ours(folder.lstat(), stat.S_ISDIR):
                return None
            lock = os.open(folder / MARK, _SAFELY)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it until now may have cleared the folder away.
            if _is_ours(os.fstat(lock), stat.S_ISREG) and os.path.samestat(os.fstat(lock), (folder / MARK).lstat()):
                return cls(folder, lock)
        except OSError:  # its rehearsal still runs, or has cleared it away
            pass
        os.close(lock)
        return None

    def clear_up(self) -> None:
        """Remove what the rehearsal left: in the engine, then its folder; of one to be kept, only the mark."""
        record = Record.read(self.folder)
        if record is not None and find("docker"):
            remove_container(record.port)
            forget_images(f"{LOOPBACK}:{record.port}")
            remove_unused(record.stand_ins)
        if self.folder.name.startswith(KEPT):
            (self.folder / MARK).unlink()
            return
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != MARK:
                path.unlink()
        # The mark goes last: a folder that is half empty is still known.
        (self.folder / MARK).unlink()
        self.folder.rmdir()


def _sync_folder(folder: Path) -> None:
    """Have the folder's entries outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_ours(found: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    """Whether a file is of that kind and belongs to this user."""
    return is_kind(found.st_mode) and found.st_uid == os.getuid()


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Have this process and the programs that it starts put their temporary files into the folder."""
    temporary = folder / "tmp"
    temporary.mkdir()
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
    try:
        yield
    finally:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
