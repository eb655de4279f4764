"""Plan and make commits of exactly the managed files, each verified after it is made."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..core.faults import Fault, ProgramFailed, Refused
from ..core.options import CommitOptions
from ..core.plan import COMMIT, PUSHED, Action, Fact, Moved, Step, Values, refused
from ..image.credentials import credential_in
from ..repo.edits import foreign_changes, git_commit
from ..repo.files import Committed, WorkingTree
from ..repo.hub import Hub
from ..repo.remotes import Review, base_here
from ..tools.git import INDEX, Git
from ..tools.git_states import RESTORE, index, left_behind, local_branch, standing, take_back
from ..tools.process import watch
from ..tools.refusals import failed
from .branches import TargetBranch, earlier_release, require_name, target_branch
from .bump import commit_message
from .description import Evidence, from_registry
from .preview import Preview, preview_of
from .pull_request import REQUEST, Branch, plan_push, plan_request

_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg")
# What an action here leaves besides facts.
RESTORED = "restored"
_GO_ON = "where that is right, run the same command again"


class _Commit(NamedTuple):
    subject: str
    hash: str | None = None


def plan_commit(
    hub: Hub,
    options: CommitOptions,
    review: Review,
    images: Callable[[Hub, Values], tuple[Evidence, ...]] = from_registry,
    cluster: Callable[[Hub, Review], Preview | Fault | None] = preview_of,
) -> tuple[Step, Hub]:
    """Plan the commit of the managed files that differ, with push and pull request; return also what it leaves.

    A pull request asks ``images`` for what is known of the images, given what earlier actions left, and ``cluster``.
    """
    start = _Start.read(hub, review, options.branch)
    name = start.target.name
    actions = [start.restore_index()] if start.behind else []
    planned = None
    if start.changed:
        _require_only_ours(hub, start.changed, start.behind)
        _require_no_credentials(hub, start.changed)
        text = _message(hub, options.message)
        planned = _Commit(_subject(text))
        actions += [*([start.switch()] if start.target.switch else []), start.commit(text, options.message)]
    else:
        actions.append(Action("nothing to commit"))
    leaves = hub.with_commit(name, start.changed)
    branch = Branch(name, start.local, options.branch == name, waits=bool(planned or hub.pending))
    pushed, requested, there = branch.commit, None, None
    if options.branch not in (None, name):
        _require_nothing_left(hub, review, options)
        options = replace(options, push=False, request=False)
    try:
        if options.pushes:
            why = "the pull request needs it" if options.request else "of --push"
            pushing, pushed = plan_push(hub, review, branch, why)
            actions.append(pushing)
        if options.request:
            requesting, requested = plan_request(leaves, review, branch, pushed, images, cluster)
            actions.append(requesting)
            there = None if requesting.do else requested
    except Fault as fault:  # the commit is known all the same
        actions += refused("commit", fault).actions

    def report(left: Values) -> Values:
        commit, request = left.get(COMMIT, planned), left.get(REQUEST, requested)
        return {
            "branch": name,
            "commits": [{"hash": commit.hash, "subject": commit.subject}] if commit else [],
            "pull_request": request.report() if request else None,
        }

    def summary(left: Values) -> list[str]:
        commit, request = left.get(COMMIT), left.get(REQUEST, there)
        return [
            *([_restoring(left[RESTORED])] if RESTORED in left else []),
            *([f"commit {commit.hash[:12]} on {name}: {commit.subject}"] if commit else []),
            *([f"pushed {name} to {left[PUSHED]}"] if PUSHED in left else []),
            *(request.summary() if request else []),
        ]

    warnings = (*(earlier_release(hub, name) if start.changed else ()), *(requested.warnings if requested else ()))
    return Step("commit", tuple(actions), report, summary, warnings), leaves


class _Start(NamedTuple):
    """What a commit starts from: its branch, the files that differ from HEAD, and the facts that its actions rely on.

    The index of the files in ``behind`` is as an interrupted git has left it: as it was before HEAD.
    """

    hub: Hub
    target: TargetBranch
    changed: tuple[str, ...]
    behind: tuple[str, ...]
    branch: Fact
    head: Fact
    staged: Fact
    files: tuple[Fact, ...]
    local: Fact

    @classmethod
    def read(cls, hub: Hub, review: Review, wanted: str | None) -> _Start:
        """Read where a commit starts; the facts first, so that what changes from here on is noticed."""
        git, tree = hub.git, WorkingTree(hub.git.folder)
        current = git.require_commit_can_be_made()
        branch, commit = standing(git, hub.branch or current)
        staged = index(git, hub.managed)
        files = tuple(tree.fact(path, hub.files.read(path)) for path in hub.managed)
        target = target_branch(hub, review, wanted) if hub.changed else TargetBranch(hub.branch or current, "")
        local = local_branch(git, target.name, target.commit if target.switch else commit.value)
        # What a planned commit leaves is not there yet.
        behind = () if hub.planned_branch else left_behind(git, hub.managed)
        return cls(hub, target, hub.changed, behind, branch, commit, staged, files, local)

    def restore_index(self) -> Action:
        """Return the action that does what git was interrupted in: it writes the index last."""
        git, what = self.hub.git, _restoring(self.behind)

        def do(values: Values) -> Values:
            git.require_unlocked()
            git.read(*RESTORE, *self.behind)
            return {self.staged.name: _without(values[self.staged.name], self.behind), RESTORED: self.behind}

        command = f"$ {git.command(*RESTORE, *self.behind)}"
        return Action(what, "it still has what the commit before had", do, (command,), (self.head, self.staged))

    def switch(self) -> Action:
        git, target = self.hub.git, self.target

        def do(values: Values) -> Values:
            git.switch(*target.switch, branch=target.name)
            return {self.branch.name: target.name, self.local.name: values[self.head.name]}

        command = f"$ {git.command(*target.switch)}"
        is_new = any(one.startswith("--") for one in target.switch)
        cut = f"create {target.name} from {self.branch.value or 'HEAD'}"
        what = cut if is_new else f"switch to {target.name}"
        return Action(what, target.why, do, (command,), (self.branch, self.head, self.local))

    def commit(self, text: str, given: str | None) -> Action:
        hub, on_branch = self.hub, self.branch._replace(value=self.target.name)

        def do(values: Values) -> Values:
            known = {fact.name: values[fact.name] for fact in self.files}
            staged, parent = values[self.staged.name], values[self.head.name]
            # The tag of an image that was only planned is known now.
            message = _message(replace(hub, committed=Committed(hub.git, parent)).holding(known), given).strip()
            wanted = {path: known[path] for path in self.changed}
            place = on_branch, self.head._replace(value=parent)
            made = _make_commit(hub.git, place, wanted, message, staged)
            left = _without(staged, self.changed)
            commit = _Commit(_subject(message), made)
            return {self.head.name: made, self.local.name: made, self.staged.name: left, COMMIT: commit}

        relies = (on_branch, self.head, self.staged, *self.files)
        return Action(f'commit {", ".join(self.changed)}: "{_subject(text)}"', "", do, (text,), relies)


def _make_commit(
    git: Git, place: tuple[Fact, Fact], wanted: Mapping[str, bytes], text: str, staged: Mapping[str, str]
) -> str:
    """Commit the files of ``wanted`` (bytes by path) and nothing else, and return the commit's full hash.

    The clone's hooks run. A commit that did not go to the branch and the parent of ``place`` is taken back; ``staged``
    has the index's entries for that, by path.
    """
    branch, parent = (fact.value for fact in place)
    git.require_unlocked()
    flags = ("--quiet", "--only", "--cleanup=whitespace", "--file=-")
    output = watch(git.command("--literal-pathspecs", "commit", *flags, "--", *wanted, stdin=text))
    commit = git.child_of(parent, f"refs/heads/{branch}")
    is_ours = commit is not None and not _unlike(git, commit, wanted)
    if output.ok and not is_ours:
        _take_back(git, place, wanted, staged, but=commit)
    if not is_ours and not (output.ok and commit):
        _require_there(place)
    if not output.ok:
        _require_untouched(git, wanted, text)
        hooks = [name for name in _HOOKS if os.access(git.path_of("--git-path", f"hooks/{name}"), os.X_OK)]
        if hooks and output.status > 0 and "fatal: " not in output.stderr:
            what = f"a commit hook stopped the commit: {output.last_words}"
            hint = "fix what it finds; what it changed: git status; then run the same command again"
            raise ProgramFailed(what, where=" or ".join(hooks), hint=hint)
        raise failed(("commit",), output, git.folder)
    if commit is None:
        raise Moved(f"the branch {branch} does not have the commit that was made")
    _require_as_wanted(git, commit, wanted)
    return commit


def _require_nothing_left(hub: Hub, review: Review, options: CommitOptions) -> None:
    """Check that a branch to push, which no commit is made on, lacks nothing that is here."""
    tip, name = base_here(hub.git, review), str(options.branch)
    require_name(hub.git, name, "use --branch NAME")
    there = hub.git.branch_commit(name)
    if options.pushes and not (tip and all(hub.git.contains(tip, one) for one in ("HEAD", there) if one)):
        raise Refused(
            f"there is nothing to commit, and {name} is not the current branch",
            where="--branch",
            hint=f"git switch {'' if there else '--create '}{shlex.quote(name)}, then run the same command again",
        )


def _require_only_ours(hub: Hub, changed: Sequence[str], behind: Sequence[str]) -> None:
    for path in changed:
        if hub.committed.read(path) is None:
            raise Refused("the file was never committed", where=path, hint=git_commit(hub, [path]))
    for path in foreign_changes(hub):
        raise Refused(
            "the file has uncommitted changes besides the release's",
            where=path,
            hint=f"commit them, a hook's too: git commit -- {path}; or put them aside: git stash push -- {path}",
        )
    staged, committed, now = hub.git.show_all(changed, INDEX), hub.git.show_all(changed), WorkingTree(hub.git.folder)
    for path in changed:
        known = (committed[path], now.read(path))
        if path not in behind and not any(hub.git.keeps_same(path, staged[path], one) for one in known):
            raise Refused("other changes of the file are staged", where=path, hint=f"git restore --staged -- {path}")


def _require_no_credentials(hub: Hub, changed: Sequence[str]) -> None:
    """Check that no changed file is a credential file, as git stores it: a filter may encrypt it on the way."""
    for path in changed:
        found = credential_in(path, hub.require(path)) and credential_in(path, hub.git.stored(path))
        if found:
            hint = f"encrypt it (sops, git-crypt), or keep it out of git: git rm --cached -- {path}"
            raise Refused(f"the file to commit holds {found}", where=path, hint=hint)


def _message(hub: Hub, given: str | None) -> str:
    text = given or commit_message(hub)
    if not text.strip():
        raise Refused(
            "the commit's message is empty", where="--message", hint="leave out --message: then it says what moved"
        )
    return text


def _subject(message: str) -> str:
    return message.strip().partition("\n")[0]


def _restoring(paths: Sequence[str]) -> str:
    return f"put {', '.join(paths)} into the index as committed"


def _without(staged: Values, paths: Sequence[str]) -> Values:
    return {path: entry for path, entry in staged.items() if path not in paths}


def _take_back(
    git: Git, place: tuple[Fact, Fact], wanted: Mapping[str, bytes], staged: Mapping[str, str], *, but: str | None
) -> None:
    """Take back the commit of ``wanted`` if it went to another branch than planned, and raise Moved; files stay."""
    parent = place[1].value
    stray = git.child_of(parent, "HEAD")
    if stray is None or stray == but or _unlike(git, stray, wanted):
        return
    if git.ask("update-ref", "-m", "not on the planned branch", "HEAD", parent, stray).ok:
        take_back(git, [*wanted], {path: entry for path, entry in staged.items() if path in wanted})
    _require_there(place)


def _require_there(place: tuple[Fact, Fact]) -> None:
    for fact in place:
        fact.require(fact.value)


def _require_untouched(git: Git, wanted: Mapping[str, bytes], message: str) -> None:
    """Check that the hook that stopped a commit did not change the files, as formatters do."""
    tree = WorkingTree(git.folder)
    changed = shlex.join(path for path, data in wanted.items() if tree.read(path) != data)
    if changed:
        again = shlex.join(("git", "commit", "--message", _subject(message), "--", *wanted))
        raise Refused(
            "a commit hook changed files and stopped the commit",
            where=changed,
            hint=f"review it: git diff -- {changed}; then: {again}; then run the same command again",
        )


def _require_as_wanted(git: Git, commit: str, wanted: Mapping[str, bytes]) -> None:
    _, files = git.last_commit(commit)
    for path in sorted(files - wanted.keys()):
        raise Refused("a hook added the file to the commit", where=path, hint=f"git show --stat HEAD; {_GO_ON}")
    for path in _unlike(git, commit, wanted):
        hint = f"git show HEAD -- {path}; {_GO_ON}"
        raise Refused("a hook changed the file while it was committed", where=path, hint=hint)


def _unlike(git: Git, commit: str, wanted: Mapping[str, bytes]) -> list[str]:
    """Return the files of which a commit has other bytes than ``wanted``."""
    return [
        path for path, data in git.show_all([*wanted], commit).items() if not git.keeps_same(path, data, wanted[path])
    ]
