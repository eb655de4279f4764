"""The branches of a review: what a commit is planned on, which branch it goes to, and which ones are merged."""

from __future__ import annotations

import atexit
import contextlib
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, count
from typing import NamedTuple

from ..core import output
from ..core.faults import CLI, Fault, Refused, Unusable
from ..core.options import CommitOptions
from ..core.plan import Action, Fact, Moved, Step, Values, refused
from ..core.safe_files import temporary_folder
from ..core.settings import FILE, Settings, how_to_correct
from ..image.tag import fill_template
from ..repo.files import is_below, planned_bytes
from ..repo.hub import Hub, open_hub
from ..repo.remotes import Review, base_here, find_review, review_known
from ..tools.forges import MERGED
from ..tools.git import HEAD, PUSH_SECONDS, SHORT, Git, Head, head_fact, local_branch_fact, remote_branch_fact, switched
from ..tools.process import map_parallel
from .bump import version_of

_MOST_NAMED = 8
_BUMP, _REBUILD = "bump", "rebuild"
# How many commits of the base branch are compared with a branch that may have been squashed.
_MOST_COMMITS = 200
# The plan may read the folders of `_plan_start` until the process ends.
_kept = contextlib.ExitStack()
atexit.register(_kept.close)


class Start(NamedTuple):
    """What a commit or a release is planned on: the repository as ``step`` leaves it.

    ``found`` is where its branch goes, or why that is unknown. A step that cannot be planned is a refused one.
    """

    hub: Hub
    found: Review | Fault
    step: Step
    options: CommitOptions = CommitOptions()

    @property
    def review(self) -> Review:
        """Where its branch goes; raise the fault if that is unknown."""
        if isinstance(self.found, Fault):
            raise self.found
        return self.found


def begin(hub: Hub, options: CommitOptions, *, ask: bool) -> Start:
    """Return what a commit is planned on, and where it goes.

    If the step there cannot be planned, the rest is planned from what the clone knows, without a push. The remotes are
    asked if the branch is pushed, or with ``ask``.
    """
    try:
        pushes = options.pushes
        review = find_review(hub.git, hub.settings, ask=ask or pushes, push=pushes, request=options.pr)
        if options.branch not in (None, review.base):
            # A branch that the user names is used even if it is shared.
            review = review._replace(shared={key: what for key, what in review.shared.items() if key != options.branch})
        step, hub_after = _plan_start(hub, review)
    except Fault as fault:
        found: Review | Fault = fault
        with contextlib.suppress(Fault):
            found = find_review(hub.git, hub.settings, ask=False)
        return Start(hub, found, refused("fetch", fault), replace(options, push=False, pr=False))
    return Start(hub_after, review, step, options)


def expected_start(hub: Hub, *, ask: bool = True) -> Start:
    """Return where a release would start, from the base branch as last fetched.

    With ``ask``, the remotes are asked if the clone does not know which branch that is.
    """
    review = None
    try:
        review = find_review(hub.git, hub.settings, ask=False) if ask else review_known(hub.git, hub.settings)
        step, hub_after = _plan_start(hub, review._replace(tip=base_here(hub.git, review)))
    except Fault as fault:
        return Start(hub, review or fault, refused("fetch", fault))
    remarks = tuple(f"{one.why}: a release starts from {review.base} as last fetched" for one in step.actions[:1])
    return Start(hub_after, review, step._replace(warnings=lambda: (*remarks, *step.warnings())))


def _plan_start(hub: Hub, review: Review) -> tuple[Step, Hub]:
    """Plan the step to where feature branches start: the upstream's current base branch.

    If the upstream was not asked, the step leaves the current branch only if the clone knows that it was merged.
    """
    git, tip, base = hub.git, review.tip, review.base
    current, head = git.start
    is_own = current not in {None, *review.shared}
    gap = f"{review.upstream} was not asked for {base}: {review.gap}; the plan uses the clone's copy"
    warnings = (gap,) if review.gap else ()

    def stay(*more: str) -> tuple[Step, Hub]:
        return Step("fetch", (), warnings=lambda: (*warnings, *more)), hub

    if head is None or (current, head) == (base, tip) or hub.planned_branch or git.under_way():
        return stay()
    if tip is None:
        known = review._replace(tip=base_here(git, review))
        if is_own and known.tip and hub.changed and _is_finished(hub, git, known, str(current), head):
            return _plan_start(hub, known)
        # Only the upstream knows whether a branch that was pushed has been merged.
        was_pushed = is_own and git.commit_at(f"refs/remotes/{review.remotes.push}/{current}")
        note = f"{current} may have been merged since the last fetch from {review.upstream}: --push and --pr ask there"
        return stay(note) if was_pushed else stay()
    is_new = git.commit_at(tip) is None
    folder = _kept.enter_context(temporary_folder())
    (folder / "objects").mkdir()
    seen = git.fetched(review.upstream, base, folder / "objects") if is_new else git
    if is_own and not _is_finished(hub, seen, review, str(current), head):
        behind = seen.count(head, tip)
        note = f"{current} is {_commits(behind)} behind {base} of {review.upstream}"
        return stay(note) if behind else stay()
    # In CI, a detached HEAD is normal.
    if current is None and not (output.is_ci() and seen.contains(tip, head)):
        return stay()
    step, end, moving = _plan_moves(hub, seen, review, current, head)
    if step.actions:
        ahead = replace(open_hub(hub.settings, switched(git, base, end, moving, folder), moving), index=hub.index)
        hub = ahead.holding(planned_bytes(hub.files))
    return step._replace(warnings=lambda: warnings), hub


class TargetBranch(NamedTuple):
    """The branch that a commit goes to, the fact that it is at its commit, and git's arguments to switch to it.

    If the user names it (``is_named``), it may be a shared branch.
    """

    name: str
    why: str
    tip: Fact
    switch: tuple[str, ...] = ()
    is_named: bool = False


def target_branch(hub: Hub, review: Review, given: str | None) -> TargetBranch:
    """Return the branch ``given`` by the user, else the current one, or a feature branch if that is shared.

    If there is nothing to commit, it is always the current one.
    """
    git, shared, current = hub.git, review.shared, hub.branch or ""
    commits = bool(hub.changed)
    name = given if given and commits else current
    if given is None and current in shared and commits:
        return _feature_branch(hub, review, f"{current} is {shared[current]}")
    if name == current:
        tip = local_branch_fact(git, current, git.start.commit)
        return TargetBranch(current, "it is the current branch", tip, is_named=given == current)
    require_name(git, name)
    why = f"{current} is {shared[current]}" if current in shared else "of --branch"
    commit = git.branch_commit(name)
    if commit not in {None, git.start.commit}:
        raise _has_other_commits(git, name)
    _require_free(git, name)
    switch = ("switch", *(() if commit else ("--create",)), name)
    return TargetBranch(name, why, local_branch_fact(git, name, commit), switch, is_named=True)


def _is_merged(git: Git, review: Review, branch: str, commit: str) -> bool:
    """Whether ``branch``, with its tip at ``commit``, was merged or squashed, by the clone or the forge."""
    base = base_here(git, review)
    if base and (git.contains(base, commit) or _is_squashed(git, base, commit)):
        return True
    requests = review.github.requests(review.head(branch)) if review.github else ()
    return any(one.state == MERGED and one.commit == commit for one in requests)


def waits_for(hub: Hub, review: Review, branch: str, page: str | None) -> str:
    """Return what a finished release still waits for; empty if it is in the base branch."""
    git, commit = hub.git, hub.git.branch_commit(branch)
    if commit is None or branch in review.shared or _is_merged(git, review, branch, commit):
        return ""
    if page:
        return f"the review and the merge of {page}"
    if review.heads is not None and review.heads.get(branch) == commit:
        how = f"; to open a pull request: {CLI} commit --pr" if review.github else ""
        return f"the review and the merge of {branch} into {review.base}{how}"
    return f"{branch} to be pushed, reviewed and merged into {review.base}: {CLI} commit --pr"


def _feature_branch(hub: Hub, review: Review, why: str) -> TargetBranch:
    """Return the feature branch, with a number if those of the same name are merged already."""
    git, head = hub.git, str(hub.git.start.commit)
    first = _name(hub)
    hint = f"correct hub.branch in invoke.yaml; the default is {Settings().branch}"
    require_name(git, first, "hub.branch", how_to_correct("branch", hint))
    for number in count(1):
        name = first if number == 1 else f"{first}-{number}"
        local, remote = git.branch_commit(name), (review.heads or {}).get(name)
        others = [one for one in (local, remote) if one and not git.contains(head, one)]
        unmerged = [one for one in others if not _is_merged(git, review, name, one)]
        if local in unmerged:
            raise _has_other_commits(git, name)
        # If only the remote has the branch, the push is refused.
        if unmerged or not others:
            _require_free(git, name)
            flag = () if local == head else ("--force-create",) if local else ("--create",)
            reason = f"; {first} is done with, {review.base} has what it changed" if number > 1 else ""
            return TargetBranch(name, f"{why}{reason}", local_branch_fact(git, name, local), ("switch", *flag, name))
    raise AssertionError


def earlier_release(hub: Hub, branch: str) -> tuple[str, ...]:
    """Return a warning if ``branch``, which a commit goes to, is named for the previous release."""
    before = _committed_version(hub)
    if before == hub.version or not _is_named_for(hub, branch, before) or _is_named_for(hub, branch, hub.version):
        return ()
    return (f"{branch} is the branch of the release {before}: for another one, use --branch {_name(hub)}",)


def _is_named_for(hub: Hub, branch: str, version: str | None) -> bool:
    """Whether ``branch`` is named, maybe with a number, for a move to ``version`` or a rebuild of it."""
    names = _names(hub, version) if version else ()
    return any(re.fullmatch(rf"{re.escape(name)}(-\d+)?", branch) for name in names)


def _name(hub: Hub) -> str:
    """Return the feature branch's name, which differs if only the image is rebuilt."""
    return _names(hub, hub.version)[_committed_version(hub) == hub.version]


def _names(hub: Hub, version: str) -> tuple[str, ...]:
    """Return the names of the branches for a move to ``version`` and for a rebuild of it."""
    move = hub.settings.branch
    templates = (move, move.replace(_BUMP, _REBUILD, 1) if _BUMP in move else f"{move}-{_REBUILD}")
    return tuple(fill_template(one, {"version": version}, "hub.branch") for one in templates)


def _committed_version(hub: Hub) -> str | None:
    return version_of(replace(hub, files=hub.committed))


def require_name(git: Git, name: str, where: str = "--branch", hint: str = "use --branch NAME") -> None:
    """Check that ``name``, from the setting or flag ``where``, is a valid name for a branch."""
    # Git expands @{-1}, the previous branch, and accepts names that mean another commit elsewhere.
    is_other = re.fullmatch(r"refs/.*|@|(?:.*_)?HEAD", name) or git.commit_at(f"refs/remotes/{name}")
    if is_other or git.ask("check-ref-format", "--branch", name).text != name:
        raise Unusable(f"{name!r} cannot be a branch's name", where=where, hint=hint)


def require_room(name: str, others: Iterable[str], where: object) -> None:
    """Check that git can have the branch ``name`` beside ``others``: it stores branches as files in folders."""
    for one in others:
        if one != name and (is_below(one, [name]) or is_below(name, [one])):
            hint = f"use another branch: --branch NAME; or rename {one}"
            raise Refused(f"git cannot have the branch {name} beside {one}", where=where, hint=hint)


def _require_free(git: Git, name: str) -> None:
    """Check that git can have the branch ``name``, and that it is not checked out in another worktree.

    A switch could move it, and leave that worktree's files behind.
    """
    require_room(name, git.read("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").split(), git.folder)
    worktree = git.read("for-each-ref", "--format=%(worktreepath)", f"refs/heads/{name}")
    if worktree:
        hint = f"work in that folder, or remove it: git worktree remove {shlex.quote(worktree)}"
        raise Refused(f"another worktree has the branch {name}", where=worktree, hint=hint)


def _has_other_commits(git: Git, name: str) -> Refused:
    is_clean = git.ask("diff-index", "--quiet", "HEAD", "--").ok
    switch = f"git switch {name}" if is_clean else f"git stash && git switch {name} && git stash pop"
    hint = f"continue there: {switch}; or use another: --branch NAME"
    return Refused(f"the branch {name} exists already, with other commits", where=git.folder, hint=hint)


def _is_squashed(git: Git, base: str, commit: str) -> bool:
    """Whether in a commit of ``base`` every file that the branch of ``commit`` changed is the same as in ``commit``."""
    fork = git.ask("merge-base", base, commit).text
    files = {*git.differing_files(fork, commit)} if fork else set()
    if not files:
        return False
    listing = ("rev-list", "--first-parent", f"--max-count={_MOST_COMMITS}", "--stdin")
    commits = git.read("--literal-pathspecs", *listing, stdin="\n".join((f"{fork}..{base}", "--", *files, ""))).split()
    return any(files.isdisjoint(differing) for differing in map_parallel(partial(git.differing_files, commit), commits))


def _is_finished(hub: Hub, seen: Git, review: Review, branch: str, head: str) -> bool:
    """Whether the current branch was used for an earlier release and merged, as opposed to just created."""
    if head in seen.read("rev-list", "--first-parent", str(review.tip)).split():
        return _is_named_for(hub, branch, _committed_version(hub))
    return _is_merged(seen, review, branch, head)


def _plan_moves(hub: Hub, seen: Git, review: Review, current: str | None, head: str) -> tuple[Step, str, Sequence[str]]:
    """Return the step to the base branch, the commit that it ends at, and the files that it changes."""
    git, tip, base = hub.git, str(review.tip), review.base
    local = head if current == base else git.branch_commit(base)
    behind, ahead = (seen.count(local, tip), seen.count(tip, local)) if local else (0, 0)
    switch = "" if current == base else f"git switch {base} && "
    if behind and ahead:
        what = f"{base} here has {_commits(ahead)} that {review.upstream} does not have, and is {behind} behind"
        pull = f"{switch}git pull --rebase --autostash {review.upstream} {base}"
        hint = f"{pull}; or move your commits to another branch"
        raise Refused(what, where=base, hint=hint)
    end = tip if local is None or behind else local
    moving = seen.differing_files(head, end)
    pull = f"{switch}git pull --ff-only {review.upstream} {base}"
    if moving:
        _require_clear(hub, review, {*moving}, pull)
    if FILE in moving:
        what = f"{review.upstream}'s {base} has another {FILE}, and this run has the settings of the one here"
        raise Refused(what, where=git.folder, hint=f"{pull}; then run the same command again")
    why = f"{base} here is {_commits(behind)} behind" if behind else f"{base} is where feature branches start"
    moves = [] if seen is git else [_fetch(git, review, tip, why)]
    arguments: tuple[str, ...] = ()
    if current != base:
        _require_free(git, base)
        # One switch: going through the clone's old base branch could meet uncommitted changes.
        flags = ("--no-track", "--force-create" if local else "--create") if end == tip != local else ()
        reason = f"{current} is already merged, or not where feature branches start" if current else "HEAD is detached"
        arguments = ("switch", *flags, base, *((tip,) if flags else ()))
        what, why = f"switch to {base} at {end[:SHORT]}", reason
    elif behind:
        arguments, what = ("merge", "--ff-only", "--no-squash", "--quiet", tip), f"move {base} to {tip[:SHORT]}"
    if arguments:
        at = local_branch_fact(git, base, local)

        def do(_: Values) -> Values:
            git.require_unlocked()
            git.move(*arguments, to=Head(base, end))
            return {HEAD: Head(base, end), at.name: end}

        changes = (f"changes {output.first_of(moving, _MOST_NAMED, 'files')}",) if moving else ()
        details = (*changes, f"$ {git.command(*arguments)}")
        moves.append(Action(what, why, do, details, (head_fact(git, current), at)))
    done = [f"{base} is at {tip[:SHORT]}, as in {review.upstream}"] if moves else []
    return Step("fetch", tuple(moves), summary=lambda _: done), end, moving


def _require_clear(hub: Hub, review: Review, moving: set[str], pull: str) -> None:
    """Check that nothing uncommitted is at, above or below the files ``moving``: a switch would overwrite it."""

    def prefixes(path: str) -> set[str]:
        return {*accumulate(path.rstrip("/").split("/"), "{}/{}".format)}

    git, occupied = hub.git, {at for path in moving for at in prefixes(path)}
    # Git overwrites ignored files without a warning, and leaves submodules unchanged.
    changed = {*planned_bytes(hub.files), *git.changed(["."], "--ignored", "--ignore-submodules=all")}
    conflicts = sorted(
        path for path in changed if path.rstrip("/") in occupied or not prefixes(path).isdisjoint(moving)
    )
    if conflicts:
        named = output.first_of(conflicts, _MOST_NAMED, "files")
        what = f"{review.upstream}'s {review.base} changes {named}, which has uncommitted changes"
        # All of a release's edits: if some are stashed, the others would be committed as a whole release.
        edits = () if {*conflicts}.isdisjoint(hub.changed) else hub.changed
        flag = "" if {*conflicts}.issubset(git.names("ls-files", "-z")) else "--all "
        fix = f"put them aside: git stash push {flag}-- {shlex.join(sorted({*conflicts[:_MOST_NAMED], *edits}))}"
        fix = f"{fix}; {pull}; {CLI} bump again" if edits else fix
        # Git cannot stash another repository.
        repositories = [path for path in conflicts if path.endswith("/")]
        fix = f"move that repository elsewhere: mv {shlex.quote(repositories[0])} FOLDER" if repositories else fix
        raise Refused(what, where=git.folder, hint=f"{fix}; then run the same command again")


def _fetch(git: Git, review: Review, tip: str, why: str) -> Action:
    # The full name: git would prefer a tag of the same name.
    branch = f"refs/heads/{review.base}"
    command = git.command("fetch", "--no-recurse-submodules", "--", review.upstream, branch)

    def do(_: Values) -> Values:
        git.ask_remote(command, review.upstream, PUSH_SECONDS)
        if git.commit_at(tip) is None:
            raise Moved(f"{review.base} of {review.upstream} is no longer {tip[:SHORT]}")
        return {}

    fact = remote_branch_fact(git, review.upstream, review.base, tip, review.upstream)
    return Action(f"fetch {review.base} from {review.upstream}", why, do, (f"$ {command}",), (fact,))


def _commits(number: int) -> str:
    return f"{number} commit{'' if number == 1 else 's'}"
