"""The files in a tar archive, read in memory within a bound."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_MEMBERS = 10_000
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
_WITHOUT_DATA = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)


class NotTar(Exception):  # noqa: N818 - says what is wrong with the data
    """The data is not tar, is cut off, or holds more than ``MOST_MEMBERS``."""


class TarFile(NamedTuple):
    """A regular file in a tar archive: its name and its bytes."""

    name: str
    data: memoryview


def regular_files(plain: bytes) -> Iterator[TarFile]:
    """Yield the regular files of a tar archive by their own headers, in time that grows with its size alone.

    Headers that extend others (pax records, GNU's long names) are passed over unread: they only matter for names
    of over 100 bytes and files of over 8 GiB, and ``tarfile`` searches pax records in quadratic time before
    Python 3.11.10 (CVE-2024-6232). The format: https://www.gnu.org/software/tar/manual/html_node/Standard.html

    Raises:
        NotTar: as it says.
    """
    view, at = memoryview(plain), 0
    for _ in range(MOST_MEMBERS):
        block = plain[at : at + tarfile.BLOCKSIZE]
        if block and not block.strip(b"\0"):
            return
        header = _header(block)
        start = at + tarfile.BLOCKSIZE
        end = start + (0 if header.type in _WITHOUT_DATA else header.size)
        if not start <= end <= len(plain):
            raise NotTar
        if header.type in _REGULAR:
            yield TarFile(header.name, view[start:end])
        at = -(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    raise NotTar


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as error:
        raise NotTar from error
