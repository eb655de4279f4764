"""The way to what a feature branch is cut from: the upstream's base branch as it is now."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..core import output
from ..core.faults import Fault, Refused
from ..core.plan import Action, Fact, Moved, Plan, Step, Values, refused
from ..core.safe_files import temporary_folder
from ..core.settings import CommitOptions
from ..repo.hub import Hub, open_hub
from ..repo.remotes import Review, base_here, find_review
from ..tools.forges import is_ci
from ..tools.git import Git
from ..tools.git_states import CURRENT_BRANCH, HEAD, local_branch, remote_branch, standing, switched
from .branches import was_merged

_SHORT = 12
_MOST_NAMED = 8
_kept = contextlib.ExitStack()
atexit.register(_kept.close)


class Start(NamedTuple):
    """What a commit is planned on.

    Attributes:
        hub: the repository, on what a feature branch is cut from.
        review: where a branch is pushed, and where its pull request goes.
        options: what the user asked for; without a push where the remotes could not be asked.
        steps: the step to there as it is now, where it has something to say.
    """

    hub: Hub
    review: Review
    options: CommitOptions
    steps: tuple[Step, ...]


@contextlib.contextmanager
def begin(
    hub: Hub, options: CommitOptions, carry_out: Callable[[Plan], None], *, dry: bool, ask: bool
) -> Iterator[Start]:
    """Find out where a commit goes, and do what must be done before anything else can be planned.

    That is planned within the block: where the block fails, the clone is put back. Where the step before cannot be
    planned, the rest is planned by what the clone knows, without a push.

    Args:
        hub: the repository as it is.
        options: what the user asked for.
        carry_out: has a plan agreed to, and performs it.
        dry: whether nothing may be done; what would be there is then kept in a temporary folder.
        ask: whether the remotes are asked also where nothing is pushed.
    """
    pushes = options.push or options.request
    try:
        review = find_review(hub.git, hub.settings, ask=ask or pushes, push=pushes, request=options.request)
        step = plan_start(hub, review)
    except Fault as fault:
        try:
            known = find_review(hub.git, hub.settings, ask=False)
        except Fault:
            raise fault from None
        yield Start(hub, known, options._replace(push=False, request=False), (refused("fetch", fault),))
        return
    if dry or not step.to_do:
        if step.to_do:
            # What a dry run plans may be read until the end.
            hub = started(hub, review, _kept.enter_context(temporary_folder("hubpress-ahead-")))
        yield Start(hub, review, options, _told(step))
        return
    before = Standing.read(hub.git, review.base)
    carry_out(Plan((step,)))
    after = Standing.read(hub.git, review.base)
    try:
        hub = hub.again()
        yield Start(hub, review, options, _told(plan_start(hub, review)))
    except BaseException:
        if Standing.read(hub.git, review.base) == after:
            before.restore(hub.git, review.base)
            output.say(f": {review.base} and the current branch are as they were", lead=step.name)
        raise


class Standing(NamedTuple):
    """Where a clone stands: its branch, HEAD's commit, and the commit of its base branch."""

    branch: str | None
    head: str | None
    base: str | None

    @classmethod
    def read(cls, git: Git, base: str) -> Standing:
        """Return where the clone stands now."""
        return cls(git.branch(), git.head(), git.branch_commit(base))

    def restore(self, git: Git, base: str) -> None:
        """Put a clone that stands on its base branch back to here."""
        if self.branch == base:
            git.read("reset", "--keep", "--quiet", str(self.base))
            return
        git.read("switch", "--quiet", *((self.branch,) if self.branch else ("--detach", str(self.head))))
        git.read("branch", "--force", *((base, self.base) if self.base else ("--delete", base)))


def plan_start(hub: Hub, review: Review) -> Step:
    """Plan the way to what a feature branch is cut from: the upstream's base branch as it is now.

    Where the upstream was not asked, only a branch that was merged by what the clone knows is left.

    Raises:
        Refused: the clone's base branch has commits of its own besides, or files with uncommitted changes would change.
    """
    git, tip, base = hub.git, review.tip, review.base
    current, head = git.branch(), git.head()
    if head is None or hub.planned_branch or git.under_way():
        return Step("fetch", (), warnings=_gap(review))
    if tip is None:
        known = review._replace(tip=base_here(git, review))
        may_be_left = current not in {None, *review.shared} and known.tip and hub.changed
        if may_be_left and was_merged(hub, git, known, str(current), head):
            return plan_start(hub, known)
        return Step("fetch", (), warnings=(*_gap(review), *_may_be_merged(git, review, current)))
    with temporary_folder("hubpress-objects-") as folder:
        is_new = git.commit_at(tip) is None
        seen = git.fetched(review.upstream, base, folder) if is_new else git
        warnings = (*_gap(review), *_fork_is_behind(seen, review))
        if current not in {None, *review.shared} and not was_merged(hub, seen, review, str(current), head):
            behind = seen.count(head, tip)
            told = f"{current} is {_commits(behind)} behind {base} of {review.upstream}"
            return Step("fetch", (), warnings=(*warnings, told) if behind else warnings)
        # People are told that HEAD is detached; in CI that is how things are.
        if current is None and not (is_ci(os.environ) and seen.contains(tip, head)):
            return Step("fetch", (), warnings=warnings)
        local = head if current == base else git.branch_commit(base)
        behind = 0 if local is None or seen.contains(local, tip) else seen.count(local, tip)
        if local and behind and not seen.contains(tip, local):
            raise _diverged(review, seen.count(tip, local), behind)
        end = tip if local is None or behind else local
        moving = seen.unlike(head, end)
        _require_carried(git, moving, f"{review.upstream}'s {base}")
    why = f"{base} here is {_commits(behind)} behind" if behind else f"{base} is what a feature branch is cut from"
    moves, at = [_fetch(git, review, tip, why)] if is_new else [], local_branch(git, base, local)
    if current != base:
        # At once: on the way by the clone's own base branch, uncommitted changes could be in the way.
        flags = ("--no-track", "--force-create" if local else "--create") if end == tip != local else ()
        left = f"{current} is done with, or not what a feature branch is cut from" if current else "HEAD is detached"
        arguments = ("switch", *flags, base, *((tip,) if flags else ()))
        moves.append(_move(git, arguments, f"switch to {base} at {end[:_SHORT]}", left, at, end))
    elif behind:
        arguments = ("merge", "--ff-only", "--quiet", tip)
        moves.append(_move(git, arguments, f"move {base} to {tip[:_SHORT]}", why, at, tip))
    if moves and moving:
        moves[-1] = moves[-1]._replace(details=(f"changes {_named(moving)}", *moves[-1].details))
    done = [f"{base}: {tip[:_SHORT]} of {review.upstream}"] if moves else []
    return Step("fetch", tuple(moves), summary=lambda _: done, warnings=warnings)


def started(hub: Hub, review: Review, folder: Path) -> Hub:
    """Return the repository as the plan to start will leave it, with what it has of its own in ``folder``."""
    git, base, head = hub.git, review.base, str(hub.git.head())
    tip, local = str(review.tip or base_here(git, review)), git.branch_commit(base)
    (folder / "objects").mkdir()
    seen = git.fetched(review.upstream, base, folder / "objects") if git.commit_at(tip) is None else git
    end = local if local and seen.contains(local, tip) else tip
    moved = seen.unlike(head, end)
    return open_hub(hub.settings, switched(git, base, end, moved, folder), moved).with_index(hub.index)


def _told(step: Step) -> tuple[Step, ...]:
    return (step,) if step.actions or step.warnings else ()


def _require_carried(git: Git, moving: Sequence[str], where: str) -> None:
    """Check that none of the files that will change has uncommitted changes, which a switch would carry along."""
    files = sorted({*moving} & {*git.changed(["."])}) if moving else []
    if files:
        raise Refused(
            f"{where} changes {', '.join(files)}, which has uncommitted changes",
            where=git.folder,
            hint=f"put them aside: git stash push -- {' '.join(files)}; then run the same command again",
        )


def _fetch(git: Git, review: Review, tip: str, why: str) -> Action:
    command = git.fetch_command(review.upstream, review.base)

    def do(_: Values) -> Values:
        git.fetch(command, review.upstream)
        if git.commit_at(tip) is None:
            raise Moved(f"{review.base} of {review.upstream} is no longer {tip[:_SHORT]}")
        return {}

    there = remote_branch(git, review.upstream, review.base, tip, push=False)
    return Action(f"fetch {review.base} from {review.upstream}", why, do, (f"$ {command}",), (there,))


def _move(git: Git, arguments: tuple[str, ...], what: str, why: str, at: Fact, end: str) -> Action:
    """Return the action that leaves the clone on its base branch, which the fact ``at`` is about, at ``end``."""

    def do(_: Values) -> Values:
        git.require_unlocked()
        git.read(*arguments)
        return {CURRENT_BRANCH: git.branch(), HEAD: end, at.name: end}

    return Action(what, why, do, (f"$ {git.command(*arguments)}",), (*standing(git, git.branch()), at))


def _gap(review: Review) -> tuple[str, ...]:
    told = f"{review.upstream} was not asked for {review.base}: {review.gap}"
    return (f"{told}; the plan uses the clone's copy",) if review.gap else ()


def _may_be_merged(git: Git, review: Review, current: str | None) -> Iterator[str]:
    """Yield what the clone alone cannot tell of the current branch, where it was pushed once."""
    if current not in review.shared and git.commit_at(f"refs/remotes/{review.remotes.push}/{current}"):
        at = f"{current} of {review.remotes.push}"
        yield f"whether {at} was merged since the last fetch is not known here; --push and --pr ask for it"


def _fork_is_behind(seen: Git, review: Review) -> Iterator[str]:
    """Yield how far the fork's own base branch is behind the upstream's."""
    there = (review.heads or {}).get(review.base)
    if review.is_fork and there and seen.commit_at(there):
        behind = seen.count(there, str(review.tip))
        if behind:
            yield f"{review.base} of {review.remote} is {_commits(behind)} behind that of {review.upstream}"


def _diverged(review: Review, ahead: int, behind: int) -> Refused:
    return Refused(
        f"{review.base} here has {_commits(ahead)} that {review.upstream} does not have, and is {behind} behind",
        where=review.base,
        hint=f"git pull --rebase {review.upstream} {review.base}; or put yours on a branch of their own",
    )


def _named(files: Sequence[str]) -> str:
    more = len(files) - _MOST_NAMED
    return f"{', '.join(files[:_MOST_NAMED])}{f' and {more} more files' if more > 0 else ''}"


def _commits(number: int) -> str:
    return f"{number} commit{'' if number == 1 else 's'}"
