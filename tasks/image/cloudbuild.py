"""Builds on Google Cloud Build: the same bake definition, where nobody has a machine of the cluster's platform.

``gcloud builds submit`` uploads the last commit with the definition beside it, waits, and shows what the build says
(https://cloud.google.com/build/docs/running-builds/submit-build-via-cli-api).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..faults import Refused
from ..hubrepo.leftovers import scratch_folder
from ..tools import docker
from ..tools.builder import CLOUD_BUILD
from ..tools.gcloud import is_google
from ..tools.run import Command, find, missing
from .buildx import bake_definition
from .runbook import clone_commit

if TYPE_CHECKING:
    from ..build import BuildWish
    from ..hubrepo.layout import Hub
    from .building import Build
    from .reference import Reference

# https://cloud.google.com/build/docs/cloud-builders; it brings buildx, whose builder there is the docker driver.
_STEP_IMAGE = "gcr.io/cloud-builders/docker"
_TIMEOUT = "3600s"
_CONFIG, _DEFINITION, _IGNORE = "hubpress-cloudbuild.json", "hubpress-bake.json", "hubpress-gcloudignore"


class CloudBuild:
    """Builds with ``gcloud builds submit``."""

    @classmethod
    def fit_for(cls, hub: Hub, wish: BuildWish) -> CloudBuild:
        """Return the engine, after checking that it can do what is wished for.

        Raises:
            Refused: an image is wanted on this machine, where Cloud Build puts none.
            ProgramFailed: gcloud is not installed.
        """
        if not (wish.push and hub.settings.push):
            raise Refused(
                "Cloud Build has no image to leave here", where="--no-push", hint=f"leave out --builder {CLOUD_BUILD}"
            )
        if find("gcloud") is None:
            raise missing("gcloud")
        return cls()

    def command(self, build: Build, source: Path = Path("COMMIT")) -> Command:
        """Return the command; ``source`` is the folder that is uploaded."""
        project = _project(build.to_build[0].reference)
        argv = ("gcloud", "builds", "submit", str(source), f"--config={source / _CONFIG}", f"--ignore-file={_IGNORE}")
        return Command((*argv, *([f"--project={project}"] if project else []), "--quiet"))

    def build(self, build: Build) -> dict[str, str]:
        """Build and push; the digests are asked of the registry afterwards.

        Raises:
            Denied: Google denied access.
            Unreachable: no answer came.
            ProgramFailed: gcloud, or the build itself, failed.
        """
        with scratch_folder(build.hub.git) as folder:
            source = clone_commit(build.hub, folder / "hub")
            for name, text in request_files(build).items():
                (source / name).write_text(text, encoding="utf-8")
            docker.build(self.command(build, source), build.to_build[0].reference.host, build.builder)
        return {}


def request_files(build: Build) -> dict[str, str]:
    """Return what is uploaded beside the commit's own files: the build's steps, its definition, what to leave out.

    The list of what to leave out is given, so that a ``.gitignore`` hides no file that is committed.
    """
    bake = ["buildx", "bake", "--file", f"/workspace/{_DEFINITION}"]
    step = {"name": _STEP_IMAGE, "args": bake, **({"dir": build.hub.root} if build.hub.root else {})}
    config = {"steps": [step], "timeout": _TIMEOUT}
    return {
        _CONFIG: json.dumps(config, indent=2),
        _DEFINITION: bake_definition(build),
        _IGNORE: ".git\n",
    }


def _project(image: Reference) -> str | None:
    """Return the project that a registry of Google's belongs to; None for gcloud's own choice.

    Both ``LOCATION-docker.pkg.dev/PROJECT/...`` and ``gcr.io/PROJECT/...`` name it first.
    """
    return image.path.partition("/")[0] if is_google(image.host) else None
