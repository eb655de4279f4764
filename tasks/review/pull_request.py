"""The pull request of a branch: its text, opened or updated through gh on GitHub, elsewhere by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

from ..core import output
from ..core.faults import Refused
from ..core.github_actions import code, plain, table_lines
from ..core.plan import Action, Fact, Values
from ..core.visible import one_line
from ..image.tag import names_commit
from ..releases.choose import is_dev
from ..releases.index import Release
from ..releases.notes import comparison, release_links, security_news
from ..repo.files import Committed
from ..repo.hub import Hub
from ..tools import forges
from ..tools.forges import GITHUB, OpenRequest, Repository, is_reached_by_ssh, opening_address, read_remote, real_host
from .message import MOST_SHOWN, NOTHING, Changes, Evidence, asked, changes_between, facts, needs, subject
from .upgrades import Finding, UpgradeHere, upgrades_here

NOT_KNOWN = "not known"
# GitHub takes 256 characters of a title, and 65,536 of a text.
LONGEST_TITLE = 200
LONGEST_BODY = 60_000


class Story(NamedTuple):
    """What a pull request tells.

    Attributes:
        moved: what moved between the branch that it goes to and its own.
        evidence: what is known of the images that the values name afterwards.
        before: the release that the chart depended on, as far as the Helm repository tells; None without one.
        after: the release that it depends on now.
        upgrades: what is crossed between them, with the values that it concerns.
        names_commit: whether an image's tag names the commit that it was built from.
    """

    moved: Changes
    evidence: tuple[Evidence, ...]
    before: Release | None
    after: Release
    upgrades: tuple[UpgradeHere, ...]
    names_commit: bool = False

    @property
    def title(self) -> str:
        """The pull request's title: the subject that a commit of it all would have."""
        return one_line(subject(self.moved))[:LONGEST_TITLE]

    @property
    def body(self) -> str:
        """The pull request's text."""
        parts = (_moves(self), _security(self), _proof(self.evidence), _upgrades(self.upgrades), _to_check(self))
        return _bounded("\n".join(chain.from_iterable(parts)))


def _moves(story: Story) -> Iterator[str]:
    yield "### What moved"
    yield ""
    yield from table_lines(("what", "before", "after", "where"), _moved(story))
    yield ""
    changes = comparison(story.before, story.after) if story.before else None
    if changes:
        yield f"[Every change of z2jh's between them]({changes})"
        yield ""


def _moved(story: Story) -> Iterator[tuple[str, ...]]:
    for move in story.moved.moves:
        yield plain(move.what), _code(move.before, NOTHING), code(move.after), code(move.file)
    if story.moved.release:
        for fact in facts(story.before, story.after):
            yield fact.what, _code(fact.before), _code(fact.after), "the Helm repository's index"


def _security(story: Story) -> Iterator[str]:
    news = security_news(story.moved.release.before, story.moved.release.after) if story.moved.release else ()
    if news:
        yield "### Security"
        yield ""
        yield from (f"- {line}" for line in news)
        yield ""


def _proof(evidence: Sequence[Evidence]) -> Iterator[str]:
    yield "### The image"
    yield ""
    if not evidence:
        yield "The values name no hub image."
        yield ""
    for one in evidence:
        yield f"**Not proved**: {plain(one.gap)}." if one.gap else "Proved from what the registry answered:"
        yield ""
        yield from table_lines(("image", code(one.image)), _facts(one))
        yield ""


def _facts(one: Evidence) -> Iterator[tuple[str, str]]:
    yield "digest", _code(one.digest)
    yield "platforms", ", ".join(map(code, one.platforms)) or NOT_KNOWN
    yield "base image", code(one.base)
    yield "its digest", _code(one.base_digest)
    yield "built on it", NOT_KNOWN if one.gap else "yes: its layers are the first layers"


def _upgrades(upgrades: Sequence[UpgradeHere]) -> Iterator[str]:
    for here in upgrades:
        yield f"### {here.upgrade.title}: [upgrade notes]({here.upgrade.guide})"
        yield ""
        yield from (f"- {line}" for line in needs(here))
        for note in here.notes:
            yield f"- {note.text}"
            yield from (f"  - {line}" for line in _concerned(note.findings))
        yield ""


def _concerned(findings: Sequence[Finding]) -> Iterator[str]:
    yield from (f"{code(one.place)} {code(one.key)}" for one in findings[:MOST_SHOWN])
    if len(findings) > MOST_SHOWN:
        yield f"and {len(findings) - MOST_SHOWN} more"


def _to_check(story: Story) -> Iterator[str]:
    yield "### Before deploying"
    yield ""
    yield from (f"- [ ] {line}" for line in _checks(story))
    yield ""
    yield "Then merge, and proceed to deployment as normal."
    yield ""


def _checks(story: Story) -> Iterator[str]:
    if any(one.gap for one in story.evidence) or not story.evidence:
        yield "The image is built and proved: `hubpress build`, then `hubpress commit --pr`."
    if story.moved.release:
        yield from _release_checks(story)
    if story.evidence:
        images = ", ".join(code(one.image) for one in story.evidence)
        yield f"The cluster's nodes can pull {images}."
    if story.names_commit and story.moved.images:
        yield (
            "It is merged with a merge commit: the image's tag names a commit of this branch, and squashing or "
            "rebasing takes that away."
        )
    yield "A staging hub starts on it; a user can sign in and start a server."


def _release_checks(story: Story) -> Iterator[str]:
    version = story.after.semver
    if version is None or is_dev(version):
        yield f"{code(story.after.version)} is a build of z2jh's main branch, not a release, and is meant to be."
    yield f"The release notes are read: {', '.join(release_links(story.after))}"
    if story.upgrades:
        yield "The upgrade notes above are followed, for each value that they name."
    _, oldest = facts(story.before, story.after)
    if oldest.differs:
        yield f"The cluster runs Kubernetes {plain(str(oldest.after))} or newer: `kubectl version`."


def _code(text: str | None, otherwise: str = NOT_KNOWN) -> str:
    return code(text) if text else otherwise


def _bounded(body: str) -> str:
    """Return ``body``, cut at a line's end where it is longer than a forge takes."""
    if len(body) <= LONGEST_BODY:
        return body
    return f"{body[:LONGEST_BODY].rpartition(chr(10))[0]}\n\n(cut here: it is too long for a pull request)\n"


def story_of(hub: Hub, base: str, evidence: tuple[Evidence, ...], commit: str = "HEAD") -> Story:
    """Return what a pull request of ``hub``'s state into the branch ``base`` tells.

    Args:
        hub: the repository as the pull request will leave it.
        base: the branch that it goes to.
        evidence: what is known of the images.
        commit: the commit that it ends with, as far as that is made.
    """
    moved = changes_between(replace(hub, files=Committed(hub.git, fork_point(hub, base, commit) or commit)), hub)
    old = moved.release.before if moved.release else None
    new = hub.requirement.version
    before, after = asked(hub, old, new) if moved.release else (None, Release(new))
    upgrades = upgrades_here(hub, old, new)
    return Story(moved, evidence, before, after, upgrades, names_commit(hub.settings.tag))


def fork_point(hub: Hub, base: str, commit: str) -> str | None:
    """Return the commit at which ``commit`` left the branch ``base``, as far as the clone knows, or None.

    A clone whose history was cut may not know where they parted: then it is the branch's own commit.
    """
    tip = base_tip(hub, base)
    return tip and (hub.git.ask("merge-base", tip, commit).text or tip)


def is_ahead(hub: Hub, base: str) -> bool:
    """Whether HEAD has commits that the branch ``base`` does not have, as far as the clone knows."""
    tip = base_tip(hub, base)
    return tip is None or hub.git.read("rev-list", "--count", f"{tip}..HEAD", "--") != "0"


def base_tip(hub: Hub, base: str) -> str | None:
    """Return the reference of the branch ``base``: the remote's, else the clone's own; None where there is neither."""
    known = (f"refs/remotes/{hub.settings.remote}/{base}", f"refs/heads/{base}")
    return next((ref for ref in known if hub.git.ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").ok), None)


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
        github = forges.GitHub(repository.host, repository.path, hub.git.folder)
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
    return (
        forges.is_here() if repository.forge == GITHUB else repository.forge is None and forges.knows(repository.host)
    )


def _through_gh(github: forges.GitHub, request: PullRequest, says: Callable[[Values], None], *, waits: bool) -> Action:
    with output.waiting(f"asking {github.host}"):
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


def settle(github: forges.GitHub, request: PullRequest) -> None:
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
