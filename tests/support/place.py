"""A hub repository whose images go to a registry that may misbehave."""

import socket
from dataclasses import dataclass

from .hubs import Hub
from .manifests import Repository
from .server import Answer, Rule, Server


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
