"""``commit``: commit the files that bump and build manage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .core import output
from .core.options import CommitOptions
from .core.plan import Plan
from .core.visible import one_line
from .run import Run, hub_task

if TYPE_CHECKING:
    from .repo.hub import Hub
    from .review.branches import Start


@hub_task(CommitOptions)
def commit(run: Run, options: CommitOptions) -> None:
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
        step, hub_after = plan_commit(at.hub, at.options, at.review)
        return Plan((step,)), hub_after

    plan, hub_after = run.plan_and_agree(options, planned, _warn)
    run.carry_out(plan, hub_after)


def _warn(plan: Plan) -> None:
    plan.require_possible()
    *before, committing = plan.steps
    for step in before if committing.to_do else ():
        output.say("\n".join(f"warning: {one_line(warning)}" for warning in step.safe_warnings()))
