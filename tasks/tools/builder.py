"""A buildx builder, and how Docker's client reaches it.

A builder of the driver ``docker`` is an engine, and has the name of the Docker context that leads there. buildx lists
it like any other, but builds on it only as ``docker --context NAME buildx``; ``--builder NAME`` is refused.
"""

from __future__ import annotations

from typing import NamedTuple

from ..image.platform import short_platform

DOCKER_DRIVER, REMOTE_DRIVER = "docker", "remote"
# No builder of buildx: Google Cloud Build, in the project of the images' registry.
CLOUD_BUILD = "cloudbuild"


class Builder(NamedTuple):
    """A builder.

    Attributes:
        name: its name; None for Docker's current one.
        driver: its driver (https://docs.docker.com/build/builders/drivers/); None while nobody asked.
        runs: the platforms that each of its nodes runs, the node's own first; empty while nobody asked, and while it
            is not started.
    """

    name: str | None = None
    driver: str | None = None
    runs: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def read(cls, name: str | None, inspection: str) -> Builder:
        """Read what ``docker buildx inspect`` tells of the builder ``name``."""
        parted = (line.partition(":") for line in inspection.splitlines())
        fields = [(key.strip(), value.strip()) for key, _, value in parted]
        drivers = [value for key, value in fields if key == "Driver"]
        platforms = [value.split(",") for key, value in fields if key == "Platforms"]
        runs = (tuple(short_platform(one.strip(" *")) for one in node) for node in platforms)
        return cls(name, next(iter(drivers), None), tuple(runs))

    @property
    def is_started(self) -> bool:
        """Whether one of its nodes has said what it runs."""
        return bool(self.runs)

    @property
    def title(self) -> str:
        """The builder as people name it."""
        return f"the builder {self.name}" if self.name else "Docker's current builder"

    @property
    def look(self) -> str:
        """The command that shows why it does not answer; an engine that does not has no driver either."""
        if self.name and self.driver in ("", DOCKER_DRIVER):
            return f"docker --context {self.name} info"
        return f"docker buildx inspect --bootstrap{f' {self.name}' if self.name else ''}"

    def is_native(self, platform: str) -> bool:
        """Whether one of its nodes is of ``platform``, and has nothing to emulate."""
        return any(node[0] == platform for node in self.runs)

    def can_run(self, platform: str) -> bool:
        """Whether one of its nodes runs ``platform``, be it emulated."""
        return any(platform in node for node in self.runs)

    @property
    def buildx(self) -> tuple[str, ...]:
        """The program that builds on it."""
        return ("docker", "--context", self._context, "buildx") if self._context else ("docker", "buildx")

    @property
    def flags(self) -> tuple[str, ...]:
        """What that program is told besides."""
        return ("--builder", self.name) if self.name and not self._context else ()

    @property
    def env(self) -> dict[str, str]:
        """The variables by which a program that runs Docker itself builds on it."""
        if not self.name:
            return {}
        return {"DOCKER_CONTEXT": self.name} if self._context else {"BUILDX_BUILDER": self.name}

    @property
    def _context(self) -> str | None:
        """The context that leads there; None for any other builder, and for Docker's current one."""
        return self.name if self.driver == DOCKER_DRIVER else None
