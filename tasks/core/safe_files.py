"""Files that may not be what they seem, locks, and temporary folders.

A temporary folder is locked while in use, and contains a marker file. The next run removes unlocked ones, and never
touches a folder without the marker, of another user, or behind a link.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import posixpath
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .faults import Refused, Unusable, hold_interrupts

LARGEST_FILE = 16 * 1024 * 1024
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
LOCK_FILE = "hubpress.lock"
_MOST_DIGITS = 20
MARK = ".hubpress"
_TEMPORARY = "hubpress-files-"
_WORDS = b"hubpress made this folder, and clears it away\n"
# A link could point to one of the user's folders.
_AS_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def is_passable(text: str) -> bool:
    """Whether ``text`` can be a program's argument or a file name: no NUL, no lone surrogate."""
    return "\0" not in text and text.encode("utf-8", "replace").decode() == text


def is_inside(path: str, folder: str = "") -> bool:
    """Whether ``path``, relative to a ``folder`` of a repository, stays in that repository."""
    whole = posixpath.normpath(posixpath.join(folder, path))
    return not whole.startswith("/") and whole.partition("/")[0] != ".."


def expand_home(path: str | Path) -> Path:
    """Return ``path`` with ``~`` expanded; raise Unusable if the home folder is unknown."""
    try:
        return Path(path).expanduser()
    except RuntimeError as err:
        raise Unusable(
            "the home folder is not known", where=path, hint="write the whole path, or: export HOME=FOLDER"
        ) from err


def read_file(file: Path, limit: int = LARGEST_FILE) -> bytes:
    """Return the bytes of a regular file, following symbolic links.

    Raises OSError with the reason in ``strerror``, also for other kinds of files, and for more than ``limit`` bytes.
    """
    with os.fdopen(_open_file(file, os.O_RDONLY), "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit / 2**20:g} MiB")
    return data


def append_to_file(file: Path, data: bytes) -> None:
    """Append ``data`` to a regular file, and create it if it is missing."""
    with os.fdopen(_open_file(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as stream:
        stream.write(data)


def _open_file(file: Path, flags: int) -> int:
    """Open a regular file, without blocking on a pipe or device."""
    try:
        descriptor = os.open(file, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    except ValueError as err:  # a NUL, or a lone surrogate
        raise OSError(errno.EINVAL, "no file can have that name") from err
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'not a regular file')}")
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Take the lock if it is free; return whether it was taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def one_run_at_a_time(git_dir: Path) -> Iterator[bool]:
    """Hold the clone's lock, and yield whether the previous run failed or was killed: it may have left files behind.

    The lock file contains the process id of the current run. Raises Refused if another run holds the lock.
    """
    file = git_dir / LOCK_FILE
    with contextlib.ExitStack() as stack:
        try:
            # A link could point to one of the user's files.
            handle = _open_file(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
            stack.callback(os.close, handle)
            if os.fstat(handle).st_nlink != 1:
                raise OSError(errno.EINVAL, "it has other names")  # noqa: TRY301
            is_taken = try_lock(handle)
            holder = os.pread(handle, _MOST_DIGITS, 0).decode("ascii", "replace").strip()
            if is_taken:
                # Overwrite before truncating: a full disk then loses nothing.
                os.ftruncate(handle, os.pwrite(handle, str(os.getpid()).encode(), 0))
        except OSError as err:
            folder, name = shlex.quote(str(git_dir)), shlex.quote(str(file))
            hint = f"df -h {folder}; ls -ld {name}; if no run is in progress, remove it: rm -r {name}"
            raise Unusable(f"the lock file cannot be used: {err.strerror}", where=file, hint=hint) from err
        if not is_taken:
            look = f"ps -fp {holder}" if holder.isdecimal() else f"fuser -v {shlex.quote(str(file))}"
            raise Refused(
                f"another run is in progress, process {holder if holder.isdecimal() else 'unknown'}",
                where=git_dir.parent,
                hint=f"wait for it, or look at it: {look}",
            )
        yield bool(holder)
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)


class MarkedFolder(NamedTuple):
    """A temporary folder, and the file descriptor that holds its lock."""

    path: Path
    lock: int

    @classmethod
    def make(cls, prefix: str) -> MarkedFolder:
        """Create a temporary folder that only the user can read; it is locked before it gets the marker.

        Raises Unusable if it cannot be written.
        """
        path: Path | None = None
        try:
            with hold_interrupts():
                path = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
                lock = os.open(path, _AS_FOLDER)
                # Another run may hold it briefly, to see whether it was left behind.
                fcntl.flock(lock, fcntl.LOCK_EX)
                (path / MARK).write_bytes(_WORDS)
        except BaseException as err:
            # Also after a delayed interrupt: no caller knows the folder yet.
            if path:
                shutil.rmtree(path, ignore_errors=True)
            if isinstance(err, OSError):
                raise _unwritable(err) from err
            raise
        return cls(path, lock)

    @classmethod
    def left_behind(cls, prefix: str) -> Iterator[MarkedFolder]:
        """Yield each folder that a killed run has left, locked until the next iteration."""
        for path in sorted(Path(tempfile.gettempdir()).glob(f"{prefix}*")):
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                lock, mark = os.open(path, _AS_FOLDER), path / MARK
                stack.callback(os.close, lock)
                is_free = os.fstat(lock).st_uid == os.getuid() and try_lock(lock)
                # Its last holder may just have removed it.
                if is_free and mark.is_file() and not mark.is_symlink():
                    yield cls(path, lock)

    def remove(self) -> None:
        """Remove the folder, the marker last: an incomplete removal can then be repeated."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != MARK:
                path.unlink()
        (self.path / MARK).unlink()
        self.path.rmdir()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a marked folder for the block, after removing those that killed runs have left."""
    clear_away()
    made = MarkedFolder.make(_TEMPORARY)
    try:
        yield made.path
    except OSError as err:
        raise _unwritable(err) from err
    finally:
        with contextlib.suppress(OSError):
            made.remove()
        os.close(made.lock)


def _unwritable(err: OSError) -> Unusable:
    place = tempfile.gettempdir()
    where = shlex.quote(place)
    hint = f"df -h {where}; ls -ld {where}"
    return Unusable(f"temporary files cannot be written: {err.strerror}", where=place, hint=hint)


def clear_away() -> None:
    """Remove the temporary folders that killed runs have left, as far as possible."""
    for folder in MarkedFolder.left_behind(_TEMPORARY):
        with contextlib.suppress(OSError):
            folder.remove()
