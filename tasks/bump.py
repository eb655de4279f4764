"""``bump``: move the base image and the chart requirement to a z2jh release."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .core.settings import BumpOptions
from .run import open_run

HELP = {
    "to": "exactly this release; may be an older one, or any version in the index",
    "pre": "also consider alpha, beta and release candidates",
    "dev": "also consider development builds",
    "major": "also consider newer major versions",
}


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def bump(
    c: Context,
    to: str | None = None,
    pre: bool = False,
    dev: bool = False,
    major: bool = False,
    repo: str | None = None,
    json: bool = False,
) -> None:
    """Move the base image and the requirement to a z2jh release.

    Reads the Helm repository's index. Writes every place that pins the release:
    the Dockerfile's FROM, the chart requirement with its lock and copies, and
    the places of hub.pins; all of them, or none. Without a version it moves to
    the newest stable release of the current major version.

    Examples:
      bump --dry                 look first
      bump                       the newest of this major version
      bump --major               the newest, even of a newer major version
      bump --to 3.3.7            exactly this one, even if it is older

    Afterwards: commit.
    """
    from .review.bump import plan_bump

    with open_run(c, repo=repo, json=json) as run:
        step, leaves = plan_bump(run.hub, BumpOptions(to, pre, dev, major))
        run.carry_out(Plan((step,)), leaves)
