"""Docker: its engine and buildx's builders, and their errors."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ..core.faults import Fault, ProgramFailed, Refused, Unreachable
from ..core.names import Reference, short_platform
from .command import MALFORMED, Command, Output
from .logins import denied
from .process import INSTALL_HINTS, LOOK_SECONDS, capture, run_with_last_line
from .registry import FoundImage, PlatformImage, asked_too_often, unreachable

DOCKER_DRIVER, REMOTE_DRIVER = "docker", "remote"
# Not a builder of buildx, but Google Cloud Build, in the project of the images' registry.
CLOUD_BUILD = "cloudbuild"
# The timeout for questions to the engine.
ENGINE_SECONDS = 10.0
JOIN_GROUP = (
    "join its group: sudo usermod -aG docker $USER, then sign out and in again; or run Docker rootless: "
    "https://docs.docker.com/engine/security/rootless/"
)
BUILD_NATIVELY = (
    "build on a machine of that platform: --builder NAME; or install what emulates it: "
    "docker run --privileged --rm tonistiigi/binfmt --install all"
)
# buildx's steps before the build, as it shows them when one fails.
_STARTING = r"(?m)^ > \[internal\] (?:booting buildkit|waiting for connection):"
# The errors of a kernel for another processor's programs, and of QEMU.
_CANNOT_EMULATE = "(?i)exec format error|qemu: uncaught target signal"
_WRONG_DOCKERFILE = "(?i)did not complete successfully|failed to solve: dockerfile"
_NO_BUILDX = "(?i)unknown command: docker buildx|'buildx' is not a docker command|unknown shorthand flag"
_NO_ENGINE = (
    "(?i)cannot connect to the docker daemon|is the docker daemon running|docker desktop is not running"
    "|failed to connect to the docker api|error during connect"
)
_NO_RIGHT = "(?i)permission denied while trying to connect to the docker"
_NO_CONTEXT = "context not found"
_NO_HELPER = "(?i)error getting credentials|executable file not found"
_TOO_OFTEN = "(?i)toomanyrequests|429 too many requests"
_REQUEST = r'failed to do request: \w+ "[^"]*": '
_DENIED = r"(?i)\b40[13]\b|unauthorized|denied|forbidden|authorization failed|no basic auth credentials"
_NO_ANSWER = "(?i)dial tcp|no such host|connection re(fused|set)|i/o timeout|failed to do|unexpected (http )?status"
# The registry in a build's error: by its address, else by an image's name.
_ASKED, _NAMED = r"https?://([^/\s\"]+)/v2/", r"(?:source metadata for|failed to push) ([\w.:-]+)/"
# The image store that supports attestations.
_CONTAINERD = "io.containerd.snapshotter"
# From buildx 0.20 on, bake asks before it reads outside of its folder.
BAKE_MAY_READ: Mapping[str, str] = MappingProxyType({"BUILDX_BAKE_ENTITLEMENTS_FS": "0"})


class Builder(NamedTuple):
    """A builder of buildx; without a ``name``, Docker's current one.

    ``driver`` and ``called``, its name in buildx, are None until the builder was inspected. ``runs`` are the platforms
    of each node, the native one first; it is empty if the builder is not started. A builder with the driver ``docker``
    is an engine, named after its Docker context: it needs ``docker --context NAME buildx``, not ``--builder``.
    ``error`` is buildx's reason if it does not answer.
    """

    name: str | None = None
    driver: str | None = None
    runs: tuple[tuple[str, ...], ...] = ()
    called: str | None = None
    error: str | None = None

    @classmethod
    def read(cls, name: str | None, inspection: str) -> Builder:
        """Parse the output of ``docker buildx inspect`` for the builder ``name``."""
        parted = (line.partition(":") for line in inspection.splitlines())
        fields = [(key.strip(), value.strip()) for key, _, value in parted]
        first = dict(reversed(fields))
        platforms = [value.split(",") for key, value in fields if key == "Platforms"]
        runs = (tuple(short_platform(one.strip(" *")) for one in node) for node in platforms)
        return cls(name, first.get("Driver"), tuple(runs), first.get("Name"), first.get("Error"))

    @property
    def title(self) -> str:
        """The builder's name for people."""
        return f"the builder {self.name}" if self.name else "Docker's current builder"

    @property
    def look(self) -> str:
        """The command that shows why it does not answer."""
        # An engine that does not answer has no driver.
        if self.name and self.driver in ("", DOCKER_DRIVER):
            return f"docker --context {self.name} info"
        return f"docker buildx inspect --bootstrap{f' {self.name}' if self.name else ''}"

    def is_native(self, platform: str) -> bool:
        """Whether one of its nodes runs ``platform`` natively."""
        return any(node[0] == platform for node in self.runs)

    @property
    def buildx(self) -> tuple[str, ...]:
        """The command prefix that builds on it."""
        context = ("--context", self.name) if self.name and self.driver == DOCKER_DRIVER else ()
        return ("docker", *context, "buildx")

    @property
    def env(self) -> dict[str, str]:
        """The variables that make a program that calls Docker build on it."""
        variable = "DOCKER_CONTEXT" if self.driver == DOCKER_DRIVER else "BUILDX_BUILDER"
        return {variable: self.name} if self.name else {}

    @property
    def held(self) -> dict[str, str]:
        """The variables for the builder that was inspected, also if another one is the current one by then."""
        context = {"DOCKER_CONTEXT": self.called} if self.called and self.driver == DOCKER_DRIVER else {}
        return {"BUILDX_BUILDER": self.called, **context} if self.called else {}


class CacheFailed(Unreachable):
    """The shared build cache cannot be read or written (exit code 4)."""


def packages(image: Reference) -> dict[str, str] | None:
    """Return the versions of the Python packages in a local ``image`` by name, or None if that fails."""
    run = ("docker", "run", "--rm", "--pull=never", "--network=none", "--entrypoint=python3")
    pip = ("-m", "pip", "list", "--format=json", "--disable-pip-version-check")
    try:
        output = capture(Command((*run, str(image), *pip)))
        return {str(one["name"]): str(one["version"]) for one in json.loads(output.text)}
    except (ProgramFailed, *MALFORMED):
        return None


def local(image: Reference) -> FoundImage | None:
    """Return ``image`` from the engine's local store, or None, also if no engine answers."""
    look = ("docker", "image", "inspect", "--format", "{{json .}}", str(image))
    try:
        found = json.loads(capture(Command(look), seconds=ENGINE_SECONDS).text)
        layers = tuple(map(str, found["RootFS"].get("Layers") or ()))
        labels = dict((found.get("Config") or {}).get("Labels") or {})
        return FoundImage(None, {f"{found['Os']}/{found['Architecture']}": PlatformImage(layers, labels)})
    except (ProgramFailed, *MALFORMED):
        return None


def start_engine() -> str:
    """Return the hint that starts the engine."""
    for variable in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if os.environ.get(variable):
            return f"start the engine that {variable} names, {os.environ[variable]}, or: unset {variable}"
    return "start Docker Desktop or the docker service, then: docker info"


def leave_context(*variables: str) -> str:
    """Return the hint that leaves a context that is gone, or what one of ``variables`` names."""
    named = [variable for variable in (*variables, "DOCKER_CONTEXT") if os.environ.get(variable)]
    return f"unset {named[0]}" if named else "docker context use default"


def machine_fault(said: str) -> ProgramFailed | None:
    """Return the fault if docker's output shows a problem of this machine, else None."""
    if re.search(_NO_BUILDX, said):
        return ProgramFailed("docker has no buildx", where="docker buildx version", hint=INSTALL_HINTS["buildx"])
    if re.search(_NO_RIGHT, said):
        return ProgramFailed("this user may not use the Docker engine", where="docker info", hint=JOIN_GROUP)
    if re.search(_NO_CONTEXT, said):
        return ProgramFailed("Docker's context does not exist", where="docker context ls", hint=leave_context())
    if re.search(_NO_ENGINE, said):
        return ProgramFailed("the Docker engine does not answer", where="docker info", hint=start_engine())
    return None


def require_builder(name: str | None, *, seconds: float = LOOK_SECONDS) -> Builder:
    """Inspect the builder ``name`` (None: the current one), and check that it answers."""
    output = capture(Command(("docker", "buildx", "inspect", *(["--", name] if name else []))), seconds=seconds)
    builder = Builder.read(name, output.text)
    said = builder.error or (None if output.ok else output.last_words)
    # A build starts other builders, but not a remote one.
    if said is None and builder.driver == REMOTE_DRIVER and not builder.runs:
        said = "nothing listens at its address"
    if said is None:
        return builder
    is_there = output.ok and (name or not builder.error)
    if not is_there and (fault := machine_fault(f"{said}\n{output.stderr}")):
        raise fault
    hint = builder.look if is_there else "docker buildx ls" if name else leave_context("BUILDX_BUILDER")
    raise ProgramFailed(f"the builder does not answer: {said}", where=name, hint=hint)


def require_image_store(builder: Builder, what: str, option: str) -> None:
    """Check that ``builder`` can do ``what`` the ``option`` asks for: an engine needs containerd's image store for it.

    Raises Refused if it has none.
    See https://docs.docker.com/build/metadata/attestations/ and https://docs.docker.com/build/building/multi-platform/.
    """
    if builder.driver == DOCKER_DRIVER:
        argv = (*builder.buildx[:-1], "info", "--format", "{{json .DriverStatus}}")
        if _CONTAINERD not in capture(Command(argv), seconds=ENGINE_SECONDS).text:
            raise no_image_store(builder.title, builder.name, what, option)


def no_image_store(title: str, name: str | None, what: str, option: str) -> Refused:
    """Return the fault of a builder that cannot do ``what`` the ``option`` asks for."""
    return Refused(
        f"{title} cannot {what}: its engine has no containerd image store",
        where=name or "docker info",
        hint="use another builder: docker buildx create --name own --driver docker-container, then --builder own; "
        f"or turn the image store on: https://docs.docker.com/engine/storage/containerd/; or leave out {option}",
    )


def bake_command(builder: Builder, definition: str, folder: Path | None, metadata: Path) -> Command:
    """Return the command that builds ``definition`` (bake's JSON), and writes the digests to ``metadata``."""
    named = ("--builder", builder.name) if builder.name and builder.driver != DOCKER_DRIVER else ()
    argv = (*builder.buildx, "bake", "--file", "-", "--metadata-file", str(metadata), *named)
    # We write the definition: outside of the folder, it only names build contexts and the user's secrets.
    return Command(argv, folder, definition, hidden_env={**BAKE_MAY_READ, **builder.held})


def run_build(command: Command, host: str, builder: Builder, *, cached: bool = False) -> None:
    """Run a command that builds and pushes images; a denial that names no registry is taken for that of ``host``.

    Raises CacheFailed if a shared cache (``cached``) cannot be used.
    """
    output = run_with_last_line(command, f"building on {builder.title}")
    if output.ok:
        return
    fault = build_fault(output, host, builder)
    if cached and "cache" in output.last_words.lower():
        raise CacheFailed(fault.what, where=fault.where, hint=fault.hint) from fault
    raise fault


def build_fault(output: Output, host: str, builder: Builder) -> Fault:
    """Return the fault of a build that failed; a denial that names no registry is taken for that of ``host``."""
    words = output.last_words
    if re.search(_STARTING, output.stderr):
        return ProgramFailed(f"the builder does not answer: {words}", where=builder.name, hint=builder.look)
    if re.search(_CANNOT_EMULATE, output.stderr):
        return ProgramFailed(f"{builder.title} fails to emulate the platform: {words}", hint=BUILD_NATIVELY)
    if re.search(_WRONG_DOCKERFILE, words):
        return ProgramFailed(words, hint="fix the Dockerfile, commit it, and build again")
    otherwise = ProgramFailed(words, hint="see the builder's output above")
    return machine_fault(output.stderr) or _registry_fault(words, host) or otherwise


def _registry_fault(words: str, host: str) -> Fault | None:
    """Return the fault if a build's output shows a registry's error, else None."""
    # A build also asks the registries of base images and of the Dockerfile's syntax.
    asked = re.search(_ASKED, words) or re.search(_NAMED, words)
    server = asked[1] if asked else host
    host = Reference(f"{server}/image").host
    if re.search(_DENIED, words) or re.search(_NO_HELPER, words):
        return denied(words, host)
    if re.search(_TOO_OFTEN, words):
        return asked_too_often(words, host)
    return unreachable(re.sub(_REQUEST, "", words), server, server) if re.search(_NO_ANSWER, words) else None
