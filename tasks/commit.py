"""``commit``: commit the files that bump and build manage."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .core import output
from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .core.settings import CommitOptions
from .core.visible import one_line
from .run import open_run

HELP = {
    "message": "use this message (default: one that says what moved)",
    "branch": "commit on this branch; created if missing (default: hub.branch, on the default branch)",
    "push": "push the branch to the remote",
    "pr": "push, and open or update the pull request (GitHub with gh; elsewhere it prints the address)",
}


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def commit(
    c: Context,
    message: str | None = None,
    branch: str | None = None,
    push: bool = False,
    pr: bool = False,
    repo: str | None = None,
    json: bool = False,
) -> None:
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

    options = CommitOptions(message, branch, push, pr)
    with open_run(c, repo=repo, json=json) as opened:
        run, plan, leaves = opened.from_base(options, lambda at: plan_commit(at.hub, at.options, at.review), _warn)
        run.carry_out(plan, leaves)


def _warn(plan: Plan) -> None:
    plan.require_possible()
    *before, committing = plan.steps
    for step in before if committing.to_do else ():
        output.say("\n".join(f"warning: {one_line(told)}" for told in step.warnings))
