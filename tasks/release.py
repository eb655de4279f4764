"""``release``: run auth, bump, commit, build and commit as one plan."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

from .core import output
from .core.faults import CLI, Refused
from .core.options import ReleaseOptions
from .core.plan import Plan
from .run import Run, hub_task


@hub_task(ReleaseOptions)
def release(run: Run, options: ReleaseOptions) -> None:
    """Move to a z2jh release, build its hub image, commit both.

    Runs auth, bump, commit, build and commit as one plan: shows it, asks, and
    carries it out. Nothing is done twice: to continue a release that was
    stopped, run the same command again.

    Examples:
      release --dry              the plan and every command
      release                    the newest of this major version
      release --to 4.4.0 --push  exactly this one, and push the branch
      release --yes --pr         do not ask, open the pull request

    Afterwards: the next steps that it prints.
    """
    from .review.release import plan_release

    plan, hub_after = run.plan_and_agree(
        options,
        lambda at: plan_release(at.hub, replace(options, push=at.options.push, pr=at.options.pr), at.review),
        partial(_agree, run, yes=options.yes),
        ask=True,
    )
    run.carry_out(plan, hub_after, more=lambda: {"steps": plan.step_reports()})
    if not run.dry:
        steps = [f"- {step}" for step in plan.report()["next_steps"]]
        done = "Nothing to do." if plan.nothing_to_do else f"Done in {output.duration(sum(plan.times))}."
        output.say("\n".join((done, *(["Next steps:", *steps] if steps else []))))


def _agree(run: Run, plan: Plan, *, yes: bool) -> None:
    if plan.nothing_to_do:
        return
    run.hub.git.require_unlocked()
    run.show_plan(plan)
    plan.require_possible()
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("confirmation needed, but there is no terminal", hint="look at the plan, then add --yes")
    if not output.confirm("Go on?"):
        raise Refused("cancelled, nothing was changed", hint=f"{CLI} release --dry, for the whole plan")
