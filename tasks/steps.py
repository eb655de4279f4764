"""The steps of a release, one task each: ``auth``, ``bump``, ``build`` and ``commit``."""

from __future__ import annotations

from .core import output
from .core.options import AuthOptions, BuildOptions, BumpOptions, CommitOptions
from .core.plan import Plan
from .core.visible import one_line
from .run import Call, hub_task


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

    with call.opened() as opened:
        run, plan, leaves = opened.from_base(options, lambda at: plan_commit(at.hub, at.options, at.review), _warn)
        run.carry_out(plan, leaves)


def _warn(plan: Plan) -> None:
    plan.require_possible()
    *before, committing = plan.steps
    for step in before if committing.to_do else ():
        output.say("\n".join(f"warning: {one_line(told)}" for told in step.warnings))
