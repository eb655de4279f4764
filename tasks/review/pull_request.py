"""Push a branch, and open or update its pull request: through gh on GitHub, elsewhere by hand."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

from ..core import output
from ..core.faults import Refused
from ..core.plan import Action, Fact, Values
from ..core.visible import one_line
from ..repo.hub import Hub
from ..tools import forges
from ..tools.forges import GITHUB, OpenRequest, Repository, is_reached_by_ssh, opening_address, read_remote, real_host
from ..tools.git import PUSH_SECONDS, Git
from ..tools.git_facts import remote_branch
from ..tools.git_faults import push_fault
from ..tools.process import capture, run_checked
from .description import Description, Witness, base_tip, describe

CREATED, UPDATED, PRESENT, BY_HAND = "created", "updated", "present", "by hand"
# What the actions here leave besides facts.
PUSHED, REQUEST = "pushed", "pull request"
_OWNER_AND_NAME = 2
# Lines of git's that the fault repeats: people read one error and one hint.
_VERDICT = ("error: ", "hint: ")


class Branch(NamedTuple):
    """A branch to push and to open a pull request from.

    Attributes:
        name: its name.
        commit: the fact at which commit the clone has it.
        is_named: whether the user named it.
        waits: whether commits to it are only planned.
    """

    name: str
    commit: Fact
    is_named: bool
    waits: bool


class PullRequest(NamedTuple):
    """A pull request, planned or as it was left; the URL is where it is, or where it can be opened by hand."""

    branch: str
    base: str
    title: str
    body: str
    status: str = BY_HAND
    url: str | None = None
    number: int | None = None

    def report(self) -> dict[str, Any]:
        """Return its part of the JSON report."""
        return {key: getattr(self, key) for key in ("url", "number", "status", "base", "title", "body")}

    def summary(self) -> list[str]:
        """Return the lines that say what was done, or what is left to do by hand."""
        if self.status == BY_HAND:
            where = self.url or "by hand, its remote is no forge that is known here"
            return ["", self.title, "", self.body, f"open a pull request from {self.branch} into {self.base}: {where}"]
        return [f"pull request {self.status}: {self.url}"]

    def on_github(self, status: str, found: OpenRequest | None) -> PullRequest:
        """Return it with GitHub's address and number."""
        return self._replace(status=status, url=found and found.url, number=found and found.number)

    def is_same(self, found: OpenRequest) -> bool:
        """Whether an open pull request has its title and text; boxes that people have ticked change nothing."""
        return found.title == self.title and _unticked(found.body) == _unticked(self.body)


def base_branch(hub: Hub) -> str:
    """Return the branch that pull requests go to: the setting's, else the remote's default branch."""
    return hub.settings.base_branch or hub.git.default_branch(hub.settings.remote)


def shared_branches(hub: Hub) -> dict[str, str]:
    """Return the branches that are not committed to directly, each with what it is."""
    base = hub.settings.base_branch
    try:
        default = hub.git.default_branch(hub.settings.remote)
    except Refused:
        if base is None:
            raise
        default = base
    return {base or default: "the branch that pull requests go to", default: "the default branch"}


def plan_push(hub: Hub, branch: Branch, why: str, heads: Future[dict[str, str]] | None = None) -> tuple[Action, Fact]:
    """Plan the push of ``branch``, and return it with the fact that has the pushed commit afterwards."""
    git, remote, name = hub.git, hub.settings.remote, branch.name
    shared = shared_branches(hub)
    if not branch.is_named and name in shared:
        return Action(f"nothing to push: {name} is {shared[name]}"), branch.commit
    there_now = _require_pushable(git, remote, name, heads)
    there = remote_branch(git, remote, name, there_now.get(name))
    # A push that was killed after the remote had taken the branch leaves a clone that does not know of it.
    if not branch.waits and there.value == branch.commit.value and git.follows(remote, name):
        return Action(f"{remote} has {name} already"), there

    others = [f"  {one_line(other)}" for other in git.unlike_remote(there_now.values())]
    if others:
        others.insert(0, f"with commits that were there before, and that {remote} does not have:")

    def do(values: Values) -> Values:
        if others:
            output.say("\n".join(others))
        push(git, remote, values[branch.commit.name], name)
        return {there.name: values[branch.commit.name], PUSHED: True}

    # What is yet to be committed is what the branch holds when somebody types it.
    commit = f"refs/heads/{name}" if branch.waits else branch.commit.value
    commands = (git.push_command(remote, commit, name), *git.follow_commands(remote, name))
    details = (*others, *(f"$ {command}" for command in commands))
    return Action(f"push {name} to {remote}", why, do, details, (branch.commit, there)), there


def push(git: Git, remote: str, commit: str, branch: str) -> None:
    """Push ``commit`` to ``remote`` as ``branch``, verify that it is there, and have the clone's branch follow it."""
    done = capture(git.push_command(remote, commit, branch), seconds=PUSH_SECONDS)
    output.say("\n".join(line for line in done.stderr.splitlines() if not line.startswith(_VERDICT)))
    there = git.remote_commit(git.push_address(remote), branch)
    if there == commit:
        for command in git.follow_commands(remote, branch):
            run_checked(command, hint=str(command))
        return
    if not done.ok:
        raise push_fault(done, remote, branch, ahead=not _is_behind(git, there, commit))
    raise Refused("the remote does not have the branch that was pushed", where=remote, hint=f"git push {remote}")


def plan_request(hub: Hub, branch: Branch, pushed: Fact, witness: Witness) -> tuple[Action, PullRequest | None]:
    """Plan the pull request of ``branch``, and return it as it is planned; None where none is needed.

    Args:
        hub: the repository as it will be when the branch is pushed.
        branch: the branch.
        pushed: the fact that has the pushed commit.
        witness: returns what is known of the images.
    """
    base = Fact("the branch that pull requests go to", lambda: base_branch(hub), base_branch(hub))
    if branch.name == base.value:
        if branch.waits or branch.is_named:
            what = f"{branch.name} is the branch that pull requests go to"
            raise Refused(what, where="--pr", hint="use another branch: --branch NAME")
        return Action(f"no pull request: {branch.name} is the branch that they go to"), None
    if not branch.waits and not _is_ahead(hub, base.value):
        return Action(f"no pull request: {branch.name} has nothing that {base.value} does not have"), None

    def text(now: Hub, commit: str, left: Values) -> Description:
        return describe(now, base.value, witness(now, left), commit)

    def final(planned: PullRequest, values: Values) -> PullRequest:
        commit = values[pushed.name]
        now = text(hub.holding(hub.git.show_all(hub.managed, commit)), commit, values)
        return planned._replace(title=now.title, body=now.body)

    expected = text(hub, "HEAD", {})
    planned = PullRequest(branch.name, base.value, expected.title, expected.body)
    repository = _repository(hub)
    if repository and _is_for_gh(repository):
        github = forges.GitHub(repository.host, repository.path, hub.git.folder)
        action, planned = _through_gh(github, planned, final, waits=branch.waits)
    else:
        action, planned = _by_hand(hub, repository, planned, final if branch.waits else None)
    return action._replace(relies=(pushed, base)), planned


def _require_pushable(git: Git, remote: str, branch: str, asked: Future[dict[str, str]] | None) -> dict[str, str]:
    """Return the remote's branches, after checking that a push of ``branch`` would only add to them."""
    if git.remote_url(remote) is None:
        raise Refused(f"there is no remote {remote}", where=git.folder, hint=f"git remote add {remote} URL")
    heads = asked.result() if asked else git.remote_heads(git.push_address(remote))
    if not _is_behind(git, heads.get(branch), "HEAD"):
        is_current = git.branch() == branch
        theirs = f"pull --rebase {remote} {branch}" if is_current else f"fetch {remote} && git switch {branch}"
        raise Refused(
            f"the remote's branch {branch} has commits that are not here",
            where=remote,
            hint=f"git {theirs}; or use another branch: --branch NAME",
        )
    return heads


def _is_behind(git: Git, there: str | None, commit: str) -> bool:
    """Whether the remote's commit, if it has one, is among those of ``commit``."""
    return there is None or git.ask("merge-base", "--is-ancestor", there, commit).ok


def _is_ahead(hub: Hub, base: str) -> bool:
    """Whether HEAD has commits that the branch ``base`` does not have, as far as the clone knows."""
    tip = base_tip(hub, base)
    return tip is None or hub.git.read("rev-list", "--count", f"{tip}..HEAD", "--") != "0"


def _repository(hub: Hub) -> Repository | None:
    """Return the repository that the remote's address names, as it is written or as git's ``insteadOf`` has it."""
    remote = hub.settings.remote
    written = _read(hub.git.remote_url(remote) or "")
    if written and written.forge:
        return written
    return _read(hub.git.ask("ls-remote", "--get-url", remote).text) or written


def _read(remote_url: str) -> Repository | None:
    repository = read_remote(remote_url)
    if repository and is_reached_by_ssh(remote_url):
        return repository.on(real_host(repository.host))
    return repository


def _is_for_gh(repository: Repository) -> bool:
    """Whether gh is here and opens pull requests there: on GitHub, or on an Enterprise Server that it knows."""
    if repository.path.count("/") + 1 != _OWNER_AND_NAME:
        return False
    if repository.forge == GITHUB:
        return forges.is_here()
    return repository.forge is None and forges.knows(repository.host)


def _through_gh(
    github: forges.GitHub, planned: PullRequest, final: Callable[[PullRequest, Values], PullRequest], *, waits: bool
) -> tuple[Action, PullRequest]:
    with output.waiting(f"asking {github.host}"):
        there = github.open_request(planned.branch)
    if there and not waits and planned.is_same(there):
        return Action(f"pull request {there.url} is there already, and says so"), planned.on_github(PRESENT, there)

    def do(values: Values) -> Values:
        return {REQUEST: _settle(github, final(planned, values))}

    why = "it was asked for with --pr"
    if there:
        command = github.update_command(there.number, planned.title, planned.body)
        action = Action(f"update the pull request {there.url}", why, do, (f"$ {command}",))
        return action, planned.on_github(UPDATED, there)
    command = github.create_command(planned.branch, planned.base, planned.title, planned.body)
    action = Action(f"open a pull request into {planned.base}", why, do, (f"$ {command}",))
    return action, planned.on_github(CREATED, None)


def _settle(github: forges.GitHub, request: PullRequest) -> PullRequest:
    """Open or update the pull request where GitHub does not have it like this, and return it as it is there."""
    there = github.open_request(request.branch)
    if there is None:
        made = github.create(request.branch, request.base, request.title, request.body)
        return request.on_github(CREATED, made)
    if request.is_same(there):
        return request.on_github(PRESENT, there)
    github.update(there.number, request.title, request.body)
    return request.on_github(UPDATED, there)


def _by_hand(
    hub: Hub,
    repository: Repository | None,
    planned: PullRequest,
    final: Callable[[PullRequest, Values], PullRequest] | None,
) -> tuple[Action, PullRequest]:
    """Return what tells where the pull request can be opened; its text is in the plan and in the report."""
    url = opening_address(repository, planned.branch, planned.base, planned.title) if repository else None
    by_hand = planned._replace(url=url)
    if url is None:
        why = f"{repository.host if repository else f'the remote {hub.settings.remote}'} is no forge that is known here"
    elif repository and repository.forge == GITHUB:
        why = "gh is not on this machine"
    else:
        why = "only GitHub's are opened from here"
    what = f"pull request: to be opened by hand{f' at {url}' if url else ''}"
    do = (lambda values: {REQUEST: final(by_hand, values)}) if final else None
    return Action(what, why, do, (f"{planned.title}\n\n{planned.body}",)), by_hand


def _unticked(body: str) -> str:
    """Return ``body`` as it was written: GitHub's own editor ends lines with CRLF, and readers tick boxes."""
    return body.replace("\r\n", "\n").replace("- [x] ", "- [ ] ").replace("- [X] ", "- [ ] ").strip()
