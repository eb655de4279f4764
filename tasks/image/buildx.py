"""The engine of every build: one ``docker buildx bake`` for all images, side by side."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import show
from ..faults import Denied, ProgramFailed, Unreachable
from ..hubrepo.leftovers import scratch_folder
from ..review.forge import web_address
from ..settings import CACHE_OFF
from ..tools import docker
from ..tools.credentials import DockerLogins
from ..tools.denials import EXPIRED
from .definition import Target, definition, target_name
from .job import LABEL
from .layercache import cache_fields
from .template import render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..tools.run import Command
    from .building import Build
    from .job import ImageJob


class Buildx:
    """Builds with ``docker buildx bake``, from a definition on its standard input."""

    def shown(self, build: Build) -> str:
        """Return the command as one could paste it."""
        return str(self.command(build))

    def command(
        self, build: Build, metadata: Path = Path("metadata.json"), *, again: bool = False, shared: bool = True
    ) -> Command:
        """Return the command.

        Args:
            build: what is built.
            metadata: the file that says what was built.
            again: whether it only pushes what was built a moment ago; then nothing is run anew.
            shared: whether the shared build cache is used, where the settings want one.
        """
        folder = build.hub.git.folder / build.hub.root
        return docker.bake_command(build.builder, bake_definition(build, again=again, shared=shared), folder, metadata)

    def build(self, build: Build) -> dict[str, str]:
        """Build and push; return each image's digest by its key.

        Raises:
            Denied: a registry denied access.
            Unreachable: a registry gave no answer.
            ProgramFailed: the build failed.
        """
        with scratch_folder(build.hub.git) as folder:
            metadata = folder / "metadata.json"
            _build(build, partial(self.command, build, metadata))
            keys = [job.image.spec.key for job in build.to_build]
            targets = [target_name(index, key) for index, key in enumerate(keys)]
            return dict(zip(keys, pushed_digests(metadata, targets), strict=True))


def bake_definition(build: Build, *, again: bool = False, shared: bool = True) -> str:
    """Return the bake definition of what is to be built; the arguments are those of :meth:`Buildx.command`."""
    no_cache = build.wish.no_cache and not again
    targets = [_target(build, job, no_cache=no_cache, shared=shared) for job in build.to_build]
    return definition(targets, build.hub.root)


def _build(build: Build, command: Callable[..., Command]) -> None:
    """Build and push; without the shared cache where that is what fails."""
    try:
        _push(build, command)
    except (ProgramFailed, Unreachable) as fault:
        if build.hub.settings.cache == CACHE_OFF or "cache" not in fault.what.lower():
            raise
        show.say(f"{fault.what}; building once more without the shared cache")
        _push(build, partial(command, shared=False))


def _push(build: Build, command: Callable[..., Command]) -> None:
    """Build and push; a push that is denied as expired is tried once more, from the cache, with fresh credentials.

    A token may run out while the image is built: Docker asks its helper again for every command.
    """
    host, builder = build.to_build[0].reference.host, build.builder
    try:
        docker.build(command(), host, builder)
    except Denied as fault:
        if not (build.pushes and re.search(EXPIRED, fault.what)) or DockerLogins.read().credentials(host) is None:
            raise
        show.say(f"{fault.what}; pushing once more with fresh credentials")
        docker.build(command(again=True), host, builder)


def _target(build: Build, job: ImageJob, *, no_cache: bool, shared: bool) -> Target:
    from .options import bake_fields  # noqa: PLC0415 - only a build pays for it, not the look that finds none needed

    spec = job.image.spec
    names = {"LAST_COMMIT": job.called.commit, "TAG": job.tag, "BRANCH": build.hub.branch or ""}
    where = f"{build.hub.config_file}: images.{spec.key}"
    options = [render(option, names, f"{where}.extraBuildCommandOptions") for option in spec.extra_options]
    cache = cache_fields(build.hub, job.image, build.builder, push=build.pushes) if shared else {}
    source = web_address(build.hub.git.remote_url(build.hub.settings.remote) or "")
    return Target(
        key=spec.key,
        reference=job.reference,
        context=spec.context,
        dockerfile=spec.dockerfile,
        build_args={arg: render(value, names, f"{where}.buildArgs") for arg, value in spec.build_args.items()},
        labels={**job.labels(), **({f"{LABEL}source": source} if source else {})},
        pins=job.pins(),
        platform=job.argument,
        no_cache=no_cache,
        push=build.pushes,
        extra={**cache, **bake_fields(options, f"{where}.extraBuildCommandOptions", os.environ)},
    )


def pushed_digests(metadata: Path, targets: Sequence[str]) -> list[str]:
    """Return the digests of ``targets``, in their order, from the file that bake wrote.

    Raises:
        ProgramFailed: the file is missing, or has not all of them.
    """
    try:
        written = json.loads(metadata.read_text(encoding="utf-8"))
        return [str(written[name]["containerimage.digest"]) for name in targets]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
        raise ProgramFailed(
            f"bake did not say what it built: {type(err).__name__}",
            where=metadata.name,
            hint="docker buildx version: 0.13 or newer is needed",
        ) from err
