"""``build``: build, push and verify the hub image, and set it in the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.tasks import task

from .core.options import BuildOptions
from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .run import open_run

if TYPE_CHECKING:
    from invoke.context import Context

HELP = {
    "image": "build only this image, by its key in chartpress.yaml; repeatable (default: all hub images)",
    "no-push": "build into the local engine only; do not change the values",
    "force": "build and push even if the registry already has the tag",
    "platform": "build for this platform, whatever the host (default: hub.platform)",
    "builder": "build on this buildx builder (default: hub.builder, else Docker's current one)",
    "no-cache": "do not use the build cache",
    "engine": "buildx, or chartpress to build with chartpress --push",
}


@task(klass=HubTask, auto_shortflags=False, iterable=["image"], help={**HELP, **REPO_HELP, **JSON_HELP})
def build(
    c: Context,
    image: list[str] | None = None,
    no_push: bool = False,
    force: bool = False,
    platform: str | None = None,
    builder: str | None = None,
    no_cache: bool = False,
    engine: str = "buildx",
    repo: str | None = None,
    json: bool = False,
) -> None:
    """Build, push and verify the hub image; set it in the values.

    The tag names the last commit that changed the image's files, as
    chartpress's does. An image that the registry already has is verified, not
    built again. The values change only after the registry has confirmed the
    digest, the platform and the base. Uncommitted image files are refused.

    Examples:
      build                      every image that inherits from z2jh's
      build --image hub          only this image
      build --builder cluster    build on another machine
      build --no-push            build into the local engine, keep the values

    Afterwards: commit.
    """
    from .image.planning import plan_build

    options = BuildOptions(tuple(image or ()), not no_push, force, platform, builder, no_cache, engine)
    with open_run(c, repo=repo, json=json) as run:
        step, leaves = plan_build(run.hub, options)
        run.carry_out(Plan((step,)), leaves)
