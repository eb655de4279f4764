"""Machines with stand-ins for the tools that a release needs, each of them fit or unfit in some way."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

BUILDER = """\
Name:          default
Driver:        docker
Last Activity: 2026-06-10 10:00:00 +0000 UTC

Nodes:
Name:      default
Endpoint:  default
Status:    running
Platforms: linux/amd64, linux/amd64/v2, linux/386
"""


@dataclass(frozen=True)
class Docker:
    """What a Docker client says; ``first`` is what its stand-in does before."""

    version: str = "Docker version 28.2.2, build e6534b4"
    buildx: str = "github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3"
    engine: str = "26.1.5+dfsg1"
    builder: str = BUILDER
    first: str = ""

    @property
    def script(self) -> str:
        """A stand-in that says so."""
        return f"""\
{self.first}
case "$*" in
--version) echo '{self.version}' ;;
'buildx version') echo '{self.buildx}' ;;
info*) echo '{self.engine}' ;;
'buildx inspect'*) printf '%s' '{self.builder}' ;;
esac
"""


FIT: Mapping[str, str] = {
    # The hub repository itself is looked at with the real one.
    "git": f"[ $1 != --version ] && exec {shutil.which('git')} \"$@\"\necho 'git version 2.39.5'\n",
    "docker": Docker().script,
    "gcloud": "echo 'Google Cloud SDK 528.0.0'; echo 'bq 2.1.17'\n",
    "helm": "echo 'v3.15.2+g1a500d5'\n",
    "cosign": "echo 'GitVersion:    v2.5.0'\n",
    "gh": "echo 'gh version 2.62.0 (2024-11-14)'\n",
}
