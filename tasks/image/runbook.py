"""The runbook's own commands: ``chartpress --push``, with the same preparation and proof around it.

chartpress runs in a throwaway clone of the last commit, so that what it rewrites besides the image's name and tag
(Chart.yaml's version, the layout of values.yaml) never reaches the hub repository. Its files are written out of git as
any build context is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..faults import Refused
from ..settings import CHARTPRESS
from ..tools import docker
from ..tools.builder import CLOUD_BUILD
from ..tools.command import Command
from ..tools.git import UNSET, Git
from ..tools.run import find, missing
from .building import inputs_of
from .tree import Tree

if TYPE_CHECKING:
    from pathlib import Path

    from ..hubrepo.layout import Hub
    from .building import Build
    from .definition import BuildOptions


class Chartpress(NamedTuple):
    """Builds with chartpress.

    Attributes:
        force: whether images are built and pushed over what is there.
    """

    force: bool

    @classmethod
    def fit_for(cls, hub: Hub, wish: BuildOptions) -> Chartpress:
        """Return the engine, after checking that it can do what is wished for.

        Raises:
            Refused: chartpress cannot choose among images, run without Docker's cache, or use another tag.
            ProgramFailed: chartpress is not installed.
        """
        cannot = {
            f"--builder {CLOUD_BUILD}": (wish.builder or hub.settings.builder) == CLOUD_BUILD,
            "--image": wish.images,
            "--no-cache": wish.no_cache,
            "--no-push": not (wish.push and hub.settings.push),
            f"hub.tag {hub.settings.tag}": hub.settings.tag != CHARTPRESS,
        }
        asked = [name for name, wanted in cannot.items() if wanted]
        if asked:
            raise Refused(
                f"chartpress does not know {asked[0]}", where="--engine", hint="leave out --engine chartpress"
            )
        if find(CHARTPRESS) is None:
            raise missing(CHARTPRESS)
        return cls(wish.force)

    def shown(self, build: Build) -> str:
        """Return the runbook's command as one could paste it."""
        return str(self.command(build))

    def command(self, build: Build) -> Command:
        """Return the runbook's command: the plain one on a PC, the one with builder and platform on a Mac."""
        argument = build.to_build[0].argument
        platform = ("--builder", "docker-buildx", "--platform", argument) if argument else ()
        force = ("--force-build", "--force-push") if self.force else ()
        folder = build.hub.git.folder / build.hub.root
        return Command((CHARTPRESS, "--push", *force, *platform), folder, env=build.builder.env, unset=UNSET)

    def build(self, build: Build, scratch: Path) -> dict[str, str]:
        """Build and push what chartpress finds to be built; it says no digests.

        Raises:
            Refused: the last commit has other files for an image than the commit that its tag names.
            Denied: the registry denied access.
            Unreachable: the registry gave no answer.
            ProgramFailed: chartpress failed.
        """
        build.write_contexts(scratch)
        clone = _clone(build.hub, scratch / "hub")
        commit = Tree(build.hub.git, Git(clone).read("rev-parse", "HEAD"))
        for job in build.to_build:
            if job.inputs != inputs_of(build.hub, job, commit):
                raise Refused(
                    "chartpress builds from the last commit, which has other files than the one that the tag names",
                    where=job.reference,
                    hint="leave out --engine chartpress",
                )
        commit.write(["."], clone)
        # Named, so that no folder inside is taken for a repository of its own.
        named = {"GIT_DIR": str(clone / ".git"), "GIT_WORK_TREE": str(clone)}
        command = self.command(build)._replace(cwd=clone / build.hub.root, manners=named)
        docker.run_build(command, build.to_build[0].reference.host, build.builder)
        return {}


def _clone(hub: Hub, folder: Path) -> Path:
    """Clone the repository into ``folder``, on a branch of the same name: build arguments may hold it."""
    outside = Git(folder.parent)
    outside.read("clone", "--quiet", "--shared", "--no-checkout", "--", str(hub.git.folder), str(folder))
    clone = Git(folder)
    abbreviation = hub.git.ask("config", "--get", "core.abbrev")
    if abbreviation.ok:
        clone.read("config", "core.abbrev", abbreviation.text)
    return folder
