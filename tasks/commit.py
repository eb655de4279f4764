"""``commit``: commit exactly the files that bump and build manage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from invoke.tasks import task

from .edge import JSON_HELP, REPO_HELP, HubTask, open_run
from .plan import Action, Plan, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke.context import Context

    from .hubrepo.layout import Hub
    from .review.branch import BranchPlan
    from .review.evidence import Witness
    from .review.request import Request
    from .tools.git import CommitOf

HELP = {
    "message": "the commit's message, in place of the one that says what moved",
    "branch": "the branch to commit on; made where it is not there (default: hub.branch, on the default branch)",
    "push": "push the branch to the remote",
    "pr": "push, and open a pull request or update the open one (GitHub, with gh; elsewhere: say where to open it)",
}


class CommitWish(NamedTuple):
    """How the commit is wanted.

    Attributes:
        message: its message, or None for one that says what moved.
        branch: its branch, or None to choose.
        push: whether the branch is pushed.
        request: whether a pull request is opened or updated; the branch is pushed for it.
    """

    message: str | None = None
    branch: str | None = None
    push: bool = False
    request: bool = False


@dataclass
class Made:
    """What a commit step has made so far, for the report.

    Attributes:
        subject: the commit's first line, planned or real; None where there is nothing to commit.
        hash: the commit's full hash; None before it is made.
        request: the pull request; None where none is wanted.
    """

    subject: str | None = None
    hash: str | None = None
    request: Request | None = None
    said: list[str] = field(default_factory=list)


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
    """Commit exactly the files that bump and build manage.

    On the current branch, or on a new feature branch when that is the default
    branch. Other changes, the index and stashes stay as they are, but for what
    an interrupted commit of these files left in the index; a managed file with
    other changes in it stops it. Nothing is ever pushed by force.

    Examples:
      commit                     with a message that says what moved
      commit --push              and push the branch
      commit --pr                and open the pull request, or update it

    Afterwards: build, or merge the pull request.
    """
    with open_run(c, repo=repo, json=json) as run:
        run.carry_out(Plan((plan_commit(run.hub, CommitWish(message, branch, push, pr)),)))


def plan_commit(hub: Hub, wish: CommitWish, witness: Witness | None = None, commit_of: CommitOf | None = None) -> Step:
    """Plan the commit of what differs, and the push and the pull request where they are wanted.

    Args:
        hub: the repository as it will be then.
        wish: how the commit is wanted.
        witness: tells what is known of the images; None to ask the registry.
        commit_of: waits for what the remote has as a branch, where it was asked already; None to ask it.

    Raises:
        Refused: no commit can be made here, a managed file holds other changes too, or the branch has other commits.
    """
    from .review.branch import plan_branch
    from .tools.git_index import left_behind

    current = hub.git.require_commit_can_be_made()
    changed = hub.changed
    made = Made()
    goal = plan_branch(hub, wish.branch) if changed else None
    # What a planned commit leaves is not there yet.
    behind = () if hub.planned_branch else left_behind(hub.git, hub.managed)
    actions = [_index_action(hub, behind, made)] if behind else []
    actions += _commit_actions(hub, goal, changed, behind, wish, made) if goal else [Action("nothing to commit")]
    branch = goal.name if goal else hub.branch or current
    if wish.push or wish.request:
        actions.append(_push_action(hub, branch, wish, made, commit_of))
    if wish.request:
        actions.append(_request_action(hub, branch, wish, made, witness))
    return Step(
        "commit",
        tuple(actions),
        leaves=hub.with_commit(branch, changed),
        report=lambda: {
            "branch": branch,
            "commits": [{"hash": made.hash, "subject": made.subject}] if made.subject else [],
            "pull_request": made.request.report() if made.request else None,
        },
        summary=lambda: [*made.said, *(made.request.summary() if made.request else [])],
    )


def _commit_actions(
    hub: Hub, goal: BranchPlan, changed: Sequence[str], behind: Sequence[str], wish: CommitWish, made: Made
) -> list[Action]:
    from .faults import Refused
    from .review.commits import commit_message, make_commit, require_no_credentials, require_only_ours

    require_only_ours(hub, changed, behind)
    require_no_credentials(hub, changed)
    text = wish.message or commit_message(hub)
    if not text.strip():
        raise Refused(
            "the commit's message is empty", where="--message", hint="leave --message out for one that says what moved"
        )
    made.subject = text.strip().partition("\n")[0]

    def switch() -> None:
        hub.git.switch(*goal.switch, branch=goal.name)

    def do() -> None:
        now = hub.again()
        made.hash, made.subject = make_commit(now, now.changed, wish.message)
        made.said.append(f"commit {made.hash[:12]} on {goal.name}: {made.subject}")

    switching = [Action(f"branch {goal.name}", goal.why, switch, (f"$ {hub.git.command(*goal.switch)}",))]
    committing = Action(f"commit {', '.join(changed)}", "", do, (text,))
    return [*(switching if goal.switch else []), committing]


def _index_action(hub: Hub, behind: Sequence[str], made: Made) -> Action:
    """Return what git was interrupted in: it writes the index last."""
    from .tools.git_index import left_behind, restore
    from .tools.git_locks import require_unlocked

    what = f"put {', '.join(behind)} into the index as committed"

    def do() -> None:
        require_unlocked(hub.git.git_dir)
        still = [path for path in left_behind(hub.git, hub.managed) if path in behind]
        if still:
            hub.git.read(*restore(still))
            made.said.append(what)

    command = hub.git.command(*restore(behind))
    return Action(what, "it still has what the commit before had", do, (f"$ {command}",))


def _push_action(hub: Hub, branch: str, wish: CommitWish, made: Made, commit_of: CommitOf | None) -> Action:
    from .review.branch import shared_branches
    from .review.commits import push, require_pushable

    remote = hub.settings.remote
    shared = shared_branches(hub)
    if wish.branch is None and branch in shared:
        return Action(f"nothing to push: {branch} is {shared[branch]}")
    there = require_pushable(hub.git, remote, branch, commit_of)
    as_there = not made.subject and not hub.pending and there == hub.git.head()
    # A push that was killed after the remote had taken the branch leaves a clone that does not know of it.
    if as_there and hub.git.follows(remote, branch):
        return Action(f"{remote} has {branch} already")

    def do() -> None:
        push(hub.git, remote, branch)
        made.said.append(f"pushed {branch} to {remote}")

    command = hub.git.push_command(remote, branch)
    why = "the pull request needs it" if wish.request else "it was asked for with --push"
    return Action(f"push {branch} to {remote}", why, do, (f"$ {command}",))


def _request_action(hub: Hub, branch: str, wish: CommitWish, made: Made, witness: Witness | None) -> Action:
    from .review.branch import base_branch
    from .review.evidence import from_registry
    from .review.request import Request, plan_request, require_own_branch
    from .review.story import is_ahead, tell

    base = base_branch(hub)
    waits = bool(made.subject or hub.pending)
    if waits or wish.branch:
        require_own_branch(branch, base)
    if branch == base:
        return Action(f"no pull request: {base} is the branch that they go to")
    if not waits and not is_ahead(hub, base):
        return Action(f"no pull request: {branch} has nothing that {base} does not have")
    ask = witness or from_registry
    made.request = Request(branch, base)
    return plan_request(hub, made.request, lambda now: tell(now, base, ask(now)), waits=waits)
