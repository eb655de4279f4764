"""A rehearsal's stage: a throwaway clone, git remote and registry, on which a release changes nothing else.

The clone holds the repository as its working tree stands. One commit on its default branch points its images at
the throwaway registry: everything after that is the release itself.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from ..faults import Refused, Unreachable
from ..hubrepo.layout import open_hub
from ..hubrepo.source import helm_repository, open_repository
from ..image.proof import Base
from ..image.reference import Reference
from ..settings import CACHE_OFF
from ..tools import docker
from ..tools.command import Command
from ..tools.git import Git
from ..tools.reach import Reach, confined
from ..tools.run import run_checked
from .clone import CLONE, make_clone
from .record import Record
from .registry import free_port, registry
from .standin import stand_ins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..hubrepo.layout import Hub

CHARTS = Path(__file__).with_name("charts")
REGISTRY = "registry"
REMOTE_NAME = "origin"
_BUILDER_VARIABLE = "BUILDX_BUILDER"
_SOCKETS = ("unix", "npipe")


class Stage(NamedTuple):
    """A stage that is set.

    Attributes:
        folder: where everything of it lies.
        hub: the throwaway clone.
        remote: its remote, a bare repository.
        address: the throwaway registry's, ``127.0.0.1:PORT``.
        stand_ins: the base images that stand-ins are taken for.
        notes: which charts and base images are stood in for, for people.
        unused: which settings a rehearsal does not use, for people.
    """

    folder: Path
    hub: Hub
    remote: Git
    address: str
    stand_ins: tuple[Reference, ...]
    notes: tuple[str, ...]
    unused: tuple[str, ...]


@contextlib.contextmanager
def staged(hub: Hub, folder: Path, target: Callable[[Hub], Sequence[Reference]], *, stand_in: bool) -> Iterator[Stage]:
    """Set the stage for a release of ``hub`` in ``folder``, and reach nothing else while the block runs.

    Args:
        hub: the repository to rehearse with; nothing of it changes.
        folder: where everything goes.
        target: says which base images a release of the clone needs.
        stand_in: whether stand-ins are taken for them in any case.

    Raises:
        Refused: Docker's current engine is on another machine.
        ProgramFailed: git, docker or a registry is missing here.
    """
    engine = require_local_engine()
    record = Record(free_port())
    record.write(folder)
    with (
        registry(folder / REGISTRY, port=record.port) as served,
        confined(Reach(folder, served.address, engine)),
    ):
        inside, unused = _kept_inside(hub)
        remote = make_clone(inside, folder, served.address)
        clone, charts = _with_charts(open_hub(inside.settings, Git(folder / CLONE)))
        bases = tuple(dict.fromkeys(target(clone)))
        missing = tuple(base for base in bases if stand_in or not _is_there(base))
        record._replace(stand_ins=tuple(map(str, missing))).write(folder)
        with stand_ins(map(str, missing)):
            made = (f"STAND-IN: {base} is not z2jh's image, it was made here for the rehearsal" for base in missing)
            yield Stage(folder, clone, remote, served.address, missing, (*charts, *made), unused)


def require_local_engine() -> str:
    """Return the name of Docker's current context, after checking that its engine is this machine's.

    Raises:
        Refused: it is another machine's.
        ProgramFailed: docker is missing, or there is no such context.
    """
    look = Command(("docker", "context", "inspect", "--format", "{{.Name}} {{.Endpoints.docker.Host}}"))
    name, _, address = run_checked(look, hint="docker context ls, then: docker context use default").text.partition(" ")
    if not _is_local(address):
        raise Refused(
            "a rehearsal builds on this machine's engine only",
            where=f"{'DOCKER_HOST' if os.environ.get('DOCKER_HOST') else f'context {name}'}: {address}",
            hint="unset DOCKER_HOST DOCKER_CONTEXT; docker context use default",
        )
    return name


def _is_local(address: str) -> bool:
    """Whether an engine's address is a socket, or a port of this machine's loopback."""
    try:
        parts = urlsplit(address)
        return parts.scheme in _SOCKETS or Reference(f"{parts.netloc}/any").on_loopback
    except ValueError:
        return False


def _kept_inside(hub: Hub) -> tuple[Hub, tuple[str, ...]]:
    """Return the hub without the settings that lead out of this machine, and a note that names them."""
    settings = hub.settings
    base_branch = settings.base_branch or hub.git.default_branch(settings.remote)
    inside = settings._replace(builder=None, cache=CACHE_OFF, remote=REMOTE_NAME, base_branch=base_branch)
    variable = os.environ.get(_BUILDER_VARIABLE)
    unused = (
        f"hub.builder {settings.builder}" if settings.builder else "",
        f"hub.cache {settings.cache}" if settings.cache != CACHE_OFF else "",
        f"{_BUILDER_VARIABLE} {variable}" if variable else "",
    )
    names = ", ".join(filter(None, unused))
    note = f"NOT USED: {names}; a rehearsal builds on this machine's engine, without a shared cache"
    return replace(hub, settings=inside), (note,) if names else ()


def _with_charts(hub: Hub) -> tuple[Hub, tuple[str, ...]]:
    """Return the hub with a Helm repository that answers, and what to say where that is not the real one."""
    address = helm_repository(hub)
    try:
        open_repository(hub).index()
    except Unreachable as fault:
        note = f"STAND-IN: the charts come with hubpress, not from {address}: {fault.what}"
        return replace(hub, settings=hub.settings._replace(chart_repository=CHARTS.as_uri())), (note,)
    return hub, ()


def _is_there(base: Reference) -> bool:
    """Whether a release could take the real base image: its registry answers, or this machine's store has it."""
    if not isinstance(docker.inspect_all([base])[0], Unreachable):
        return True
    found = docker.local(base)
    return found is not None and not Base(base, found).is_stand_in
