"""The push of a branch and its pull request: the content, and how gh opens or updates it, or how to do it by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..core import output
from ..core.faults import Fault, Refused
from ..core.names import Reference, platforms_left
from ..core.plan import PUSHED, Action, Fact, Values
from ..core.problems import Code
from ..core.visible import code, code_or, one_line, plain, table_lines
from ..image.build import SKIPPED, base_of, prove
from ..image.tag import COMMIT_TO_COME, DIGEST_TO_COME
from ..releases.index import Release
from ..releases.notes import Upgrade, comparison, release_links, security_news
from ..releases.versions import is_dev
from ..repo.hub import Hub, HubImage
from ..repo.remotes import Review, base_here
from ..tools.command import Command
from ..tools.forges import GITHUB, ForgeRequest, GitHub, gh_knows, opening_address, starts_no_workflow
from ..tools.git import PUSH_SECONDS, Git, push_address_fact, push_fault, remote_branch_fact
from ..tools.process import Pool, capture, result_of
from ..tools.registry import ImageAnswer, inspect_all
from . import bump
from .branches import TargetBranch, require_room
from .preview import Outlook, Preview, before_branch, preview_of
from .team import expected_labels, next_steps, staging_hubs

CREATED, UPDATED, PRESENT, BY_HAND = "created", "updated", "present", "by hand"
# The result of an action here that is not a fact.
REQUEST = "pull request"
# Lines of git's output that are not shown: the fault has an error and a hint already.
_VERDICT = ("error: ", "hint: ")
NOT_KNOWN, MISSING = "not known", "the registry does not have it yet"
# Around what this program writes in a pull request on GitHub, which shows no comments; with the title that it gave.
_BEGIN, _END = "<!-- written by hubpress: {} -->", "<!-- what people write outside of this stays -->"
# What stands before our own part, the title that we gave, that part, and what stands after it.
_WRITTEN = rf"((?s:.*?)){_BEGIN.format('(.*)')}((?s:.*?))(?:{_END}((?s:.*)))?"
_TICKED = r"(?m)^- \[[xX]\] "
_OPEN = "- [ ] "
# GitHub takes 256 characters of a title, and 65,536 of a text.
LONGEST_TITLE = 200
LONGEST_BODY = 60_000
_LONGEST_WHOLE = 65_000


class Evidence(NamedTuple):
    """What is known of an image, given by name and tag: digests, platforms, and in ``gap`` why it is not verified.

    If it has neither digest nor gap, the same run will build and verify it.
    """

    image: str
    base: str
    digest: str | None = None
    platforms: tuple[str, ...] = ()
    base_digest: str | None = None
    gap: str = ""


def from_report(images: Iterable[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    """Return the evidence in ``images`` of a build's JSON report, without the skipped ones."""
    found = []
    for one in (one for one in images if one["status"] != SKIPPED):
        name, base = f"{one['repository']}:{one['tag']}", one["base"]
        gap = "" if one["digest"] or _is_to_come(name) else MISSING
        found.append(Evidence(name, base["image"], one["digest"], tuple(one["platforms"]), base["digest"], gap))
    return tuple(found)


def from_registry(hub: Hub, _: Values) -> tuple[Evidence, ...]:
    """Return the evidence for the images that the values name, from their registries; a fault becomes the gap."""
    named = []
    for image in hub.images:
        platforms = platforms_left(hub.settings.platform, image.spec.skip_platforms)
        for place in hub.values_places(image)[:1] if platforms else ():
            if name := bump.pinned_at(hub, place):
                reference = Reference(name) if _is_to_come(name) else Reference.parse(name, place.file)
                named.append((image, reference, platforms))
    asked = (one for image, name, _ in named for one in (name, image.base.reference))
    answers = inspect_all(one for one in asked if not _is_to_come(str(one)))
    return tuple(_evidence(*one, answers) for one in named)


def _evidence(image: HubImage, name: Reference, platforms: str, answers: Mapping[Reference, ImageAnswer]) -> Evidence:
    known, found = Evidence(str(name), str(image.base.reference)), answers.get(name)
    try:
        if isinstance(found, Fault):
            raise found
        base = base_of(image, answers[image.base.reference], stored=False)
        known = known._replace(base_digest=base.digest, platforms=tuple(platforms.split(",")))
        if found is None:
            return known._replace(gap="" if _is_to_come(known.image) else MISSING)
        known = known._replace(digest=found.digest, platforms=tuple(found.platforms))
        prove(name, found, base, platforms)
    except Fault as fault:
        return known._replace(gap=fault.what)
    return known


def _is_to_come(name: str) -> bool:
    """Whether the name of an image contains a commit or a digest that is only planned."""
    return COMMIT_TO_COME in name or DIGEST_TO_COME in name


class Description(NamedTuple):
    """The content of a pull request; ``before`` and ``after`` are releases of the chart's dependency."""

    moved: bump.Changes
    evidence: tuple[Evidence, ...]
    before: Release | None
    after: Release
    upgrades: bump.Upgrades
    next_steps: tuple[str, ...] = ()
    cluster: Outlook = None
    has_staging: bool = False

    @property
    def title(self) -> str:
        """The title: the subject of a single commit of everything."""
        return one_line(self.moved.subject)[:LONGEST_TITLE]

    @property
    def body(self) -> str:
        """The text, cut at the end of a line if it is too long for a forge."""
        release = self.moved.release
        news = security_news(release.before, release.after) if release else ()
        unchecked = (f"Not checked: {plain(self.cluster.what)}.",) if isinstance(self.cluster, Fault) else ()
        sections: dict[str, Iterable[str]] = {
            "What moved": self._moves(),
            "Security": (f"- {line}" for line in news),
            "The image": self._images(),
            **{f"{up.title}: [upgrade notes]({up.guide})": _notes(up, notes) for up, notes in self.upgrades.items()},
            "What changes in the cluster": self.cluster.markdown() if isinstance(self.cluster, Preview) else unchecked,
            "Before deploying": (f"- [ ] {line}" for line in self._checks()),
            "Next steps": (f"- [ ] {step}" for step in self.next_steps),
        }
        texts = {title: "\n".join(lines).rstrip("\n") for title, lines in sections.items()}
        return _cut("\n".join(f"### {title}\n\n{text}\n" for title, text in texts.items() if text), LONGEST_BODY)

    def _moves(self) -> Iterator[str]:
        rows = [
            (plain(move.what), code_or(move.before, bump.NOTHING), code(move.after), code(move.file))
            for move in self.moved.moves
        ]
        if self.moved.release:
            rows += [
                (what, code_or(before), code_or(after), "the chart's release")
                for what, (before, after) in bump.release_facts(self.before, self.after).items()
                if before != after or after is None
            ]
        yield from table_lines(("what", "before", "after", "where"), rows)
        if self.before and (changes := comparison(self.before, self.after)):
            yield f"\n[All z2jh changes between them]({changes})"

    def _images(self) -> Iterator[str]:
        if not self.evidence:
            yield "The values name no hub image."
        for one in self.evidence:
            rows = (
                ("digest", code_or(one.digest)),
                ("platforms", ", ".join(map(code, one.platforms)) or NOT_KNOWN),
                ("base image", code(one.base)),
                ("its digest", code_or(one.base_digest)),
                ("built on the base image", NOT_KNOWN if one.gap or not one.digest else "yes, proved by its layers"),
            )
            known = "Verified in the registry:" if one.digest else "To be built and verified before this is opened:"
            yield f"**Not verified**: {plain(one.gap)}." if one.gap else known
            yield from ("", *table_lines(("image", code(one.image)), rows), "")

    def _checks(self) -> Iterator[str]:
        if any(one.gap for one in self.evidence) or not self.evidence:
            yield "The image is built and verified: `hubpress build`, then `hubpress commit --pr`."
        if self.moved.release:
            version = self.after.semver
            if version is None or is_dev(version):
                yield f"{code(self.after.version)} is a development build of z2jh: confirm that this is intended."
            if isinstance(self.cluster, Preview) and any(one.code is Code.INVALID for one in self.cluster.problems):
                yield "The values that the new chart refuses are corrected."
            yield f"Read the release notes: {', '.join(release_links(self.after))}"
            if self.upgrades:
                yield "Follow the upgrade notes above for each value they name."
            before, oldest = bump.release_facts(self.before, self.after)[bump.KUBERNETES]
            if oldest not in (None, before):
                yield f"The cluster runs Kubernetes {plain(str(oldest))} or newer: `kubectl version`."
        if self.evidence:
            yield f"Check that the cluster's nodes can pull {', '.join(code(one.image) for one in self.evidence)}."
        if not self.has_staging:
            yield "Check on a staging hub that a user can sign in and start a server."


def _notes(upgrade: Upgrade, notes: Mapping[str, Sequence[bump.Value]]) -> Iterator[str]:
    yield from (f"- {line}" for line in bump.needs(upgrade))
    for text, found in notes.items():
        yield f"- {text}"
        yield from (f"  - {line}" for line in bump.shown(f"{code(one.place)} {code(one.key)}" for one in found))


def describe(hub: Hub, review: Review, evidence: tuple[Evidence, ...], commit: str, cluster: Outlook) -> Description:
    """Return the content of a pull request for ``hub``'s state; its last commit is ``commit``."""
    moved = bump.changes_between(before_branch(hub, review, commit)[1], hub)
    old = moved.release.before if moved.release else None
    new = hub.version
    before, after = bump.read_releases(hub, old, new, ask=True) if moved.release else (None, Release(new))
    upgrades = bump.upgrades_here(hub, old, new)
    markdown = one_line if hub.settings.next_steps else plain
    steps = tuple(map(markdown, next_steps(hub, review, "this pull request")))
    # Next steps that are read from the repository mention its staging hubs.
    has_staging = not hub.settings.next_steps and bool(staging_hubs(hub))
    cluster = cluster if moved.release else None
    return Description(moved, evidence, before, after, upgrades, steps, cluster, has_staging)


class PullRequest(NamedTuple):
    """A pull request, planned or done, from ``branch``, on its forge ``head``; ``url`` is its page, or one to open it.

    Missing labels are always added; reviewers are asked only when it is opened. ``warnings`` are about both.
    """

    branch: str
    head: str
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
        """Return it as a JSON object."""
        keys = ("url", "number", "status", "base", "title", "body", "labels", "reviewers", "warnings")
        return {key: getattr(self, key) for key in keys}

    def summary(self) -> list[str]:
        """Return the lines that say what was done, or how to open it by hand."""
        if self.status == BY_HAND:
            where = self.url or self.how
            return ["", self.title, "", self.body, f"open a pull request from {self.branch} into {self.base}: {where}"]
        return [f"pull request {self.status}: {self.url}", *(f"warning: {one_line(one)}" for one in self.warnings)]

    def over(self, found: ForgeRequest | None) -> tuple[str, str, bool]:
        """Return title and text to send, with what people wrote and ticked in an open one, and whether it has them."""
        there = found.body.replace("\r\n", "\n") if found else ""
        written = re.fullmatch(_WRITTEN, there)
        before, begun, own, after = written.groups("") if written else ("", "", there, "")
        text, title = _cut(self.body, _LONGEST_WHOLE - len(before) - len(after)), self.title
        # People's title and ticks stay until our title changes.
        if found and begun == title:
            title = found.title
            for line in re.findall(rf"{_TICKED}(.*\n)", own):
                text = text.replace(f"{_OPEN}{line}", f"- [x] {line}")
        body = f"{before}{_BEGIN.format(self.title)}\n{text}{_END}{after or chr(10)}"
        return title, body, re.sub(_TICKED, _OPEN, own).strip() == self.body.strip()


def _cut(text: str, most: int) -> str:
    """Return ``text``, cut at the end of a line if it is longer than ``most`` characters."""
    if len(text) <= most:
        return text
    return f"{text[:most].rpartition(chr(10))[0]}\n\n(cut here: it is too long for a pull request)\n"


def plan_push(hub: Hub, review: Review, branch: TargetBranch, why: str) -> tuple[Action, Fact]:
    """Plan the push of ``branch`` as ``hub`` leaves it; return also the fact whose value will be the pushed commit."""
    git, name = hub.git, branch.name
    if not branch.is_named and name in review.shared:
        return Action(f"nothing to push: {name} is {review.shared[name]}"), branch.tip
    remote, heads = review.remote, review.heads or {}
    if name in heads and not git.contains("HEAD", heads[name]):
        raise _has_more_commits(git, remote, name, heads[name])
    require_room(name, heads, remote)
    address = push_address_fact(git, remote)
    there = remote_branch_fact(git, remote, name, heads.get(name), git.push_address(remote))
    # A push that was killed after the remote had taken the branch leaves a clone that does not know of it.
    if not hub.pending and there.value == branch.tip.value and git.follows(remote, name):
        return Action(f"{remote} has {name} already"), there
    what = f"push {name} to {remote}"
    others = [f"  {one_line(other)}" for other in git.commits_not_in((*heads.values(), *filter(None, [review.tip])))]
    if others:
        what += f", with {len(others)} earlier commit{'s' if others[1:] else ''} that it does not have"
        others.insert(0, f"also pushes earlier commits that {remote} does not have:")

    def do(values: Values) -> Values:
        if others:
            output.say("\n".join(others))
        commit = values[branch.tip.name]
        _push(git, remote, commit, name, there)
        return {there.name: commit, PUSHED: remote}

    # A planned commit has no hash yet, so the command that is shown names the branch.
    commit = f"refs/heads/{name}" if hub.pending else branch.tip.value
    commands = (git.push_command(remote, commit, name), *git.follow_commands(remote, name))
    details = (*others, *(f"$ {command}" for command in commands))
    return Action(what, why, do, details, (branch.tip, address, there)), there


def _push(git: Git, remote: str, commit: str, branch: str, there: Fact) -> None:
    """Push ``commit`` to ``remote`` as ``branch``, verify that it is there, and make the clone's branch follow it."""
    done = capture(git.push_command(remote, commit, branch), seconds=PUSH_SECONDS)
    tip = there.ask()
    # Only the first address is asked: another one may have rejected the push.
    if tip == commit and (done.ok or len(git.push_addresses(remote)) == 1):
        # A forge may say where to open a pull request.
        lines = (line.partition("remote: ") for line in done.stderr.splitlines())
        remarks = [f"{sign}{text}" for before, sign, text in lines if sign and not before and text.strip()]
        if remarks:
            output.say("\n".join(remarks))
        for command in git.follow_commands(remote, branch):
            git.checked(command)
        return
    output.say("\n".join(line for line in done.stderr.splitlines() if not line.startswith(_VERDICT)))
    if not done.ok:
        raise push_fault(done, remote, branch, ahead=tip is not None and not git.contains(commit, tip))
    raise Refused("the remote does not have the branch that was pushed", where=remote, hint=f"git push {remote}")


class Lookups(NamedTuple):
    """How to find out what a pull request tells; ``images`` is given the results of earlier actions."""

    images: Callable[[Hub, Values], tuple[Evidence, ...]] = from_registry
    cluster: Callable[[Hub, Review], Outlook] = preview_of


LOOKUPS = Lookups()


def plan_request(
    hub: Hub, review: Review, branch: TargetBranch, pushed: Fact, lookups: Lookups
) -> tuple[Action, PullRequest | None]:
    """Plan the pull request of ``branch``; return also the planned pull request, or None if none is needed."""
    base = review.base
    if branch.name == base:
        if hub.pending or branch.is_named:
            what = f"{branch.name} is the branch that pull requests go to"
            raise Refused(what, where="--pr", hint="use another branch: --branch NAME")
        return Action(f"no pull request: {branch.name} is the branch that they go to"), None
    tip = base_here(hub.git, review)
    if not hub.pending and tip and hub.git.contains(tip, "HEAD"):
        return Action(f"no pull request: {branch.name} has nothing that {base} does not have"), None
    with output.waiting("rendering the chart"):
        cluster = lookups.cluster(hub, review)
    content = describe(hub, review, lookups.images(hub, {}), "HEAD", cluster)
    settings, github, ends = hub.settings, review.github, (branch.name, review.head(branch.name), base)
    labels = expected_labels(hub, review) if starts_no_workflow() else settings.labels
    wanted = PullRequest(*ends, content.title, content.body, labels=labels, reviewers=settings.reviewers)
    if github:
        action, planned = _on_github(github, wanted, waits=bool(hub.pending))
    else:
        action, planned = _by_hand(review, wanted)

    def do(values: Values) -> Values:
        commit = values[pushed.name]
        now = hub.holding(hub.git.show_all(hub.managed, commit))
        content = describe(now, review, lookups.images(now, values), commit, cluster)
        request = planned._replace(title=content.title, body=content.body)
        if github:
            request = _send(github, request, github.open_request(request.head), None)
        return {REQUEST: request}

    is_done = planned.status == PRESENT or (github is None and not hub.pending)
    return action._replace(do=None if is_done else do, relies=(pushed,)), planned


def _has_more_commits(git: Git, remote: str, branch: str, tip: str) -> Refused:
    other = "or use another branch: --branch NAME"
    earlier = git.ask("rev-list", "--walk-reflogs", f"refs/heads/{branch}", "--").text.split()
    if tip in earlier and not git.contains(tip, "HEAD"):
        # After a rebase or an amend, a pull would bring back the replaced commits.
        push = f"git push --force-with-lease={branch}:{tip} {remote} {branch}"
        what = f"the remote's branch {branch} has commits that were rewritten here"
        return Refused(what, where=remote, hint=f"to replace them there: {push}; {other}")
    # In a rebase, "ours" is the side of the remote.
    pull = f"pull --rebase --autostash --strategy-option=ours {remote} {branch}, which keeps theirs on a conflict"
    # A clone of a single branch has no REMOTE/BRANCH of another, even after a fetch.
    fetch = "" if git.branch_commit(branch) else f"git fetch {remote} {branch}:{branch} && "
    switch = f"stash && {fetch}git switch {branch}"
    hint = f"git {pull if git.start.branch == branch else switch}; {other}"
    return Refused(f"the remote's branch {branch} has commits that are not here", where=remote, hint=hint)


def _on_github(github: GitHub, wanted: PullRequest, *, waits: bool) -> tuple[Action, PullRequest]:
    with Pool() as pool, output.waiting(f"asking {github.host}"):
        asked = pool.submit(github.open_request, wanted.head)
        labelled = pool.submit(_with_labels, github, wanted)
        there, planned = result_of(asked), result_of(labelled)
    commands: list[Command] = []
    sent = _send(github, planned, there, commands, anew=waits)
    planned = planned._replace(status=sent.status, url=sent.url, number=sent.number)
    if planned.status == PRESENT:
        return Action(f"pull request {planned.url} is up to date"), planned
    what = f"open a pull request into {planned.base}{f' of {github.path}' if ':' in planned.head else ''}"
    what = f"update the pull request {planned.url}" if there else what
    return Action(what, "of --pr", details=tuple(f"$ {one}" for one in commands)), planned


def _with_labels(github: GitHub, planned: PullRequest) -> PullRequest:
    """Return it with only the labels that GitHub has, and a warning for each other one; unchanged on a fault."""
    try:
        known = github.labels() if planned.labels else ()
    except Fault:
        return planned
    labels = tuple(label for label in planned.labels if label.lower() in known)
    missing = [github.new_label_command(label) for label in planned.labels if label not in labels]
    warnings = (f"{github.path} does not have the label {one.argv[3]}; to create it: {one}" for one in missing)
    return planned._replace(labels=labels, warnings=tuple(warnings))


def _send(
    github: GitHub, request: PullRequest, found: ForgeRequest | None, plan: list[Command] | None, *, anew: bool = False
) -> PullRequest:
    """Open or update the pull request, or ``plan`` its commands; labels and reviewers that fail become warnings."""
    run: Callable[[Command], object] = github.run if plan is None else plan.append
    (title, body, is_same), status = request.over(found), PRESENT
    if found is None:
        run(github.create_command(request.head, request.base, title, body))
    # The text of a commit that is only planned may change.
    elif anew or not is_same:
        run(github.update_command(found.number, title, body))
        status = UPDATED
    opened = found or (github.opened(request.head) if plan is None else None)
    url, number = (opened.url, opened.number) if opened else (None, None)
    has = {label.lower() for label in found.labels} if found else ()
    labels = [label for label in request.labels if label.lower() not in has]
    additions = {f"add {', '.join(labels)}": github.label_command(number, labels)} if labels else {}
    for one in () if found else request.reviewers:
        additions[f"ask {one} for a review"] = github.review_command(number, one)
    warnings = [*request.warnings]
    for what, command in additions.items():
        try:
            run(command)
            status = UPDATED
        except Fault as fault:  # noqa: PERF203 - add the others too
            warnings.append(f"cannot {what}: {fault.what}; do it at {url}")
    status = status if found else CREATED
    return request._replace(title=title, status=status, url=url, number=number, warnings=tuple(warnings))


def _by_hand(review: Review, planned: PullRequest) -> tuple[Action, PullRequest]:
    real, details = review.rehearses or review, (f"{planned.title}\n\n{planned.body}",)
    repository, is_github = real.repository, real.repository is not None and real.repository.forge == GITHUB
    if review.rehearses and repository and is_github and gh_knows(repository):
        how = f"the release opens it with gh in {repository.path}"
        return Action(f"pull request: {how}", "a rehearsal opens none", details=details), planned._replace(how=how)
    ends = (planned.branch, planned.base, planned.title)
    url = opening_address(repository, real.fork or repository, *ends) if repository else None
    why = "gh is not installed" if is_github else "only GitHub's are opened from here"
    if url is None:
        why = f"{repository.host if repository else f'the remote {review.upstream}'} is not a known forge"
    what = f"pull request: open it yourself{f' at {url}' if url else ''}"
    return Action(what, why, details=details), planned._replace(url=url)
