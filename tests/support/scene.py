"""Where tasks are run: a hub repository with what is around it, and one whose registry can be told to misbehave."""

from dataclasses import dataclass
from pathlib import Path

from .hubs import Hub
from .registry import Repository
from .server import Server
from .world import World, around

CHARTPRESS, DOCKERFILE = "chartpress.yaml", "images/hub/Dockerfile"
REQUIREMENTS, VALUES = "hub/requirements.yaml", "hub/values.yaml"
REFUSED, UNUSABLE, PROGRAM, UNREACHABLE = 1, 2, 3, 4


@dataclass(frozen=True)
class Scene:
    """A hub repository, a folder for what is beside it, and its registry (``HOST:PORT``) where one answers."""

    hub: Hub
    folder: Path
    registry: str | None

    def world(self) -> World:
        return around(self.hub, self.registry)

    @property
    def prefix(self) -> str:
        """What the hub image's name begins with: ``HOST:PORT/PATH``."""
        return self.hub.prefix.removesuffix("/core/")

    @property
    def base(self) -> str:
        return self.hub.read(DOCKERFILE).partition("FROM ")[2].partition("\n")[0].rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The tag that HEAD's commit makes, as chartpress does where there are no git tags."""
        count, short = self.hub.git("rev-list", "--count", "HEAD"), self.hub.git("log", "-1", "--pretty=%h")
        return f"0.0.1-0.dev.git.{count}.h{short}"

    @property
    def image(self) -> str:
        return f"{self.prefix}/core/hub:{self.tag}"


@dataclass(frozen=True)
class Place(Scene):
    """A hub repository whose images go through ``front`` to a real registry."""

    front: Server

    @property
    def manifest(self) -> str:
        """The address of its image."""
        return f"/v2/{self.behind.path}/manifests/{self.tag}"

    @property
    def behind(self) -> Repository:
        """Its image's repository, for those who go past the front."""
        return Repository(str(self.front.behind), f"{self.prefix.partition('/')[2]}/core/hub")
