"""Push a branch, and open or update its pull request: through gh on GitHub, elsewhere by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core import output
from ..core.faults import Fault, Refused
from ..core.plan import PUSHED, Action, Fact, Values
from ..core.visible import one_line
from ..repo.hub import Hub
from ..repo.remotes import Review, base_here
from ..tools.command import Command
from ..tools.forges import GITHUB, ForgeRequest, GitHub, gh_knows, opening_address, starts_no_workflow
from ..tools.git import PUSH_SECONDS, Git, push_fault
from ..tools.git_states import push_address, remote_branch
from ..tools.process import Pool, answer_of, capture, run_checked
from .description import Evidence, describe
from .labels import expected_labels
from .preview import Preview

CREATED, UPDATED, PRESENT, BY_HAND = "created", "updated", "present", "by hand"
# What an action here leaves besides facts.
REQUEST = "pull request"
# Lines of git's that the fault repeats: people read one error and one hint.
_VERDICT = ("error: ", "hint: ")


class Branch(NamedTuple):
    """A branch to push, at which commit it is, whether the user named it, whether commits are only planned."""

    name: str
    commit: Fact
    is_named: bool
    waits: bool


class PullRequest(NamedTuple):
    """A pull request, planned or as it was left; the URL is where it is, or where it can be opened by hand.

    It gets the labels that it lacks; reviewers are asked once, when it is opened. ``warnings`` are what failed of that.
    """

    branch: str
    base: str
    title: str
    body: str
    status: str = BY_HAND
    url: str | None = None
    number: int | None = None
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    how: str = "on your forge, which is not a known one"

    def report(self) -> dict[str, Any]:
        """Return its part of the JSON report."""
        texts = {key: getattr(self, key) for key in ("url", "number", "status", "base", "title", "body")}
        lists = {key: list(getattr(self, key)) for key in ("labels", "reviewers", "warnings")}
        return {**texts, **lists}

    def summary(self) -> list[str]:
        """Return the lines that say what was done, or what is left to do by hand."""
        if self.status == BY_HAND:
            where = self.url or self.how
            return ["", self.title, "", self.body, f"open a pull request from {self.branch} into {self.base}: {where}"]
        return [f"pull request {self.status}: {self.url}", *(f"warning: {one_line(told)}" for told in self.warnings)]

    def on_github(self, status: str, found: ForgeRequest | None) -> PullRequest:
        """Return it with GitHub's address and number."""
        return self._replace(status=status, url=found and found.url, number=found and found.number)

    def says_the_same(self, found: ForgeRequest) -> bool:
        """Whether an open pull request has its title and text, but for ticked boxes and the CRLF of GitHub's editor."""
        theirs, ours = (re.sub(r"- \[[xX]\] ", "- [ ] ", one.body.replace("\r\n", "\n")) for one in (found, self))
        return found.title == self.title and theirs.strip() == ours.strip()

    def additions(self, github: GitHub, found: ForgeRequest | None, number: int | None) -> dict[str, Command]:
        """Return the commands, by what they do: they add labels that an open one lacks, else all that is asked for."""
        has = {label.lower() for label in found.labels} if found else ()
        labels = [label for label in self.labels if label.lower() not in has]
        reviewers = () if found else self.reviewers
        return {
            **({f"add {', '.join(labels)}": github.label_command(number, labels)} if labels else {}),
            **{f"ask {one} for a review": github.review_command(number, one) for one in reviewers},
        }


def plan_push(hub: Hub, review: Review, branch: Branch, why: str) -> tuple[Action, Fact]:
    """Plan the push of ``branch``, and return it with the fact that has the pushed commit afterwards."""
    git, name = hub.git, branch.name
    if not branch.is_named and name in review.shared:
        return Action(f"nothing to push: {name} is {review.shared[name]}"), branch.commit
    remote, heads = review.remote, review.heads or {}
    if name in heads and not git.contains("HEAD", heads[name]):
        raise _has_more_commits(git, remote, name)
    address = push_address(git, remote)
    there = remote_branch(git, remote, name, heads.get(name), git.push_address(remote))
    # A push that was killed after the remote had taken the branch leaves a clone that does not know of it.
    if not branch.waits and there.value == branch.commit.value and git.follows(remote, name):
        return Action(f"{remote} has {name} already"), there

    others = [f"  {one_line(other)}" for other in git.unlike_remote((*heads.values(), *filter(None, [review.tip])))]
    if others:
        others.insert(0, f"also pushes earlier commits that {remote} does not have:")

    def do(values: Values) -> Values:
        if others:
            output.say("\n".join(others))
        commit = values[branch.commit.name]
        _push(git, remote, commit, name, there)
        return {there.name: commit, PUSHED: remote}

    # What is yet to be committed is what the branch holds when somebody types it.
    commit = f"refs/heads/{name}" if branch.waits else branch.commit.value
    commands = (git.push_command(remote, commit, name), *git.follow_commands(remote, name))
    details = (*others, *(f"$ {command}" for command in commands))
    return Action(f"push {name} to {remote}", why, do, details, (branch.commit, address, there)), there


def _push(git: Git, remote: str, commit: str, branch: str, place: Fact) -> None:
    """Push ``commit`` to ``remote`` as ``branch``, verify that it is there, and have the clone's branch follow it."""
    done = capture(git.push_command(remote, commit, branch), seconds=PUSH_SECONDS)
    there = place.ask()
    if there == commit:
        # A forge may tell where to open a request.
        lines = (line.partition("remote: ") for line in done.stderr.splitlines())
        told = [f"{sign}{text}" for before, sign, text in lines if sign and not before and text.strip()]
        if told:
            output.say("\n".join(told))
        for command in git.follow_commands(remote, branch):
            run_checked(command)
        return
    output.say("\n".join(line for line in done.stderr.splitlines() if not line.startswith(_VERDICT)))
    if not done.ok:
        raise push_fault(done, remote, branch, ahead=there is not None and not git.contains(commit, there))
    raise Refused("the remote does not have the branch that was pushed", where=remote, hint=f"git push {remote}")


def plan_request(
    hub: Hub,
    review: Review,
    branch: Branch,
    pushed: Fact,
    images: Callable[[Hub, Values], tuple[Evidence, ...]],
    changes: Callable[[Hub, Review], Preview | Fault | None],
) -> tuple[Action, PullRequest | None]:
    """Plan the pull request of ``branch``, and return it as it is planned; None where none is needed."""
    base = review.base
    if branch.name == base:
        if branch.waits or branch.is_named:
            what = f"{branch.name} is the branch that pull requests go to"
            raise Refused(what, where="--pr", hint="use another branch: --branch NAME")
        return Action(f"no pull request: {branch.name} is the branch that they go to"), None
    tip = base_here(hub.git, review)
    is_ahead = tip is None or hub.git.read("rev-list", "--count", f"{tip}..HEAD", "--") != "0"
    if not branch.waits and not is_ahead:
        return Action(f"no pull request: {branch.name} has nothing that {base} does not have"), None

    with output.waiting("rendering the chart"):
        cluster = changes(hub, review)

    def final(planned: PullRequest, values: Values) -> PullRequest:
        commit = values[pushed.name]
        now = hub.holding(hub.git.show_all(hub.managed, commit))
        told = describe(now, review, images(now, values), commit, cluster)
        return planned._replace(title=told.title, body=told.body)

    expected = describe(hub, review, images(hub, {}), "HEAD", cluster)
    settings = hub.settings
    labels = expected_labels(hub, review) if starts_no_workflow() else settings.labels
    planned = PullRequest(branch.name, base, expected.title, expected.body, labels=labels, reviewers=settings.reviewers)
    if review.github:
        action, planned = _through_gh(review.github, review.head(branch.name), planned, final, waits=branch.waits)
    else:
        action, planned = _by_hand(review, planned, final if branch.waits else None)
    return action._replace(relies=(pushed,)), planned


def _has_more_commits(git: Git, remote: str, branch: str) -> Refused:
    # To a rebase, what is there already is "ours".
    pull = f"pull --rebase --autostash --strategy-option=ours {remote} {branch}, which keeps theirs on a conflict"
    there_too = branch if git.branch_commit(branch) else f"--create {branch} {remote}/{branch}"
    switch = f"stash && git fetch {remote} && git switch {there_too}"
    hint = f"git {pull if git.start.branch == branch else switch}; or use another branch: --branch NAME"
    return Refused(f"the remote's branch {branch} has commits that are not here", where=remote, hint=hint)


def _through_gh(
    github: GitHub,
    head: str,
    planned: PullRequest,
    final: Callable[[PullRequest, Values], PullRequest],
    *,
    waits: bool,
) -> tuple[Action, PullRequest]:
    with Pool() as pool, output.waiting(f"asking {github.host}"):
        asked = pool.submit(github.requests, planned.branch)
        labelled = pool.submit(_with_labels, github, planned)
        requests, planned = answer_of(asked), answer_of(labelled)
    there = _open(requests, head)
    additions = planned.additions(github, there, there.number if there else None)
    if there and not waits and planned.says_the_same(there) and not additions:
        return Action(f"pull request {there.url} is up to date"), planned.on_github(PRESENT, there)

    def do(values: Values) -> Values:
        return {REQUEST: _settle(github, head, final(planned, values))}

    if there:
        what, status = f"update the pull request {there.url}", UPDATED
        command = github.update_command(there.number, planned.title, planned.body)
    else:
        what, status = f"open a pull request into {planned.base}{f' of {github.path}' if ':' in head else ''}", CREATED
        command = github.create_command(head, planned.base, planned.title, planned.body)
    shown = tuple(f"$ {one}" for one in (command, *additions.values()))
    return Action(what, "of --pr", do, shown), planned.on_github(status, there)


def _with_labels(github: GitHub, planned: PullRequest) -> PullRequest:
    """Return it with the labels that GitHub has, and how to create the others; with all where it does not answer."""
    try:
        known = github.labels() if planned.labels else ()
    except Fault:
        return planned
    labels = tuple(label for label in planned.labels if label.lower() in known)
    missing = [github.new_label_command(label) for label in planned.labels if label not in labels]
    told = (f"{github.path} does not have the label {one.argv[3]}; to create it: {one}" for one in missing)
    return planned._replace(labels=labels, warnings=tuple(told))


def _settle(github: GitHub, head: str, request: PullRequest) -> PullRequest:
    """Open or update the pull request, and return it as it is there; labels and reviewers may fail, and are told."""
    found, status = _open(github.requests(request.branch), head), PRESENT
    there = found or github.create(head, github.create_command(head, request.base, request.title, request.body))
    if found and not request.says_the_same(found):
        github.run(github.update_command(found.number, request.title, request.body))
        status = UPDATED
    warnings = [*request.warnings]
    for what, command in request.additions(github, found, there.number).items():
        try:
            github.run(command)
            status = UPDATED
        except Fault as fault:  # noqa: PERF203 - the others are added all the same
            warnings.append(f"cannot {what}: {fault.what}; do it at {there.url}")
    return request.on_github(status if found else CREATED, there)._replace(warnings=tuple(warnings))


def _open(requests: Sequence[ForgeRequest], head: str) -> ForgeRequest | None:
    return next((one for one in requests if one.is_open and one.is_from(head)), None)


def _by_hand(
    review: Review, planned: PullRequest, final: Callable[[PullRequest, Values], PullRequest] | None
) -> tuple[Action, PullRequest]:
    real = review.rehearses or review
    repository = real.repository
    if review.rehearses and repository and repository.forge == GITHUB and gh_knows(repository):
        by_hand = planned._replace(how=f"the release opens it with gh in {repository.path}")
        what, why = f"pull request: {by_hand.how}", "a rehearsal opens none"
    else:
        where = (planned.branch, planned.base, planned.title)
        url = opening_address(repository, real.fork or repository, *where) if repository else None
        by_hand = planned._replace(url=url)
        what = f"pull request: open it yourself{f' at {url}' if url else ''}"
        if url is None:
            why = f"{repository.host if repository else f'the remote {review.upstream}'} is not a known forge"
        else:
            is_github = repository and repository.forge == GITHUB
            why = "gh is not installed" if is_github else "only GitHub's are opened from here"
    do = (lambda values: {REQUEST: final(by_hand, values)}) if final else None
    return Action(what, why, do, (f"{planned.title}\n\n{planned.body}",)), by_hand
