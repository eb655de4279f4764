"""What tests ask of the program itself: an opened repository, a task that is refused, a fault that is raised."""

from collections.abc import Callable

import pytest

from tasks.core.faults import Fault
from tasks.core.settings import read_settings
from tasks.repo.hub import Hub as OpenHub
from tasks.repo.hub import open_hub
from tasks.tools.git import Git

from .fixtures import Hubpress
from .hubs import Hub
from .world import ended, nothing_written


class InMemory(dict[str, bytes]):
    """Files of a repository, by their paths."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path``; None where there is no such file."""
        return self.get(path)


def opened(hub: Hub, **settings: object) -> OpenHub:
    """Open a repository as a task does that was given these settings; ``invoke.yaml`` is not read."""
    return open_hub(read_settings(settings), Git(hub.path))


def refused(hubpress: Hubpress, hub: Hub, *typed: str) -> tuple[int, str, str]:
    """Return the exit code, the error and the hint of a task that must refuse and write nothing."""
    with nothing_written(hub):
        told = hubpress(hub, *typed)
    return ended(told)


def raised(kind: type[Fault], call: Callable[..., object], *arguments: object, **named: object) -> str:
    """Return the two lines of the fault that a call must end with."""
    with pytest.raises(kind) as caught:
        call(*arguments, **named)
    return str(caught.value)
