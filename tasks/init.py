"""``init``: add what a repository is missing for its hub image."""

from __future__ import annotations

from .core import output
from .core.faults import CLI
from .core.options import InitOptions
from .core.plan import Plan
from .run import Run, hub_task


@hub_task(InitOptions)
def init(run: Run, options: InitOptions) -> None:
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

    plan = Plan(plan_setup(run.hub, options.prefix, options.docs))
    writes = not run.dry and not plan.nothing_to_do
    if writes:
        run.show_plan(plan, whole=True)
    run.carry_out(plan)
    if writes:
        output.say(f"Look at it, commit it, then: {CLI} release")
