"""The targets of a build: its jobs, as bake is to build them."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

from ..masking import keep_secret
from ..review.forge import web_address
from .definition import Target, definition
from .job import LABEL
from .layercache import cache_fields
from .options import bake_fields, from_folder, with_files_of
from .template import render

if TYPE_CHECKING:
    from ..hubrepo.layout import Hub, HubImage
    from .building import Build
    from .job import ImageJob
    from .naming import ImageName


def bake_definition(build: Build, *, again: bool = False, shared: bool = True) -> str:
    """Return the bake definition of what is to be built; the arguments are those of ``Buildx.command``."""
    no_cache = build.wish.no_cache and not again
    targets = [_target(build, job, no_cache=no_cache, shared=shared) for job in build.to_build]
    return definition(targets, build.hub.root)


def filled_in(hub: Hub, image: HubImage, called: ImageName) -> tuple[dict[str, str], list[str]]:
    """Return the build arguments and extra options of ``image``, the names in them filled in as chartpress does.

    Raises:
        Unusable: one holds a name that there is none of.
    """
    spec = image.spec
    names = {"LAST_COMMIT": called.commit, "TAG": called.tag, "BRANCH": hub.branch or ""}
    where = f"{hub.config_file}: images.{spec.key}"
    arguments = {name: render(value, names, f"{where}.buildArgs") for name, value in spec.build_args.items()}
    return arguments, [render(option, names, f"{where}.extraBuildCommandOptions") for option in spec.extra_options]


def arguments_of(hub: Hub, image: HubImage, called: ImageName) -> list[str]:
    """Return what :func:`filled_in` does as one list, for the hash of what ``image`` is built from."""
    build_args, options = filled_in(hub, image, called)
    return [*(f"{name}={value}" for name, value in build_args.items()), *options]


def _target(build: Build, job: ImageJob, *, no_cache: bool, shared: bool) -> Target:
    spec = job.image.spec
    arguments, options = filled_in(build.hub, job.image, job.called)
    where = f"{build.hub.config_file}: images.{spec.key}.extraBuildCommandOptions"
    folder = str(build.hub.git.folder / build.hub.root)
    fields = with_files_of(bake_fields(options, where, os.environ), folder, os.environ)
    if job.beside:
        named = fields.get("contexts", {}).items()
        fields["contexts"] = {name: from_folder(one, job.beside) for name, one in named}
    cache = cache_fields(build.hub, job.image, build.builder, push=build.pushes) if shared else {}
    source = web_address(build.hub.git.remote_url(build.hub.settings.remote) or "")
    shown = {job.called.commit, job.tag, build.hub.branch}
    for name, value in chain(arguments.items(), *(fields.get(field, {}).items() for field in ("args", "labels"))):
        # What is filled in is shown everywhere else too.
        if value not in shown:
            keep_secret(name, value)
    return Target(
        key=spec.key,
        reference=job.reference,
        context=job.beside + spec.context,
        dockerfile=job.beside + spec.dockerfile,
        build_args=arguments,
        labels={**job.labels(), **({f"{LABEL}source": source} if source else {})},
        pins=job.pins(),
        platform=job.argument,
        no_cache=no_cache,
        push=build.pushes,
        extra={**cache, **fields},
    )
