"""A stand-in for z2jh's hub image, where no image registry can be reached.

Any usual hub Dockerfile builds on it: it has z2jh's users, folders and variables, a shell, and a ``pip``,
``python3`` and ``apt-get`` that log their arguments and do nothing. A label tells it from the real image.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import platformdirs

from ..core.faults import ProgramFailed, Refused, Unusable
from ..core.names import Reference
from ..core.safe_files import open_lock, take, temporary_folder
from ..image.build import STAND_IN_LABEL, Base
from ..tools.command import Command
from ..tools.docker import local
from ..tools.process import run_checked

PLATFORM = "linux/amd64"
_FILES = Path(__file__).with_name("image")
_BUSYBOX = Path("/bin/busybox")
_BUSYBOX_IMAGE = "busybox:stable-musl"
_BUILD_SECONDS = 300.0
_LOCK_SECONDS = _BUILD_SECONDS + 60.0
_TURN = 0.05
# Docker loses a name that an image gets while its last other one is being removed: one process at a time does either.
_NAMING = "names of stand-ins"


@contextmanager
def stand_ins(references: Iterable[str]) -> Iterator[None]:
    """Keep a stand-in for each of ``references`` in the local image store while a block of any process runs."""
    with ExitStack() as held:
        for reference in references:
            held.callback(remove_unused, (reference,))
            held.enter_context(_holding(reference, fcntl.LOCK_SH))
            build_stand_in(reference)
        yield


def build_stand_in(reference: str) -> None:
    """Build a missing stand-in for ``reference`` into the local image store; it never replaces the real image."""
    if is_stand_in(reference):
        return
    if local(Reference.parse(reference)) is not None:
        hint = f"use it as it is, or remove it first: docker image rm {reference}"
        raise Refused(f"{reference} on this machine is a real image, and no stand-in takes its place", hint=hint)
    with temporary_folder() as folder:
        context = folder / "context"
        shutil.copytree(_FILES, context)
        about = f"A stand-in for z2jh's hub image {Reference.parse(reference).tag or 'latest'}, made by hubpress.\n"
        (context / "version").write_text(about, encoding="utf-8")
        with _holding(_NAMING, fcntl.LOCK_EX):
            if _BUSYBOX.is_file():
                shutil.copyfile(_BUSYBOX, context / "root/bin/busybox")
                # One that needs a loader does not run in an empty image.
                with suppress(ProgramFailed):
                    _build(reference, context, "scratch")
                    return
                (context / "root/bin/busybox").unlink()
            _build(reference, context, _BUSYBOX_IMAGE)


def remove_stand_in(reference: str) -> None:
    """Remove ``reference`` from the local image store if it is a stand-in; leave any other image alone."""
    if is_stand_in(reference):
        with _holding(_NAMING, fcntl.LOCK_EX):
            run_checked(Command(("docker", "image", "rm", reference)), hint=f"docker image rm --force {reference}")


def is_stand_in(reference: str) -> bool:
    """Whether the local image store has a stand-in under that name."""
    image = Reference.parse(reference)
    found = local(image)
    return found is not None and Base(image, found).is_stand_in


def remove_unused(references: Iterable[str]) -> None:
    """Remove those of the stand-ins that no process holds."""
    for reference in references:
        with _holding(reference, fcntl.LOCK_SH) as lock:
            if take(lock, fcntl.LOCK_EX):
                remove_stand_in(reference)


@contextmanager
def _holding(what: str, kind: int) -> Iterator[int]:
    """Hold this user's lock of ``what``, in a folder that no other user writes, and yield its descriptor."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = (Path(runtime) if runtime else platformdirs.user_cache_path("hubpress")) / "hubpress-stand-ins"
    file = folder / f"stand-in-{hashlib.sha256(what.encode()).hexdigest()[:16]}.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = open_lock(file)
    except OSError as err:
        hint = f"ls -ld {folder} {file}; remove the file, or use another folder: set XDG_CACHE_HOME"
        raise Unusable(f"cannot use the lock file: {err.strerror}", where=file, hint=hint) from err
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not take(descriptor, kind):
            if time.monotonic() > deadline:
                hint = f"see who holds it: fuser -v {file}"
                raise Refused("another rehearsal of yours has held this lock for too long", where=file, hint=hint)
            time.sleep(_TURN)
        yield descriptor
    finally:
        os.close(descriptor)


def _build(reference: str, folder: Path, root: str) -> None:
    """Build the stand-in on the image ``root``."""
    # The builder whose images land in the local store has the name of Docker's context.
    builder = run_checked(Command(("docker", "context", "show")), hint="docker context use default").text
    build = Command(
        (
            *("docker", "buildx", "build", "--builder", builder, "--load", "--platform", PLATFORM),
            *("--provenance=false", "--build-arg", f"ROOT={root}"),
            *("--label", f"{STAND_IN_LABEL}=true", "--tag", reference, str(folder)),
        )
    )
    run_checked(build, hint="apt-get install busybox-static, or see: docker buildx inspect", seconds=_BUILD_SECONDS)
