"""``bump``: move the base image and the chart requirement to a z2jh release."""

from __future__ import annotations

from .core.options import BumpOptions
from .core.plan import Plan
from .run import Run, hub_task


@hub_task(BumpOptions)
def bump(run: Run, options: BumpOptions) -> None:
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

    step, hub_after = plan_bump(run.hub, options)
    run.carry_out(Plan((step,)), hub_after)
