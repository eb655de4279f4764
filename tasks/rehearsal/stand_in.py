"""A stand-in for z2jh's hub image, where no image registry can be reached.

Any usual hub Dockerfile builds on it: it has z2jh's users, folders and variables, a shell, and a ``pip``,
``python3`` and ``apt-get`` that log their arguments (``/srv/jupyterhub/stand-in.log``) and do nothing. It carries
a label, so that it is never taken for the real image, nor the real one removed in its place.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import struct
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import platformdirs

from ..core.faults import Refused, Unusable
from ..core.names import Reference
from ..core.safe_files import open_lock, take, temporary_folder
from ..image.proof import STAND_IN_LABEL
from ..tools.command import Command
from ..tools.docker import local
from ..tools.process import run_checked

STAND_IN_LOG = "/srv/jupyterhub/stand-in.log"
PLATFORM = "linux/amd64"
IMAGE_FILES = Path(__file__).with_name("image")
_ROOT, _JOVYAN = (0, 0), (1000, 1000)
_USERS = b"root:x:0:0:root:/root:/bin/sh\njovyan:x:1000:1000:Default user:/home/jovyan:/bin/bash\n"
_GROUPS = b"root:x:0:\nstaff:x:50:\nusers:x:100:\njovyan:x:1000:\n"
_FOLDERS = (
    *("bin", "etc", "home", "opt", "srv", "usr", "usr/bin", "usr/local", "usr/local/bin", "usr/local/etc"),
    *("usr/local/etc/jupyterhub", "usr/local/share", "var", "var/lib"),
)
_PROGRAMS = {"usr/local/bin": ("jupyterhub", "pip", "python3"), "usr/bin": ("apt-get",), "bin": ("bash",)}
_OTHER_NAMES = {"usr/local/bin/pip3": "pip", "usr/local/bin/python": "python3", "usr/bin/apt": "apt-get"}
_BUSYBOX = Path("/bin/busybox")
_BUSYBOX_IMAGE = "busybox:stable-musl"
_ELF_64_LITTLE = b"\x7fELF\x02\x01"
_PT_INTERP = 3
_BUILD_SECONDS = 300.0
_LOCK_SECONDS = _BUILD_SECONDS + 60.0
_TURN = 0.05
# Docker loses a name that an image gets while its last other one is being removed: one process at a time does either.
_NAMING = "stand-ins.lock"
# A file, folder or link of a layer, with the file's bytes.
_Entry: TypeAlias = "tuple[tarfile.TarInfo, bytes]"


class _Recipe(NamedTuple):
    """What a stand-in is built from: the image that its Dockerfile begins at, and the build context's files by name."""

    root: str
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """The sha256 of everything: two stand-ins with one digest are the same image."""
        whole = hashlib.sha256(self.root.encode())
        for name, content in sorted(self.files.items()):
            whole.update(f"\0{name}\0{len(content)}\0".encode())
            whole.update(content)
        return whole.hexdigest()


@contextmanager
def stand_ins(references: Iterable[str]) -> Iterator[None]:
    """Keep a stand-in for each of ``references`` in the local image store while the block runs.

    Several processes may need the same ones at a time: the last one to leave removes them.
    """
    with ExitStack() as held:
        for reference in references:
            held.enter_context(_held(reference))
        yield


def build_stand_in(reference: str) -> None:
    """Build the stand-in for ``reference`` into the local image store, for linux/amd64, where it is missing.

    Raises:
        Refused: the real image has that name.
    """
    recipe = _recipe(Reference.parse(reference).tag or "latest")
    labels = _labels(reference)
    if labels is not None and STAND_IN_LABEL not in labels:
        raise Refused(
            f"{reference} on this machine is a real image, and no stand-in takes its place",
            hint=f"use it as it is, or remove it first: docker image rm {reference}",
        )
    if labels is None or labels[STAND_IN_LABEL] != recipe.digest:
        with _holding(_NAMING, fcntl.LOCK_EX):
            _build(reference, recipe)


def remove_stand_in(reference: str) -> None:
    """Remove ``reference`` from the local image store if it is a stand-in; leave any other image alone."""
    if is_stand_in(reference):
        with _holding(_NAMING, fcntl.LOCK_EX):
            run_checked(Command(("docker", "image", "rm", reference)), hint=f"docker image rm --force {reference}")


def is_stand_in(reference: str) -> bool:
    """Whether the local image store has a stand-in under that name."""
    return STAND_IN_LABEL in (_labels(reference) or {})


def remove_unused(references: Iterable[str]) -> None:
    """Remove those of the stand-ins that no process holds."""
    for reference in references:
        with _holding(_lock_of(reference), fcntl.LOCK_SH) as lock:
            if take(lock, fcntl.LOCK_EX):
                remove_stand_in(reference)


def common_layer(busybox: bytes | None, applets: tuple[str, ...]) -> bytes:
    """Return the layer that all stand-ins share, as a tar archive.

    It has ``busybox``, a static program that answers to the names ``applets``, unless the image below has one (None).
    """
    own = {"busybox", *(name for names in _PROGRAMS.values() for name in names)}
    entries = [
        *map(_folder, _FOLDERS),
        *(_folder("root", 0o700), _folder("tmp", 0o1777), _folder("var/tmp", 0o1777)),
        *(_folder("home/jovyan", owner=_JOVYAN), _folder("srv/jupyterhub", owner=_JOVYAN)),
        *(_file("etc/passwd", _USERS), _file("etc/group", _GROUPS)),
        # Every user of the image writes to it.
        _file(STAND_IN_LOG[1:], b"", 0o666),
    ]
    if busybox is not None:
        entries.append(_file("bin/busybox", busybox, 0o755))
        entries += [_link(f"bin/{name}", "busybox") for name in applets if name not in own]
    for folder, names in _PROGRAMS.items():
        entries += [_file(f"{folder}/{name}", (IMAGE_FILES / "bin" / name).read_bytes(), 0o755) for name in names]
    entries += [_link(path, target) for path, target in _OTHER_NAMES.items()]
    return _tar([*entries, _link("usr/bin/env", "/bin/busybox")])


def version_layer(version: str) -> bytes:
    """Return the layer in which the stand-ins of two releases differ, as a tar archive."""
    about = f"A stand-in for z2jh's hub image {version}, made by hubpress.\n"
    return _tar([_file("usr/local/share/hubpress-stand-in", about.encode())])


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


@contextmanager
def _held(reference: str) -> Iterator[None]:
    with _holding(_lock_of(reference), fcntl.LOCK_SH) as lock:
        try:
            build_stand_in(reference)
            yield
        finally:
            if take(lock, fcntl.LOCK_EX):
                remove_stand_in(reference)


def _lock_of(reference: str) -> str:
    return f"stand-in-{hashlib.sha256(reference.encode()).hexdigest()[:16]}.lock"


@contextmanager
def _holding(name: str, kind: int) -> Iterator[int]:
    """Hold one of this user's locks while the block runs, and yield its descriptor.

    The file is in the login's runtime folder, else in the cache's, which no other user writes.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    file = (Path(runtime) if runtime else platformdirs.user_cache_path("hubpress")) / "hubpress-stand-ins" / name
    descriptor = _open_lock(file)
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not take(descriptor, kind):
            if time.monotonic() > deadline:
                raise Refused(
                    "another rehearsal of yours has held this lock for too long",
                    where=file,
                    hint=f"see who holds it: fuser -v {file}",
                )
            time.sleep(_TURN)
        yield descriptor
    finally:
        os.close(descriptor)


def _open_lock(file: Path) -> int:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open_lock(file)
    except OSError as err:
        hint = f"ls -ld {file.parent} {file}; remove the file, or use another folder: set XDG_CACHE_HOME"
        raise Unusable(f"cannot use the lock file: {err.strerror}", where=file, hint=hint) from err


def _labels(reference: str) -> Mapping[str, str] | None:
    """Return the labels of the image that the local store has under that name; None where it has none."""
    found = local(Reference.parse(reference))
    return None if found is None else next(iter(found.platforms.values())).labels


def _recipe(version: str) -> _Recipe:
    root, common = _common()
    dockerfile = (IMAGE_FILES / "Dockerfile").read_bytes()
    return _Recipe(root, {"Dockerfile": dockerfile, "common.tar": common, "version.tar": version_layer(version)})


@cache
def _common() -> tuple[str, bytes]:
    """Return the image that stand-ins begin at, and the layer that they share."""
    busybox = _BUSYBOX.read_bytes() if _BUSYBOX.is_file() else b""
    if not is_static(busybox):
        return _BUSYBOX_IMAGE, common_layer(None, ())
    listed = run_checked(Command((str(_BUSYBOX), "--list")), hint="apt-get install --reinstall busybox-static")
    return "scratch", common_layer(busybox, tuple(listed.text.split()))


def _build(reference: str, recipe: _Recipe) -> None:
    # The builder whose images land in the local store has the name of Docker's context.
    builder = run_checked(Command(("docker", "context", "show")), hint="docker context use default").text
    with temporary_folder("hubpress-files-") as folder:
        for name, content in recipe.files.items():
            (folder / name).write_bytes(content)
        build = Command(
            (
                *("docker", "buildx", "build", "--builder", builder, "--load", "--platform", PLATFORM),
                *("--provenance=false", "--build-arg", f"ROOT={recipe.root}"),
                *("--label", f"{STAND_IN_LABEL}={recipe.digest}", "--tag", reference, str(folder)),
            ),
            # BuildKit's reproducible builds: the image's own date depends on nothing either.
            env={"SOURCE_DATE_EPOCH": "0"},
        )
        run_checked(build, hint="apt-get install busybox-static, or see: docker buildx inspect", seconds=_BUILD_SECONDS)


def _file(path: str, content: bytes, permissions: int = 0o644) -> _Entry:
    header = tarfile.TarInfo(path)
    header.mode, header.size = permissions, len(content)
    return header, content


def _folder(path: str, permissions: int = 0o755, owner: tuple[int, int] = _ROOT) -> _Entry:
    header = tarfile.TarInfo(path)
    header.type, header.mode = tarfile.DIRTYPE, permissions
    header.uid, header.gid = owner
    return header, b""


def _link(path: str, target: str) -> _Entry:
    header = tarfile.TarInfo(path)
    header.type, header.mode, header.linkname = tarfile.SYMTYPE, 0o777, target
    return header, b""


def _tar(entries: Iterable[_Entry]) -> bytes:
    """Return ``entries`` as a tar archive whose bytes depend on nothing else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for header, content in entries:
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()
