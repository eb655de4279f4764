"""The pull request of a branch: opened or updated through gh on GitHub, elsewhere by its reader's own hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import show
from ..faults import Refused
from ..plan import Action
from ..tools import gh
from ..tools.ssh import real_host
from .forge import GITHUB, is_reached_by_ssh, opening_address, read_remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..hubrepo.layout import Hub
    from ..plan import Fact, Values
    from ..tools.gh import OpenRequest
    from .body import Story
    from .forge import Repository

CREATED, UPDATED, PRESENT, BY_HAND = "created", "updated", "present", "by hand"
_OWNER_AND_NAME = 2


@dataclass
class PullRequest:
    """A pull request: as it is wanted, and what became of it.

    Attributes:
        branch: the branch that it comes from.
        base: the branch that it goes to.
        url: its page; or, where it is opened by hand, the page for that; None where that is not known.
        number: its number; None before it is opened.
        status: what was, or would be, done: ``created``, ``updated``, ``present`` already, or left to be done
            ``by hand``.
        title: its title.
        body: its text, in Markdown.
    """

    branch: str
    base: str
    url: str | None = None
    number: int | None = None
    status: str = BY_HAND
    title: str = ""
    body: str = ""

    def report(self) -> dict[str, Any]:
        """Return what the JSON report says of it."""
        keys = ("url", "number", "status", "base", "title", "body")
        return {key: getattr(self, key) for key in keys}

    def summary(self) -> list[str]:
        """Return the lines that say what was done, or is left to be done; then also what is to be told there."""
        if self.status == BY_HAND:
            where = self.url or "by hand, its remote is no forge that is known here"
            text = ["", self.title, "", self.body]
            return [*text, f"open a pull request from {self.branch} into {self.base}: {where}"]
        return [f"pull request {self.status}: {self.url}"]

    def became(self, status: str, there: OpenRequest | None) -> None:
        """Take over what GitHub has."""
        self.status = status
        self.url, self.number = (there.url, there.number) if there else (None, None)

    def says(self, story: Story) -> None:
        """Take over what is to be told."""
        self.title, self.body = story.title, story.body


def require_own_branch(branch: str, base: str) -> None:
    """Check that what is committed to ``branch`` can go into a pull request.

    Raises:
        Refused: it is the very branch that pull requests go to.
    """
    if branch == base:
        raise Refused(
            f"{branch} is the branch that pull requests go to", where="--pr", hint="use another branch: --branch NAME"
        )


def plan_request(
    hub: Hub, request: PullRequest, tell: Callable[[Hub, str], Story], pushed: Fact, base: Fact, *, waits: bool
) -> Action:
    """Plan the pull request; what becomes of it is told to ``request``.

    Args:
        hub: the repository as it will be when the branch is pushed.
        request: the pull request.
        tell: finds out what it tells about a state of the repository, which a commit or HEAD has.
        pushed: the commit that it ends with.
        base: the branch that it goes to.
        waits: whether it waits for commits that are only planned, so that its text is not final.

    Raises:
        Denied: gh is here, and nobody is signed in, or access is denied.
        Unreachable: GitHub does not answer.
        ProgramFailed: gh failed otherwise.
    """
    request.says(tell(hub, "HEAD"))
    repository = _repository(hub)

    def says(values: Values) -> None:
        commit = values[pushed.name]
        request.says(tell(hub.holding(hub.git.show_all(hub.managed, commit)), commit))

    if repository and _is_for_gh(repository):
        github = gh.GitHub(repository.host, repository.path, hub.git.folder)
        action = _through_gh(github, request, says, waits=waits)
    else:
        action = _by_hand(hub, repository, request, says, waits=waits)
    return action._replace(relies=(pushed, base))


def says_the_same(there: OpenRequest, request: PullRequest) -> bool:
    """Whether an open pull request has the wanted title and text; boxes that people have ticked change nothing."""
    return there.title == request.title and _unticked(there.body) == _unticked(request.body)


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
    """Whether gh is here, and opens pull requests there: on GitHub, or on an Enterprise Server that it knows."""
    if repository.path.count("/") + 1 != _OWNER_AND_NAME:
        return False
    return gh.is_here() if repository.forge == GITHUB else repository.forge is None and gh.knows(repository.host)


def _through_gh(github: gh.GitHub, request: PullRequest, says: Callable[[Values], None], *, waits: bool) -> Action:
    with show.waiting(f"asking {github.host}"):
        there = github.open_request(request.branch)
    if there and not waits and says_the_same(there, request):
        request.became(PRESENT, there)
        return Action(f"pull request {there.url} is there already, and says so")

    def do(values: Values) -> None:
        says(values)
        settle(github, request)

    request.became(UPDATED if there else CREATED, there)
    why = "it was asked for with --pr"
    if there:
        update = github.update_command(there.number, request.title, request.body)
        return Action(f"update the pull request {there.url}", why, do, (f"$ {update}",))
    create = github.create_command(request.branch, request.base, request.title, request.body)
    return Action(f"open a pull request into {request.base}", why, do, (f"$ {create}",))


def settle(github: gh.GitHub, request: PullRequest) -> None:
    """Let GitHub have the pull request, opened, updated or as it is, and say to it what became of it.

    Raises:
        Denied, Unreachable, ProgramFailed: gh failed.
    """
    there = github.open_request(request.branch)
    if there is None:
        made = github.create(request.branch, request.base, request.title, request.body)
        request.became(CREATED, made)
    elif says_the_same(there, request):
        request.became(PRESENT, there)
    else:
        github.update(there.number, request.title, request.body)
        request.became(UPDATED, there)


def _by_hand(
    hub: Hub, repository: Repository | None, request: PullRequest, says: Callable[[Values], None], *, waits: bool
) -> Action:
    """Say where the pull request can be opened; its text stands in the plan and in the report."""
    request.url = opening_address(repository, request.branch, request.base, request.title) if repository else None
    text = f"{request.title}\n\n{request.body}"
    where = repository.host if repository else f"the remote {hub.settings.remote}"
    why = f"{where} is no forge that is known here"
    if request.url:
        is_github = repository is not None and repository.forge == GITHUB
        why = "gh is not on this machine" if is_github else "only GitHub's are opened from here"

    page = f" at {request.url}" if request.url else ""
    return Action(f"pull request: to be opened by hand{page}", why, says if waits else None, (text,))


def _unticked(body: str) -> str:
    """Return ``body`` as it was written: GitHub's own editor ends lines with CRLF, and readers tick boxes."""
    return body.replace("\r\n", "\n").replace("- [x] ", "- [ ] ").replace("- [X] ", "- [ ] ").strip()
