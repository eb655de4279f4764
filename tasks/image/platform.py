"""What Mac and PC get: the build arguments for this host.

The image must run on the cluster's platform, whoever builds it. A host of that platform builds natively, without
``--platform``; any other one names it, and Docker emulates.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Refused

if TYPE_CHECKING:
    from collections.abc import Collection

# https://github.com/opencontainers/image-spec/blob/main/image-index.md: GOARCH's names, from the kernel's.
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class Host(NamedTuple):
    """The machine that builds.

    Attributes:
        system: ``linux``, ``darwin``, ``win32``: Python's ``sys.platform``.
        machine: the processor's kind, as the kernel names it.
    """

    system: str
    machine: str

    @classmethod
    def here(cls) -> Host:
        """Return this machine."""
        return cls(sys.platform, os.uname().machine)

    @property
    def platform(self) -> str | None:
        """The platform that Docker builds for here when it is not told; None on a Mac, where it is told always."""
        architecture = _ARCHITECTURES.get(self.machine.lower())
        return f"linux/{architecture}" if self.system == "linux" and architecture else None

    @property
    def title(self) -> str:
        """The host as people name it."""
        names = {"darwin": "Mac", "linux": "PC" if self.platform == "linux/amd64" else "Linux"}
        return f"{names.get(self.system, self.system)}, {self.machine}"


def platform_argument(host: Host, wanted: str, asked: str | None = None) -> str | None:
    """Return what ``--platform`` is given on ``host``, or None for a native build without it.

    Args:
        host: the machine that builds.
        wanted: the cluster's platform, ``linux/amd64``.
        asked: ``--platform`` of the command line; wins.

    Raises:
        Refused: the host is Windows without WSL.
    """
    if host.system in ("win32", "cygwin", "msys"):
        raise Refused(
            "hub images are not built on Windows itself",
            where=host.title,
            hint="run it in WSL with Docker Desktop's WSL integration: wsl --install",
        )
    if asked is not None:
        return asked
    return None if host.platform == wanted else wanted


def platforms_left(wanted: str, skipped: Collection[str]) -> str:
    """Return the platforms of ``wanted``, separated by commas as there, without those of ``skipPlatforms``."""
    return ",".join(platform for platform in wanted.split(",") if platform not in skipped)


def short_platform(platform: str) -> str:
    """Return ``platform`` without the variant that is its architecture's only one (``linux/arm64/v8``)."""
    return platform.removesuffix("/v8") if platform.startswith("linux/arm64/") else platform
