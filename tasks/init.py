"""``init``: add what a repository is missing for its hub image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.tasks import task

from .core import output
from .core.faults import DOOR
from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .run import open_run

if TYPE_CHECKING:
    from invoke.context import Context

HELP = {
    "prefix": "the registry and path of the image, HOST/PATH/ (default: ghcr.io/OWNER/ for a remote on GitHub)",
    "docs": "also write a page for your team's documentation to this file or folder of the repository",
}


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def init(
    c: Context, prefix: str | None = None, docs: str | None = None, repo: str | None = None, json: bool = False
) -> None:
    """Add what a repository is missing; overwrite nothing.

    Keeps an existing hub image as it is: Dockerfile, name, values path. If
    there is none, writes a Dockerfile for the pinned release; if there is no
    chart either, writes a chart for the newest release. Adds chartpress.yaml,
    the values keys, Makefile targets and .gitignore lines if they are missing.
    Shows the plan first, and prints what to add by hand.

    Examples:
      --dry init                 look first
      init                       push the image to ghcr.io/OWNER/
      init --prefix HOST/PATH/   push the image to this registry
      init --docs docs/          add a page for your team's documentation

    Afterwards: git add, git commit, release.
    """
    from .review.team_page import plan_setup

    with open_run(c, repo=repo, json=json) as run:
        plan = Plan(plan_setup(run.hub, prefix, docs))
        writes = not run.dry and not plan.nothing_to_do
        if writes:
            run.show_plan(plan)
        run.carry_out(plan)
        if writes:
            output.say(f"Look at it, commit it, then: {DOOR} release")
