"""``init``: add what a repository is missing for its hub image."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .core import output
from .core.faults import DOOR
from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .run import open_run

HELP = {
    "prefix": "the registry and path of the image, HOST/PATH/ (default: ghcr.io/OWNER/ for a remote on GitHub)",
    "docs": "also write a page for your team's documentation to this file or folder of the repository",
}


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def init(
    c: Context, prefix: str | None = None, docs: str | None = None, repo: str | None = None, json: bool = False
) -> None:
    """Add what a repository is missing; overwrite nothing.

    Adopts the hub image if there is one: Dockerfile, name, values path.
    Without one it writes a Dockerfile for the pinned release, and without any
    chart a chart for the newest release. Adds chartpress.yaml, values keys,
    Makefile targets and .gitignore lines if they are missing. Shows the plan
    first, and says what to add by hand.

    Examples:
      init --dry                 look first
      init                       the image goes to ghcr.io/OWNER/
      init --prefix HOST/PATH/   push it to this registry
      init --docs docs/          add a page for your team's documentation

    Afterwards: git add, git commit, release.
    """
    from .review.team import plan_setup

    with open_run(c, repo=repo, json=json) as run:
        plan = Plan(plan_setup(run.hub, prefix, docs))
        writes = not run.dry and not plan.nothing_to_do
        if writes:
            run.show_plan(plan, whole=True)
        run.carry_out(plan)
        if writes:
            output.say(f"Look at it, commit it, then: {DOOR} release")
