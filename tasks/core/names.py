"""Image references as Docker reads them, and the platform an image is built for.

The grammar is https://pkg.go.dev/github.com/distribution/reference: ``[host/]path[:tag][@digest]``, where the first
part is a host only if it has a dot, a colon, or is ``localhost``; no host means Docker Hub.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection
from ipaddress import ip_address
from typing import NamedTuple

from .faults import Unusable

DOCKER_HUB = "docker.io"
_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
# A first part without a dot or a colon is a part of the path.
_NAME = rf"(?:(?:localhost|(?=[^/]*[.:]){_HOST})/)?{_PART}(?:/{_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
# https://github.com/opencontainers/image-spec/blob/main/image-index.md: GOARCH's names, from the kernel's.
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class Reference(NamedTuple):
    """An image reference; ``name`` is the repository as written, with its host if there is one."""

    name: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str, where: object | None = None) -> Reference:
        """Parse an image reference; raise Unusable, with the place ``where`` it was read, if it is invalid."""
        found = re.fullmatch(rf"({_NAME})(?::({_TAG}))?(?:@({_DIGEST}))?", text)
        if not found:
            raise Unusable(
                f"{text!r} is not an image name",
                where=where,
                hint="write it as host/path:tag, for example quay.io/jupyterhub/k8s-hub:4.4.0",
            )
        return cls(*found.groups())

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"

    @property
    def host(self) -> str:
        """The registry's host, with its port if it has one; ``docker.io`` by default."""
        host, _ = _split(self.name)
        return DOCKER_HUB if host in _HUB_NAMES or not host else host

    @property
    def path(self) -> str:
        """The repository's path on its host: ``jupyterhub/k8s-hub``, ``library/python``."""
        _, path = _split(self.name)
        return f"library/{path}" if self.host == DOCKER_HUB and "/" not in path else path

    @property
    def written_path(self) -> str:
        """The part that every spelling of the name has: Docker Hub's ``library/`` is optional."""
        return self.path.removeprefix("library/")

    def same_repository(self, other: Reference) -> bool:
        """Whether both are the same repository, however they are spelled."""
        return (self.host, self.path) == (other.host, other.path)


def is_loopback(host: str) -> bool:
    """Whether ``host``, with or without a port, is this machine (127.0.0.0/8, ::1, localhost)."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_name(text: str) -> bool:
    """Whether ``text`` is a repository's name, with or without a host."""
    return bool(re.fullmatch(_NAME, text))


def is_tag(text: str) -> bool:
    """Whether ``text`` can be a tag: 1 to 128 of ``A-Za-z0-9_.-``, not beginning with ``.`` or ``-``."""
    return bool(re.fullmatch(_TAG, text))


class Host(NamedTuple):
    """The machine that builds: Python's ``sys.platform``, and the kernel's name for the processor."""

    system: str
    machine: str

    @classmethod
    def here(cls) -> Host:
        """Return this machine."""
        return cls(sys.platform, os.uname().machine)

    @property
    def platform(self) -> str | None:
        """The platform that Docker builds for by default; None on a Mac or an unknown processor: there it is given."""
        architecture = _ARCHITECTURES.get(self.machine.lower())
        return f"linux/{architecture}" if self.system == "linux" and architecture else None

    def argument_for(self, platform: str) -> str | None:
        """Return the value of ``--platform`` to build for ``platform``, or None if that is the host's own."""
        return None if self.platform == platform else platform

    @property
    def title(self) -> str:
        """The host's name for people."""
        names = {"darwin": "Mac", "linux": "PC" if self.platform == "linux/amd64" else "Linux"}
        return f"{names.get(self.system, self.system)}, {self.machine}"


def platforms_left(wanted: str, skipped: Collection[str]) -> str:
    """Return the comma-separated platforms ``wanted`` without those of ``skipPlatforms``."""
    return ",".join(platform for platform in wanted.split(",") if platform not in skipped)


def short_platform(platform: str) -> str:
    """Return ``platform`` without a redundant variant: ``linux/arm64`` for ``linux/arm64/v8``."""
    return platform.removesuffix("/v8") if platform.startswith("linux/arm64/") else platform


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return (first, rest) if is_host else ("", name)
