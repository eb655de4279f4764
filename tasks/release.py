"""``release``: run auth, bump, commit, build and commit as one plan."""

from __future__ import annotations

import sys

from invoke.context import Context
from invoke.tasks import task

from .build import HELP as BUILD_HELP
from .bump import HELP as BUMP_HELP
from .commit import HELP as COMMIT_HELP
from .core import output
from .core.faults import DOOR, Refused
from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .core.settings import BuildOptions, BumpOptions, CommitOptions, ReleaseOptions
from .run import Run, open_run

HELP = {**BUMP_HELP, **BUILD_HELP, **COMMIT_HELP, "yes": "do not ask for confirmation"}


@task(klass=HubTask, auto_shortflags=False, iterable=["image"], help={**HELP, **REPO_HELP, **JSON_HELP})
def release(
    c: Context,
    to: str | None = None,
    pre: bool = False,
    dev: bool = False,
    major: bool = False,
    image: list[str] | None = None,
    no_push: bool = False,
    force: bool = False,
    platform: str | None = None,
    builder: str | None = None,
    no_cache: bool = False,
    engine: str = "buildx",
    message: str | None = None,
    branch: str | None = None,
    push: bool = False,
    pr: bool = False,
    yes: bool = False,
    repo: str | None = None,
    json: bool = False,
) -> None:
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

    bump = BumpOptions(to, pre, dev, major)
    build = BuildOptions(tuple(image or ()), not no_push, force, platform, builder, no_cache, engine)
    wanted = CommitOptions(message, branch, push, pr)
    with open_run(c, repo=repo, json=json) as opened:
        run, plan, _ = opened.from_base(
            wanted,
            lambda at: (plan_release(at.hub, ReleaseOptions(bump, build, at.options, agreed=yes), at.review), at.hub),
            lambda whole: _agree(opened, whole, yes=yes),
            ask=True,
        )
        run.carry_out(plan, more=lambda: {"steps": plan.step_reports()})
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
        raise Refused("cancelled, nothing was changed", hint=f"{DOOR} release --dry, for the whole plan")
