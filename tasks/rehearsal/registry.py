"""Stand-ins for outside registries: a throwaway registry on a loopback port, and a base image in it.

The registry is the distribution project's registry (https://distribution.github.io/distribution/about/configuration/):
Debian's ``docker-registry`` if it is installed, else the ``registry:2`` image on the local engine.

The base image replaces z2jh's hub image if its registry cannot be reached. Any usual hub Dockerfile builds on it: it
has z2jh's users, folders and variables, a shell, and a ``pip``, ``python3`` and ``apt-get`` that log their arguments
and do nothing. A label distinguishes it from the real image.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..core.faults import ProgramFailed, Unreachable
from ..core.http import Address, Limits, send
from ..core.names import Reference
from ..core.safe_files import temporary_folder
from ..image.build import STAND_IN_LABEL
from ..image.engines import definition
from ..tools.command import NOTHING, Command, bound
from ..tools.process import capture, end_programs, find, run_checked
from ..tools.registry import inspect

LOOPBACK = "127.0.0.1"
REGISTRY_IMAGE = "registry:2"
# The image may have to be pulled first.
START_SECONDS = 180.0
_BIRTHMARK = "Hubpress-Registry"
_CONTAINER, _INNER_PORT = "hubpress-registry-{}", 5000
_CONFIG, _LOG = "registry.json", "registry.log"
_FILES = Path(__file__).with_name("image")
_BUSYBOX = Path("/bin/busybox")
_BUSYBOX_IMAGE = "busybox:stable-musl"
_BUILD_SECONDS = 300.0


class Registry(NamedTuple):
    """A running registry: its port on 127.0.0.1, its folder, and the host in image names (``127.0.0.1:PORT``)."""

    port: int
    folder: Path
    address: str


@contextlib.contextmanager
def registry(folder: Path, *, auth: Mapping[str, object] = NOTHING, port: int | None = None) -> Iterator[Registry]:
    """Serve a registry from ``folder`` while the block runs; ``auth`` configures its sign-in, if it has one.

    On Linux it ends with this process, however that ends. Elsewhere a killed process leaves a container.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port() if port is None else port
    command = serve_command(folder, port)
    in_container = command.argv[0] == "docker"
    birthmark = secrets.token_hex(16)
    content = folder / "content"
    content.mkdir(exist_ok=True)
    listen = f":{_INNER_PORT}" if in_container else f"{LOOPBACK}:{port}"
    config = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(content)}, "delete": {"enabled": True}},
        "http": {"addr": listen, "secret": birthmark, "headers": {_BIRTHMARK: [birthmark]}},
        "auth": {**auth},
    }
    (folder / _CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
    # REGISTRY_* variables would override the configuration.
    env = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    with (folder / _LOG).open("wb") as log:
        # A new session keeps Ctrl-C from the server.
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
        started = Registry(port, folder, f"{LOOPBACK}:{port}")
        _wait(server, started, birthmark)
        yield started
    finally:
        end_programs([server])
        if in_container:
            remove_container(port)


def remove_container(port: int) -> None:
    """Remove the container of the registry on ``port``, if any."""
    capture(Command(("docker", "rm", "--force", _CONTAINER.format(port))))


def forget_images(address: str) -> None:
    """Remove the engine's copies of the images that buildx pushed to ``address`` (``127.0.0.1:PORT``)."""
    listing = Command(("docker", "image", "ls", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}"))
    listed = (line.split(" ") for line in run_checked(listing, hint="docker info").text.splitlines())
    copied = [(name, tag, digest) for name, tag, digest in listed if name.startswith(f"{address}/")]
    # An interrupted removal may have left only the digest.
    copies = [f"{name}:{tag}" if tag != "<none>" else f"{name}@{digest}" for name, tag, digest in copied]
    if copies:
        run_checked(Command(("docker", "image", "rm", *copies)), hint="docker image ls")


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def serve_command(folder: Path, port: int) -> Command:
    """Return the command that serves a registry in the foreground, by the installed program or the image."""
    config = str(folder / _CONFIG)
    # Except on Linux, the engine runs in a virtual machine, and can only reach a registry in a container.
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


def _wait(server: subprocess.Popen[bytes], started: Registry, birthmark: str) -> None:
    """Wait until the registry answers; ``birthmark`` distinguishes it from another server on its port."""
    address, limits = Address("http", started.address, "/v2/"), Limits(total=1, attempts=1)
    what = f"the registry did not answer within {START_SECONDS:g} seconds"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            what = f"the registry ended with status {server.returncode}"
            break
        with contextlib.suppress(Unreachable):
            if send("GET", address, {}, limits).headers.get(_BIRTHMARK) == birthmark:
                return
        time.sleep(0.02)
    log = started.folder / _LOG
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    hint = f"read {log}; see who has port {started.port}: ss -ltnp"
    raise ProgramFailed(f"{what}: {lines[-1]}" if lines else what, where=log, hint=hint)


def name_at(address: str, name: str) -> str:
    """Return the name of an image at the registry ``address``; the host of its real registry becomes a folder."""
    return f"{address}/{re.sub(r'[^a-z0-9._/-]', '-', name.lower()).lstrip('-./')}"


def push_stand_in(image: Reference) -> Reference:
    """Build a stand-in for z2jh's hub image, push it as ``image``, and return it pinned by digest."""
    with temporary_folder() as folder:
        context = folder / "context"
        shutil.copytree(_FILES, context)
        about = f"A stand-in for z2jh's hub image {image.tag or 'latest'}, made by hubpress.\n"
        (context / "version").write_text(about, encoding="utf-8")
        if _BUSYBOX.is_file():
            shutil.copyfile(_BUSYBOX, context / "root/bin/busybox")
            # A dynamically linked one does not run in an empty image.
            with contextlib.suppress(ProgramFailed):
                return _pushed(image, context, "scratch")
            (context / "root/bin/busybox").unlink()
        return _pushed(image, context, _BUSYBOX_IMAGE)


def _pushed(image: Reference, context: Path, root: str) -> Reference:
    """Build the stand-in on the image ``root`` and push it."""
    target = {
        "context": ".",
        "args": {"ROOT": root},
        # The label makes each stand-in a different image: Docker loses a name that an image gets while its last other
        # name is being removed.
        "labels": {STAND_IN_LABEL: str(image)},
        "tags": [str(image)],
        "platforms": ["linux/amd64"],
        "attest": ["type=provenance,disabled=true"],
        "output": ["type=registry"],
    }
    build = Command(("docker", "buildx", "bake", "--file", "-"), context, definition({"stand-in": target}))
    run_checked(build, hint="apt-get install busybox-static, or see: docker buildx inspect", seconds=_BUILD_SECONDS)
    found = inspect(image)
    return image._replace(digest=found.digest if found else None)
