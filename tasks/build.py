"""``build``: build and push the hub image, prove what was pushed, write it into the values."""

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
    "image": "an image to build, by its key in chartpress.yaml (repeatable; default: those that inherit from k8s-hub)",
    "no-push": "only build, into the engine's local store; the values stay as they are",
    "force": "build and push even over a tag that exists",
    "platform": "build for this platform, whatever the host (default: see hub.platform)",
    "builder": "build on this buildx builder (default: hub.builder, else Docker's current one)",
    "no-cache": "do not use the build cache",
    "engine": "buildx, or chartpress: the runbook's own commands",
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
    """Build, push and prove the hub image; set it in the values.

    Its tag names the last commit that touched its files, as chartpress's does.
    What the registry has already is proved and not built again. Writes the
    chart's values only after the registry has answered for digest, platform
    and base. Files of the image that are not committed stop it.

    Examples:
      build                      every image that inherits from z2jh's
      build --image hub          one of them
      build --builder cluster    on a builder that is not this machine's
      build --no-push            into the engine here, the values stay

    Afterwards: commit.
    """
    from .image.planning import plan_build

    options = BuildOptions(tuple(image or ()), not no_push, force, platform, builder, no_cache, engine)
    with open_run(c, repo=repo, json=json) as run:
        step, leaves = plan_build(run.hub, options)
        run.carry_out(Plan((step,)), leaves)
