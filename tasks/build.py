"""``build``: build, push and verify the hub image, and set it in the values."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .core.settings import BuildOptions
from .run import open_run

HELP = {
    "image": "build this image, by its key in chartpress.yaml; repeatable (default: all that inherit from k8s-hub)",
    "no-push": "build the image into the engine's local store; leave the values as they are",
    "force": "build and push even if the tag exists",
    "platform": "build for this platform (default: hub.platform)",
    "builder": "build on this buildx builder (default: hub.builder, else Docker's current builder)",
    "no-cache": "do not use the build cache",
    "engine": "buildx or chartpress (default: buildx)",
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

    The tag names the last commit that touched the image's files, as in
    chartpress. An image that the registry has is verified and not built again.
    Writes the chart's values once the registry has confirmed digest, platform
    and base image. Refuses if files of the image are not committed.

    Examples:
      build                      all images that inherit from z2jh's
      build --image hub          one of them
      build --builder cluster    on another builder
      build --no-push            into the local engine; values stay

    Afterwards: commit.
    """
    from .image.planning import plan_build

    options = BuildOptions(tuple(image or ()), not no_push, force, platform, builder, no_cache, engine)
    with open_run(c, repo=repo, json=json) as run:
        step, leaves = plan_build(run.hub, options)
        run.carry_out(Plan((step,)), leaves)
