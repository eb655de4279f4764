"""A rehearsal's stage: a throwaway clone, git remote and registry, on which a release changes nothing else.

The clone holds the repository as its working tree stands. One commit on its default branch points its images at
the throwaway registry: everything after that is the release itself.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unreachable
from ..hubrepo.layout import open_hub
from ..hubrepo.source import helm_repository, open_repository
from ..image.proof import Base
from ..tools import docker
from ..tools.git import Git
from .clone import CLONE, REMOTE, make_clone
from .record import Record
from .registry import free_port, registry
from .standin import stand_ins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..hubrepo.layout import Hub
    from ..image.reference import Reference

CHARTS = Path(__file__).with_name("charts")
REGISTRY = "registry"


class Stage(NamedTuple):
    """A stage that is set.

    Attributes:
        folder: where everything of it lies.
        hub: the throwaway clone.
        remote: its remote, a bare repository.
        address: the throwaway registry's, ``127.0.0.1:PORT``.
        stand_ins: the base images that stand-ins are taken for.
        notes: what is not as in a real release, for people.
    """

    folder: Path
    hub: Hub
    remote: Git
    address: str
    stand_ins: tuple[Reference, ...]
    notes: tuple[str, ...]


@contextlib.contextmanager
def staged(hub: Hub, folder: Path, target: Callable[[Hub], Sequence[Reference]], *, stand_in: bool) -> Iterator[Stage]:
    """Set the stage for a release of ``hub`` in ``folder``, for as long as the block runs.

    A folder that holds an earlier rehearsal is used as it is. What the engine keeps of the images is for the
    caretaker to take away (see :mod:`.caretaker`).

    Args:
        hub: the repository to rehearse with; nothing of it changes.
        folder: where everything goes.
        target: says which base images a release of the clone needs.
        stand_in: whether stand-ins are taken for them in any case.

    Raises:
        ProgramFailed: git, docker or a registry is missing here.
    """
    record = Record.read(folder) or Record(free_port())
    record.write(folder)
    with registry(folder / REGISTRY, port=record.port) as served:
        if not (folder / CLONE).exists():
            make_clone(hub, folder, served.address)
        clone, notes = _with_charts(open_hub(hub.settings, Git(folder / CLONE)))
        bases = tuple(dict.fromkeys(target(clone)))
        missing = tuple(base for base in bases if stand_in or not _is_there(base))
        stood_in = tuple(
            f"STAND-IN: {base} is not z2jh's image, it was made here for the rehearsal" for base in missing
        )
        record._replace(stand_ins=tuple(map(str, missing))).write(folder)
        with stand_ins(map(str, missing)):
            yield Stage(folder, clone, Git(folder / REMOTE), served.address, missing, (*notes, *stood_in))


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
