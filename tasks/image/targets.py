"""The targets of a build: its jobs, as bake is to build them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..review.forge import web_address
from .definition import Target, definition
from .job import LABEL
from .layercache import cache_fields
from .options import bake_fields
from .template import render

if TYPE_CHECKING:
    from .building import Build
    from .job import ImageJob


def bake_definition(build: Build, *, again: bool = False, shared: bool = True) -> str:
    """Return the bake definition of what is to be built; the arguments are those of ``Buildx.command``."""
    no_cache = build.wish.no_cache and not again
    targets = [_target(build, job, no_cache=no_cache, shared=shared) for job in build.to_build]
    return definition(targets, build.hub.root)


def _target(build: Build, job: ImageJob, *, no_cache: bool, shared: bool) -> Target:
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
