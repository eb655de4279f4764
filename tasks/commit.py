"""``commit``: commit the files that bump and build manage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.tasks import task

from .core.options import CommitOptions
from .core.plan import Plan
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .run import open_run

if TYPE_CHECKING:
    from invoke.context import Context

HELP = {
    "message": "use this commit message (default: a message that says what moved)",
    "branch": "commit on this branch, created if it is missing (default: hub.branch on the default branch)",
    "push": "push the branch to the remote",
    "pr": "push, and open or update the pull request (with gh on GitHub; elsewhere print where to open it)",
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

    Commits on the current branch, or on a new feature branch if that is the
    default branch. Your index, other changes and stashes stay as they are. A
    managed file with other changes is refused. Never pushes by force.

    Examples:
      commit                     with a message that says what moved
      commit --push              also push the branch
      commit --pr                also open or update the pull request

    Afterwards: build, or merge the pull request.
    """
    from .review.commit import plan_commit

    with open_run(c, repo=repo, json=json) as opened:
        run, review, options, start = opened.begin(CommitOptions(message, branch, push, pr))
        step, leaves = plan_commit(run.hub, options, review)
        run.carry_out(Plan((*start, step)), leaves)
