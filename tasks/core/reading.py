"""Files that somebody else may have made: opened so that none of them can hold this program, and bounded."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat
from pathlib import Path

LARGEST_FILE = 16 * 1024 * 1024
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def is_passable(text: str) -> bool:
    """Whether ``text`` can be given to a program, and be a file's name: no NUL, no half of a surrogate pair."""
    return "\0" not in text and text.encode("utf-8", "replace").decode() == text


def is_inside(path: str, folder: str = "") -> bool:
    """Whether ``path``, as written, relative to a ``folder`` of a repository, names something in that repository."""
    whole = posixpath.normpath(posixpath.join(folder, path))
    return not whole.startswith("/") and whole.partition("/")[0] != ".."


def read_file(file: Path, limit: int = LARGEST_FILE) -> bytes:
    """Return the bytes of a regular file.

    Args:
        file: its path; symbolic links are followed.
        limit: how many bytes it may have.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no such file.
        OSError: it cannot be read, is not a regular file, or is larger; ``strerror`` says which.
    """
    try:
        with os.fdopen(open_file(file, os.O_RDONLY), "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as err:
        raise _told(err) from err
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit / 2**20:g} MiB")
    return data


def append_to_file(file: Path, data: bytes) -> None:
    """Append ``data`` to a regular file, which is made where there is none."""
    try:
        with os.fdopen(open_file(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as stream:
            stream.write(data)
    except OSError as err:
        raise _told(err) from err


def open_file(file: Path, flags: int) -> int:
    """Return a descriptor of a regular file; opening anything else could wait, or set a device going."""
    try:
        with contextlib.suppress(FileNotFoundError):
            _require_regular(file.stat())
        descriptor = os.open(file, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    except ValueError as err:  # a NUL, or half of a surrogate pair
        raise OSError(errno.EINVAL, "no file can have that name") from err
    try:
        # It may have become another one meanwhile.
        _require_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, f"it is {_KINDS.get(stat.S_IFMT(found.st_mode), 'not a regular file')}")


def _told(err: OSError) -> OSError:
    """Return the fault in words that say what to look for."""
    if err.errno == errno.ELOOP:
        return OSError(errno.ELOOP, "it is a loop of symbolic links")
    return err
