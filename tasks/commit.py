"""``commit``: commit exactly the files that bump and build manage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from invoke.tasks import task

from .core import output
from .core.plan import Action, Fact, Plan, Step, Values
from .core.session import JSON_HELP, REPO_HELP, HubTask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from invoke.context import Context

    from .repo.hub import Hub
    from .review.commit import BranchPlan
    from .review.message import Witness
    from .review.pull_request import PullRequest, Story

HELP = {
    "message": "the commit's message, in place of the one that says what moved",
    "branch": "the branch to commit on; made where it is not there (default: hub.branch, on the default branch)",
    "push": "push the branch to the remote",
    "pr": "push, and open a pull request or update the open one (GitHub, with gh; elsewhere: say where to open it)",
}


class CommitOptions(NamedTuple):
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
    request: PullRequest | None = None
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
    from .repo.run import open_run

    with open_run(c, repo=repo, json=json) as run:
        step, _ = plan_commit(run.hub, CommitOptions(message, branch, push, pr))
        run.carry_out(Plan((step,)))


def plan_commit(
    hub: Hub, wish: CommitOptions, witness: Witness | None = None, heads: Future[dict[str, str]] | None = None
) -> tuple[Step, Hub]:
    """Plan the commit of what differs, and the push and the pull request where they are wanted.

    Args:
        hub: the repository as it will be then.
        wish: how the commit is wanted.
        witness: tells what is known of the images; None to ask the registry.
        heads: the remote's branches, where it was asked already; None to ask it.

    Returns:
        The step, and the repository as it will leave it.

    Raises:
        Refused: no commit can be made here, a managed file holds other changes too, or the branch has other commits.
    """
    from .review.commit import plan_branch
    from .tools.git import left_behind
    from .tools.git_facts import local_branch

    current = hub.git.require_commit_can_be_made()
    # Before anything is decided: what changes from here on is noticed.
    world = _World.around(hub, current)
    changed = hub.changed
    made = Made()
    goal = plan_branch(hub, wish.branch) if changed else None
    branch = goal.name if goal else hub.branch or current
    local = local_branch(hub.git, branch, goal.there if goal and goal.switch else world.head.value)
    # What a planned commit leaves is not there yet.
    behind = () if hub.planned_branch else left_behind(hub.git, hub.managed)
    actions = [_index_action(hub, world, behind, made)] if behind else []
    if goal:
        actions += _commit_actions(hub, world, goal, local, changed, behind, wish, made)
    else:
        actions.append(Action("nothing to commit"))
    pushed = local
    if wish.push or wish.request:
        pushing, pushed = _push_action(hub, local, branch, wish, made, heads)
        actions.append(pushing)
    if wish.request:
        actions.append(_request_action(hub, branch, pushed, wish, made, witness))
    step = Step(
        "commit",
        tuple(actions),
        report=lambda: {
            "branch": branch,
            "commits": [{"hash": made.hash, "subject": made.subject}] if made.subject else [],
            "pull_request": made.request.report() if made.request else None,
        },
        summary=lambda: [*made.said, *(made.request.summary() if made.request else [])],
    )
    return step, hub.with_commit(branch, changed)


class _World(NamedTuple):
    """What a commit relies on.

    Attributes:
        branch: the current branch.
        head: the commit before it.
        staged: what is staged of the managed files.
        files: the managed files' bytes.
    """

    branch: Fact
    head: Fact
    staged: Fact
    files: tuple[Fact, ...]

    @classmethod
    def around(cls, hub: Hub, current: str) -> _World:
        from .repo.files import WorkingTree
        from .tools.git_facts import index, standing

        tree = WorkingTree(hub.git.folder)
        files = tuple(tree.fact(path, hub.files.read(path)) for path in hub.managed)
        return cls(*standing(hub.git, hub.branch or current), index(hub.git, hub.managed), files)


def _commit_actions(
    hub: Hub,
    world: _World,
    goal: BranchPlan,
    local: Fact,
    changed: Sequence[str],
    behind: Sequence[str],
    wish: CommitOptions,
    made: Made,
) -> list[Action]:
    from .core.faults import Refused
    from .review.commit import CommitPlace, commit_message, make_commit, require_no_credentials, require_only_ours

    require_only_ours(hub, changed, behind)
    require_no_credentials(hub, changed)
    text = wish.message or commit_message(hub)
    if not text.strip():
        raise Refused(
            "the commit's message is empty", where="--message", hint="leave --message out for one that says what moved"
        )
    made.subject = text.strip().partition("\n")[0]

    def switch(values: Values) -> Values:
        hub.git.switch(*goal.switch, branch=goal.name)
        return {world.branch.name: goal.name, local.name: values[world.head.name]}

    def do(values: Values) -> Values:
        known = {fact.name: values[fact.name] for fact in world.files}
        staged, parent = values[world.staged.name], values[world.head.name]
        # The tag of an image that was only planned is known now.
        message = (wish.message or commit_message(hub.on(parent).holding(known))).strip()
        wanted = {path: known[path] for path in changed}
        made.hash = make_commit(hub.git, CommitPlace(goal.name, parent), wanted, message, staged)
        made.subject = message.partition("\n")[0]
        made.said.append(f"commit {made.hash[:12]} on {goal.name}: {made.subject}")
        return {world.head.name: made.hash, local.name: made.hash, world.staged.name: _without(staged, changed)}

    command = f"$ {hub.git.command(*goal.switch)}"
    switching = Action(f"branch {goal.name}", goal.why, switch, (command,), (world.branch, world.head, local))
    on_branch = world.branch._replace(value=goal.name)
    relies = (on_branch, world.head, world.staged, *world.files)
    committing = Action(f"commit {', '.join(changed)}", "", do, (text,), relies)
    return [*([switching] if goal.switch else []), committing]


def _index_action(hub: Hub, world: _World, behind: Sequence[str], made: Made) -> Action:
    """Return what git was interrupted in: it writes the index last."""
    from .tools.git import require_unlocked, restore

    what = f"put {', '.join(behind)} into the index as committed"

    def do(values: Values) -> Values:
        require_unlocked(hub.git.git_dir)
        hub.git.read(*restore(behind))
        made.said.append(what)
        return {world.staged.name: _without(values[world.staged.name], behind)}

    command = f"$ {hub.git.command(*restore(behind))}"
    return Action(what, "it still has what the commit before had", do, (command,), (world.head, world.staged))


def _without(staged: Values, paths: Sequence[str]) -> Values:
    """Return what is still staged once HEAD and the index have the same of ``paths``."""
    return {path: entry for path, entry in staged.items() if path not in paths}


def _push_action(
    hub: Hub, local: Fact, branch: str, wish: CommitOptions, made: Made, asked: Future[dict[str, str]] | None
) -> tuple[Action, Fact]:
    """Return the push of ``branch``, and the fact that has the pushed commit from then on."""
    from .core.visible import one_line
    from .review.commit import push, require_pushable, shared_branches
    from .tools.git_facts import remote_branch

    git, remote = hub.git, hub.settings.remote
    shared = shared_branches(hub)
    if wish.branch is None and branch in shared:
        return Action(f"nothing to push: {branch} is {shared[branch]}"), local
    heads = require_pushable(git, remote, branch, asked)
    there = remote_branch(git, remote, branch, heads.get(branch))
    waits = bool(made.subject or hub.pending)
    # A push that was killed after the remote had taken the branch leaves a clone that does not know of it.
    if not waits and there.value == local.value and git.follows(remote, branch):
        return Action(f"{remote} has {branch} already"), there

    others = [one_line(other) for other in git.unlike_remote(heads.values())]
    listed = (
        f"with commits that were there before, and that {remote} does not have:",
        *(f"  {other}" for other in others),
    )

    def do(values: Values) -> Values:
        if others:
            output.say("\n".join(listed))
        push(git, remote, values[local.name], branch)
        made.said.append(f"pushed {branch} to {remote}")
        return {there.name: values[local.name]}

    # What is yet to be committed is what the branch holds when somebody types it.
    commit = f"refs/heads/{branch}" if waits else local.value
    details = (
        *(listed if others else ()),
        f"$ {git.push_command(remote, commit, branch)}",
        *(f"$ {command}" for command in git.follow_commands(remote, branch)),
    )
    why = "the pull request needs it" if wish.request else "it was asked for with --push"
    return Action(f"push {branch} to {remote}", why, do, details, (local, there)), there


def _request_action(
    hub: Hub, branch: str, pushed: Fact, wish: CommitOptions, made: Made, witness: Witness | None
) -> Action:
    from .review.commit import base_branch
    from .review.message import from_registry
    from .review.pull_request import PullRequest, is_ahead, plan_request, require_own_branch, story_of

    base = Fact("the branch that pull requests go to", lambda: base_branch(hub), base_branch(hub))
    waits = bool(made.subject or hub.pending)
    if waits or wish.branch:
        require_own_branch(branch, base.value)
    if branch == base.value:
        return Action(f"no pull request: {branch} is the branch that they go to")
    if not waits and not is_ahead(hub, base.value):
        return Action(f"no pull request: {branch} has nothing that {base.value} does not have")
    ask = witness or from_registry
    made.request = PullRequest(branch, base.value)

    def story(now: Hub, commit: str) -> Story:
        return story_of(now, base.value, ask(now), commit)

    return plan_request(hub, made.request, story, pushed, base, waits=waits)
