"""What stands in for the registries outside: a throwaway one on a loopback port, and a base image of z2jh's name.

The registry is the distribution project's registry (https://distribution.github.io/distribution/about/configuration/):
Debian's ``docker-registry`` where that is installed, else the ``registry:2`` image on the local engine.

The base image stands in for z2jh's hub image where its registry cannot be reached. Any usual hub Dockerfile builds on
it: it has z2jh's users, folders and variables, a shell, and a ``pip``, ``python3`` and ``apt-get`` that log their
arguments and do nothing. A label tells it from the real image.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import platformdirs

from ..core.faults import ProgramFailed, Refused, Unreachable, Unusable
from ..core.http import Address, Limits, send
from ..core.names import Reference
from ..core.safe_files import open_lock, take, temporary_folder
from ..image.build import STAND_IN_LABEL, Base
from ..tools.command import Command, bound
from ..tools.docker import local
from ..tools.process import capture, find, run_checked

LOOPBACK = "127.0.0.1"
REGISTRY_IMAGE = "registry:2"
# The image may have to be pulled first.
START_SECONDS = 180.0
STOP_SECONDS = 5.0
_BIRTHMARK = "Hubpress-Registry"
_CONTAINER, _INNER_PORT = "hubpress-registry-{}", 5000
_CONFIG, _LOG = "registry.json", "registry.log"
_LIST = Command(("docker", "image", "ls", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}"))
_NONE = "<none>"
PLATFORM = "linux/amd64"
_FILES = Path(__file__).with_name("image")
_BUSYBOX = Path("/bin/busybox")
_BUSYBOX_IMAGE = "busybox:stable-musl"
_BUILD_SECONDS = 300.0
_LOCK_SECONDS = _BUILD_SECONDS + 60.0
_TURN = 0.05
# Docker loses a name that an image gets while its last other one is being removed: one process at a time does either.
_NAMING = "names of stand-ins"


class Registry(NamedTuple):
    """A running registry: its port on 127.0.0.1, the process that serves or holds its container, its folder."""

    port: int
    pid: int
    folder: Path

    @property
    def address(self) -> str:
        """The host in image names: ``127.0.0.1:PORT``."""
        return f"{LOOPBACK}:{self.port}"


@contextlib.contextmanager
def registry(folder: Path, *, htpasswd: str | None = None, port: int | None = None) -> Iterator[Registry]:
    """Serve a registry from ``folder`` for as long as the block runs, to those who sign in where ``htpasswd`` is given.

    On Linux it ends with this process, however that ends. Elsewhere a process that is killed leaves a container.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port() if port is None else port
    command = serve_command(folder, port)
    in_container = command.argv[0] == "docker"
    birthmark = secrets.token_hex(16)
    _configure(folder, f":{_INNER_PORT}" if in_container else f"{LOOPBACK}:{port}", birthmark, htpasswd)
    # The registry would take any REGISTRY_* variable as a part of its configuration.
    env = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    with (folder / _LOG).open("wb") as log:
        # In another session, so that Ctrl-C reaches the block and not the server.
        server = subprocess.Popen(
            (*bound(), *command.argv),
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        started = Registry(port, server.pid, folder)
        _wait(server, started, birthmark)
        yield started
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if in_container:
            remove_container(port)


def remove_container(port: int) -> None:
    """Remove the container of the registry on ``port`` if there is one."""
    capture(Command(("docker", "rm", "--force", _CONTAINER.format(port))))


def forget_images(address: str) -> None:
    """Remove the copies that buildx has left in the engine of what it pushed to ``address`` (``127.0.0.1:PORT``)."""
    listed = (line.split(" ") for line in run_checked(_LIST, hint="docker info").text.splitlines())
    ours = [(name, tag, digest) for name, tag, digest in listed if name.startswith(f"{address}/")]
    # An interrupted removal may have left the digest only.
    copies = [f"{name}:{tag}" if tag != _NONE else f"{name}@{digest}" for name, tag, digest in ours]
    if copies:
        run_checked(Command(("docker", "image", "rm", *copies)), hint="docker image ls")


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def serve_command(folder: Path, port: int) -> Command:
    """Return the command that serves a registry in the foreground: the installed program, or its image."""
    config = str(folder / _CONFIG)
    # Off Linux the engine lives in a virtual machine: only a registry in a container can be reached there and here.
    if platform.system() == "Linux" and find("docker-registry"):
        return Command(("docker-registry", "serve", config))
    if not find("docker") or not capture(Command(("docker", "info"))).ok:
        raise ProgramFailed(
            "no registry can run here: docker-registry is not installed, and no Docker engine answers",
            hint="apt-get install docker-registry, or start Docker",
        )
    owner = f"{os.getuid()}:{os.getgid()}"
    return Command(
        (
            *("docker", "run", "--rm", "--name", _CONTAINER.format(port), "--user", owner),
            *("--publish", f"{LOOPBACK}:{port}:{_INNER_PORT}", "--volume", f"{folder}:{folder}"),
            *(REGISTRY_IMAGE, "serve", config),
        )
    )


def _configure(folder: Path, listen: str, birthmark: str, htpasswd: str | None) -> None:
    content = folder / "content"
    content.mkdir(exist_ok=True)
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(content)}, "delete": {"enabled": True}},
        "http": {"addr": listen, "secret": birthmark, "headers": {_BIRTHMARK: [birthmark]}},
    }
    if htpasswd is not None:
        passwords = folder / "htpasswd"
        passwords.touch(mode=0o600)
        passwords.write_text(htpasswd, encoding="utf-8")
        config["auth"] = {"htpasswd": {"realm": "hubpress", "path": str(passwords)}}
    (folder / _CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")


def _wait(server: subprocess.Popen[bytes], started: Registry, birthmark: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    address, limits = Address("http", started.address, "/v2/"), Limits(total=1, attempts=1)
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise _broken(f"the registry ended with status {server.returncode}", started)
        with contextlib.suppress(Unreachable):
            if send("GET", address, {}, limits).headers.get(_BIRTHMARK) == birthmark:
                return
        time.sleep(0.02)
    raise _broken(f"the registry did not answer within {START_SECONDS:g} seconds", started)


def _broken(what: str, started: Registry) -> ProgramFailed:
    log = started.folder / _LOG
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return ProgramFailed(
        f"{what}: {said[-1]}" if said else what,
        where=log,
        hint=f"read {log}; see who has port {started.port}: ss -ltnp",
    )


@contextlib.contextmanager
def stand_ins(references: Iterable[str]) -> Iterator[None]:
    """Keep a stand-in for each of ``references`` in the local image store while a block of any process runs."""
    with contextlib.ExitStack() as held:
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
                with contextlib.suppress(ProgramFailed):
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


@contextlib.contextmanager
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
