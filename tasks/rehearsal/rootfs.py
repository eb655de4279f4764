"""What the stand-in image is made of: two layers, the same bytes on every machine with the same busybox."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
from pathlib import Path
from typing import NamedTuple

IMAGE_FILES = Path(__file__).with_name("image")
ROOT = (0, 0)
JOVYAN = (1000, 1000)
_USERS = "root:x:0:0:root:/root:/bin/sh\njovyan:x:1000:1000:Default user:/home/jovyan:/bin/bash\n"
_GROUPS = "root:x:0:\nstaff:x:50:\nusers:x:100:\njovyan:x:1000:\n"
_PROGRAMS = {
    "usr/local/bin": ("jupyterhub", "pip", "python3"),
    "usr/bin": ("apt-get",),
    "bin": ("bash",),
}
_OTHER_NAMES = {
    "usr/local/bin/pip3": "pip",
    "usr/local/bin/python": "python3",
    "usr/bin/apt": "apt-get",
}
_ELF_64_LITTLE = b"\x7fELF\x02\x01"
_PT_INTERP = 3


class LayerEntry(NamedTuple):
    """A file, folder or symbolic link of a layer.

    Attributes:
        path: where it is, without the leading slash.
        mode: its type and permission bits, as in ``stat``.
        content: a file's bytes, a link's target.
        owner: user and group, as numbers.
    """

    path: str
    mode: int
    content: bytes = b""
    owner: tuple[int, int] = ROOT


def common_layer(busybox: bytes | None, applets: tuple[str, ...]) -> bytes:
    """Return the layer that all stand-ins share, as a tar archive.

    Args:
        busybox: a static busybox for an image that begins at ``scratch``; None where the image below has one.
        applets: the names that busybox answers to.
    """
    own = {name for names in _PROGRAMS.values() for name in names}
    links = tuple(_link(f"bin/{name}", "busybox") for name in applets if name not in {"busybox", *own})
    shell = () if busybox is None else (_file("bin/busybox", busybox, 0o755), *links)
    return _tar((*_FOLDERS, *_ACCOUNTS, *shell, *_programs(), _link("usr/bin/env", "/bin/busybox")))


def version_layer(version: str) -> bytes:
    """Return the layer that tells the stand-ins of two releases apart, as a tar archive."""
    about = f"A stand-in for z2jh's hub image {version}, made by hubpress.\n"
    return _tar((_file("usr/local/share/hubpress-stand-in", about.encode()),))


def is_static(program: bytes) -> bool:
    """Whether ``program`` is an ELF executable that needs no loader, so that it runs in an empty image.

    See elf(5). Only 64-bit little-endian programs are read: all platforms of z2jh's image are.
    """
    if len(program) < struct.calcsize("<16x16xQ16xHH") or not program.startswith(_ELF_64_LITTLE):
        return False
    (table,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    if table + size * count > len(program):
        return False
    kinds = (struct.unpack_from("<I", program, table + size * index)[0] for index in range(count))
    return _PT_INTERP not in kinds


def _programs() -> tuple[LayerEntry, ...]:
    files = tuple(
        _file(f"{folder}/{name}", (IMAGE_FILES / "bin" / name).read_bytes(), 0o755)
        for folder, names in _PROGRAMS.items()
        for name in names
    )
    return (*files, *(_link(path, target) for path, target in _OTHER_NAMES.items()))


def _file(path: str, content: bytes, permissions: int = 0o644) -> LayerEntry:
    return LayerEntry(path, stat.S_IFREG | permissions, content)


def _link(path: str, target: str) -> LayerEntry:
    return LayerEntry(path, stat.S_IFLNK | 0o777, target.encode())


def _folder(path: str, permissions: int = 0o755, owner: tuple[int, int] = ROOT) -> LayerEntry:
    return LayerEntry(path, stat.S_IFDIR | permissions, owner=owner)


def _tar(entries: tuple[LayerEntry, ...]) -> bytes:
    """Return ``entries`` as a tar archive whose bytes depend on nothing else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in entries:
            archive.addfile(_header(entry), io.BytesIO(entry.content))
    return buffer.getvalue()


def _header(entry: LayerEntry) -> tarfile.TarInfo:
    header = tarfile.TarInfo(entry.path)
    header.mode = stat.S_IMODE(entry.mode)
    header.uid, header.gid = entry.owner
    if stat.S_ISDIR(entry.mode):
        header.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(entry.mode):
        header.type = tarfile.SYMTYPE
        header.linkname = entry.content.decode()
    else:
        header.size = len(entry.content)
    return header


_FOLDERS = (
    *map(_folder, ("bin", "etc", "home", "opt", "srv", "usr", "usr/bin", "usr/local", "usr/local/bin")),
    *map(_folder, ("usr/local/etc", "usr/local/etc/jupyterhub", "usr/local/share", "var", "var/lib")),
    *(_folder("root", 0o700), _folder("tmp", 0o1777), _folder("var/tmp", 0o1777)),
    *(_folder("home/jovyan", owner=JOVYAN), _folder("srv/jupyterhub", owner=JOVYAN)),
)
_ACCOUNTS = (
    *(_file("etc/passwd", _USERS.encode()), _file("etc/group", _GROUPS.encode())),
    # Every user of the image writes to it.
    _file("srv/jupyterhub/stand-in.log", b"", 0o666),
)
