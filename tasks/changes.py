"""The tasks that change something: read the settings, plan, show, do."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from .core import output
from .core.faults import DOOR, Fault, Refused
from .core.options import (
    AuthOptions,
    BuildOptions,
    BumpOptions,
    CommitOptions,
    InitOptions,
    RehearseOptions,
    ReleaseOptions,
)
from .core.plan import Plan
from .core.settings import require_like
from .core.visible import one_line
from .run import Call, Run, hub_task

if TYPE_CHECKING:
    from .repo.hub import Hub
    from .review.branches import Start


@hub_task(AuthOptions)
def auth(call: Call, options: AuthOptions) -> None:
    """Sign in, and let Docker push to the image's registry.

    Reads Docker's configuration and asks its credential helper. Runs gcloud
    only if that has no answer and the registry is Google's. Writes only the
    configuration of gcloud and Docker.

    Examples:
      auth                       sign in with a browser
      auth --no-browser          sign in over ssh
      auth --key-file FILE       use a service account or workload identity

    Afterwards: bump.
    """
    from .image.sign_in import plan_auth

    with call.opened() as run:
        run.carry_out(Plan((plan_auth(run.hub.registries, options),)))


@hub_task(BumpOptions)
def bump(call: Call, options: BumpOptions) -> None:
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

    with call.opened() as run:
        step, leaves = plan_bump(run.hub, options)
        run.carry_out(Plan((step,)), leaves)


@hub_task(CommitOptions)
def commit(call: Call, options: CommitOptions) -> None:
    """Commit the files that bump and build manage.

    On the current branch, or on a new feature branch when that is the default
    branch. Other changes, the index and stashes stay as they are. Refuses if a
    managed file has other changes. Never pushes by force.

    Examples:
      commit                     with a message that says what moved
      commit --push              and push the branch
      commit --pr                and open or update the pull request

    Afterwards: build, or merge the pull request.
    """
    from .review.commit import plan_commit

    def planned(at: Start) -> tuple[Plan, Hub]:
        step, leaves = plan_commit(at.hub, at.options, at.review)
        return Plan((step,)), leaves

    with call.opened() as opened:
        run, plan, leaves = opened.from_base(options, planned, _warn)
        run.carry_out(plan, leaves)


def _warn(plan: Plan) -> None:
    plan.require_possible()
    *before, committing = plan.steps
    for step in before if committing.to_do else ():
        output.say("\n".join(f"warning: {one_line(told)}" for told in step.warnings))


@hub_task(BuildOptions)
def build(call: Call, options: BuildOptions) -> None:
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

    with call.opened() as run:
        step, leaves = plan_build(run.hub, options)
        run.carry_out(Plan((step,)), leaves)


@hub_task(ReleaseOptions)
def release(call: Call, options: ReleaseOptions) -> None:
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

    with call.opened() as opened:
        run, plan, leaves = opened.from_base(
            options.commit,
            lambda at: plan_release(at.hub, replace(options, commit=at.options), at.review),
            lambda whole: _agree(opened, whole, yes=options.agreed),
            ask=True,
        )
        run.carry_out(plan, leaves, more=lambda: {"steps": plan.step_reports()})
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


# The release's own plan can be made on the stage only.
INTENTION = f"""\
Plan for {{folder}}
  rehearse * clone {{folder}}, with its uncommitted changes, into a temporary folder (hub, remote.git)
           * serve a registry on 127.0.0.1, which the images are named after
           * release there: see {DOOR} --dry release for the plan
           * show the commits, and remove everything"""


@hub_task(RehearseOptions)
def rehearse(call: Call, options: RehearseOptions) -> None:
    """Rehearse the whole release on this machine.

    Nothing leaves it: uses a throwaway clone, a bare git remote and a registry
    on 127.0.0.1. Reads the real Helm repository and base image if available,
    else uses marked stand-ins. Ends with the diff that a reviewer would see,
    and removes everything; the next rehearsal cleans up after one that was
    killed.

    Examples:
      rehearse                   what release would do
      rehearse --to 4.4.0 --pr   also show the text of the pull request
      rehearse --keep            keep the clone and the image to inspect them
    """
    from .rehearsal import stage as rehearsal

    platform = options.build.platform
    require_like("platform", "--platform linux/amd64", *(platform.split(",") if platform is not None else ()))
    with call.opened(writes=False) as run:
        if run.dry:
            text = INTENTION.format(folder=one_line(str(run.hub.git.folder)))
            if call.json:
                output.say(text)
            for note in rehearsal.require_possible(run.hub, options).remarks:
                output.say(lead=note)
            call.present({}, text, changed=True)
            return
        with rehearsal.staged(run.hub, options) as stage:
            for note in (*stage.notes, *stage.remarks):
                output.say(lead=note)
            # After a fault there is nothing to continue: the stage is gone.
            rehearsed = Run(stage.hub, dry=False, json=call.json, can_continue=False)
            plan = stage.plan(options)
            rehearsed.show_plan(plan)
            try:
                rehearsed.carry_out(plan, more=lambda: {"steps": plan.step_reports(), **stage.report()})
            except Fault:
                for note in (*stage.notes, *stage.remarks):
                    output.say(lead=note)
                raise
            if not call.json:
                stage.show()


@hub_task(InitOptions)
def init(call: Call, options: InitOptions) -> None:
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

    with call.opened() as run:
        plan = Plan(plan_setup(run.hub, options.prefix, options.docs))
        writes = not run.dry and not plan.nothing_to_do
        if writes:
            run.show_plan(plan, whole=True)
        run.carry_out(plan)
        if writes:
            output.say(f"Look at it, commit it, then: {DOOR} release")
