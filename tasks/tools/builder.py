"""A buildx builder, and how Docker's client reaches it.

A builder of the driver ``docker`` is an engine, and has the name of the Docker context that leads there. buildx lists
it like any other, but builds on it only as ``docker --context NAME buildx``; ``--builder NAME`` is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

DOCKER_DRIVER = "docker"
# No builder of buildx: Google Cloud Build, in the project of the images' registry.
CLOUD_BUILD = "cloudbuild"


@dataclass(frozen=True)
class Builder:
    """A builder.

    Attributes:
        name: its name; None for Docker's current one.
        driver: its driver (https://docs.docker.com/build/builders/drivers/); None while nobody asked.
    """

    name: str | None = None
    driver: str | None = None

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
