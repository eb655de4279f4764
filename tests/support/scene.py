"""Where tasks are run: a hub repository, its Helm repository and its machine, each of which can be broken."""

import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from .helm import HelmServer
from .hubs import Hub
from .registry import Repository
from .server import Answer, Rule, Server
from .world import World

CHARTPRESS, DOCKERFILE = "chartpress.yaml", "images/hub/Dockerfile"
REQUIREMENTS, VALUES = "hub/requirements.yaml", "hub/values.yaml"
REFUSED, UNUSABLE, PROGRAM, UNREACHABLE = 1, 2, 3, 4


@dataclass(frozen=True)
class Scene:
    """A hub repository and what is around it."""

    hub: Hub
    charts: HelmServer
    folder: Path
    request: pytest.FixtureRequest

    def world(self) -> World:
        """Return all that a task might change."""
        with_engine = self.request.node.get_closest_marker("engine")
        return World.around(self.hub, self.request.getfixturevalue("registry").address if with_engine else None)

    @property
    def prefix(self) -> str:
        """What the hub image's name begins with: ``HOST:PORT/PATH``."""
        return self.hub.read(CHARTPRESS).partition("imagePrefix: ")[2].partition("/core/")[0]

    @property
    def registry(self) -> str:
        """The hub image's registry: ``HOST:PORT``."""
        return self.prefix.partition("/")[0]

    @property
    def base(self) -> str:
        """The base image's repository."""
        return self.hub.read(DOCKERFILE).partition("FROM ")[2].partition("\n")[0].rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The tag that HEAD's commit makes, as chartpress does where there are no git tags."""
        count, short = self.hub.git("rev-list", "--count", "HEAD"), self.hub.git("log", "-1", "--pretty=%h")
        return f"0.0.1-0.dev.git.{count}.h{short}"

    @property
    def image(self) -> str:
        """The hub image's name with that tag."""
        return f"{self.prefix}/core/hub:{self.tag}"


# -- a hub repository whose images go to a registry that may misbehave


@dataclass(frozen=True)
class Place:
    """A hub repository whose images go through ``front`` to a real registry."""

    hub: Hub
    front: Server
    path: str

    @property
    def tag(self) -> str:
        """The tag that its one commit makes."""
        return f"0.0.1-0.dev.git.1.h{self.hub.git('log', '-1', '--pretty=%h')}"

    @property
    def manifest(self) -> str:
        """The address of its image."""
        return f"/v2/{self.path}/manifests/{self.tag}"

    @property
    def image(self) -> str:
        """Its image's name."""
        return f"{self.front.address}/{self.path}:{self.tag}"

    @property
    def behind(self) -> Repository:
        """Its image's repository, for those who go past the front."""
        return Repository(str(self.front.behind), self.path)


def from_the_proof_on(place: Place, answer: Answer) -> None:
    """Let the registry answer so, from the first question for what was pushed on; docker's own ask for no tag."""

    def turn(connection: socket.socket) -> None:
        place.front.rules.insert(0, Rule(place.manifest, answer))
        if isinstance(answer, bytes):
            connection.sendall(answer)
        else:
            answer(connection)

    place.front.answer(f"GET {place.manifest}", turn, times=1, after=f"PUT {place.manifest}")
