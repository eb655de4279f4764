"""Plan and make commits of exactly the managed files, each verified after it is made."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ..core.faults import Fault, ProgramFailed, Refused
from ..core.options import CommitOptions
from ..core.plan import COMMIT, PUSHED, Action, Fact, Step, Values, refused
from ..repo.edits import foreign_changes, git_commit
from ..repo.files import Edited, WorkingTree, read_all
from ..repo.hub import Hub
from ..repo.remotes import Review, base_here
from ..tools.command import Output
from ..tools.git import HEAD, INDEX, SHORT, Git, Head, failed, head_fact, index_fact
from ..tools.process import run_with_output
from .branches import TargetBranch, earlier_release, require_name, target_branch
from .bump import commit_message
from .pull_request import LOOKUPS, REQUEST, Lookups, plan_push, plan_request

_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg")
_SKIPPED = "S "  # git ls-files -t
_GO_ON = "where that is right, run the same command again"


def plan_commit(hub: Hub, options: CommitOptions, review: Review, lookups: Lookups = LOOKUPS) -> tuple[Step, Hub]:
    """Plan the commit of the changed managed files, with push and pull request; return also the repository after it."""
    git, tree = hub.git, WorkingTree(hub.git.folder)
    _require_branch(git)
    # The facts come first, so that later changes are noticed.
    head, staged = head_fact(git, hub.branch), index_fact(git, hub.managed)
    files = tuple(tree.fact(path, hub.files.read(path)) for path in hub.managed)
    changed, target = hub.changed, target_branch(hub, review, options.branch)
    name, hub_after, actions = target.name, hub.with_commit(target.name, changed), [Action("nothing to commit")]
    planned, pushed, requested, existing = None, target.tip, None, None
    if changed:
        git.author()  # raises git's fault if it knows none
        _require_committable(hub, changed, staged.value)
        committing, planned = _committing(hub, target, head, staged, files, options.message)
        actions = [*([_switching(git, target, head)] if target.switch else []), committing]
    if options.branch not in (None, name):
        _require_nothing_left(hub, review, options)
        options = replace(options, push=False, pr=False)
    try:
        if options.pushes:
            why = "the pull request needs it" if options.pr else "of --push"
            pushing, pushed = plan_push(hub_after, review, target, why)
            actions.append(pushing)
        if options.pr:
            requesting, requested = plan_request(hub_after, review, target, pushed, lookups)
            actions.append(requesting)
            existing = None if requesting.do else requested
    except Fault as fault:  # the commit is still shown
        actions += refused("commit", fault).actions

    def report(results: Values) -> Values:
        commit, request = results.get(COMMIT, planned), results.get(REQUEST, requested)
        return {
            "branch": name,
            "commits": [commit] if commit else [],
            "pull_request": request.report() if request else None,
        }

    def summary(results: Values) -> list[str]:
        commit, request = results.get(COMMIT), results.get(REQUEST, existing)
        return [
            *([f"commit {commit['hash'][:SHORT]} on {name}: {commit['subject']}"] if commit else []),
            *([f"pushed {name} to {results[PUSHED]}"] if PUSHED in results else []),
            *(request.summary() if request else []),
        ]

    warnings = (*(earlier_release(hub, name) if changed else ()), *(requested.warnings if requested else ()))
    return Step("commit", tuple(actions), report, summary, lambda: warnings), hub_after


def _switching(git: Git, target: TargetBranch, head: Fact) -> Action:
    def do(values: Values) -> Values:
        new = values[HEAD]._replace(branch=target.name)
        git.move(*target.switch, to=new)
        return {HEAD: new, target.tip.name: new.commit}

    is_new = any(one.startswith("--") for one in target.switch)
    what = f"create {target.name} from {head.value.branch}" if is_new else f"switch to {target.name}"
    return Action(what, target.why, do, (f"$ {git.command(*target.switch)}",), (head, target.tip))


def _committing(
    hub: Hub, target: TargetBranch, head: Fact, staged: Fact, files: Sequence[Fact], given: str | None
) -> tuple[Action, Mapping[str, str | None]]:
    """Return the action that commits the changed ones of ``files``, and the planned commit for the report."""
    changed, text = hub.changed, _message(hub, given)
    planned = {"hash": None, "subject": text.partition("\n")[0]}
    head = head._replace(value=head.value._replace(branch=target.name))
    # A copy: after a planned commit, `hub.committed` reads the working tree, which the build changes meanwhile.
    committed = Edited(hub.committed, read_all(hub.committed, hub.managed))

    def do(values: Values) -> Values:
        known = {fact.name: values[fact.name] for fact in files}
        start = values[HEAD]
        # A tag that the plan left open is known now.
        message = _message(replace(hub, committed=committed).holding(known), given)
        made = _make_commit(hub.git, head._replace(value=start), {path: known[path] for path in changed}, message)
        still_staged = {path: entry for path, entry in values[staged.name].items() if path not in changed}
        facts = {HEAD: Head(start.branch, made), target.tip.name: made, staged.name: still_staged}
        # A hook may have changed the subject.
        return {**facts, COMMIT: {"hash": made, "subject": hub.git.read("log", "--max-count=1", "--pretty=%s", made)}}

    what = f'commit {", ".join(changed)}: "{planned["subject"]}"'
    return Action(what, "", do, (text,), (head, staged, *files)), planned


def _make_commit(git: Git, head: Fact, contents: Mapping[str, bytes], message: str) -> str:
    """Commit the files with the given ``contents`` and nothing else, and return the commit's full hash.

    The clone's hooks run. ``head`` is the fact of HEAD, with the branch and the parent.
    """
    branch, parent = head.value
    git.require_unlocked()
    flags = ("--quiet", "--only", "--cleanup=whitespace", "--file=-")
    # Not --literal-pathspecs: hooks would inherit its variable.
    paths = (f":(literal){path}" for path in contents)
    # A mode that somebody has changed meanwhile is not part of the plan.
    command = git.command("-c", "core.fileMode=false", "commit", *flags, "--", *paths, stdin=message)
    with git.keeping_messages():
        output = run_with_output(command)
    if not output.ok:
        if output.status > 0:
            head.require(head.value)
        raise _commit_fault(git, output, contents, message)
    commit = git.child_of(parent, f"refs/heads/{branch}")
    if commit is None:
        what = f"the commit is not on {branch}: a hook or another program has switched to another branch"
        back = f"git reset --soft HEAD~1; then git switch {branch}, and run the same command again"
        raise Refused(what, where=git.folder, hint=f"look at it: git log -1 --stat; to take it back: {back}")
    added = sorted({*git.differing_files(f"{commit}^", commit)} - contents.keys())
    done = git.show_all([*contents], commit).items()
    changed = [path for path, data in done if not git.same_to_git(path, data, contents[path])]
    # Git leaves files that a hook adds to such a commit out of the index: the next commit would revert them.
    unstaged = ("--literal-pathspecs", "diff-index", "--cached", "--quiet", f"{commit}^", "--")
    if stale := [*changed, *(path for path in added if git.ask(*unstaged, path).ok)]:
        git.read("--literal-pathspecs", "reset", "--quiet", "--", *stale)
    for path in added:
        raise Refused("a hook added the file to the commit", where=path, hint=f"git show --stat HEAD; {_GO_ON}")
    for path in changed:
        hint = f"git show HEAD -- {shlex.quote(path)}; {_GO_ON}"
        raise Refused("a hook changed the file while it was committed", where=path, hint=hint)
    return commit


def _commit_fault(git: Git, output: Output, contents: Mapping[str, bytes], message: str) -> Fault:
    """Return the fault for a failed commit: of a hook that changed files, as formatters do, another hook, or git."""
    tree = WorkingTree(git.folder)
    changed = shlex.join(path for path, data in contents.items() if tree.read(path) != data)
    if changed:
        again = shlex.join(("git", "commit", "--message", message.partition("\n")[0], "--", *contents))
        hint = f"review it: git diff -- {changed}; then: {again}; then run the same command again"
        return Refused("a commit hook changed files and stopped the commit", where=changed, hint=hint)
    hooks = [name for name in _HOOKS if os.access(git.path_of("--git-path", f"hooks/{name}"), os.X_OK)]
    if hooks and output.status > 0 and "fatal: " not in output.stderr:
        what = f"a commit hook stopped the commit: {output.last_words}"
        new_message = ", with the message that it wants: --message TEXT" if "commit-msg" in hooks else ""
        hint = f"fix what it finds; what it changed: git status; then run the same command again{new_message}"
        return ProgramFailed(what, where=" or ".join(hooks), hint=hint)
    return failed(("commit",), output, git.folder)


def _require_branch(git: Git) -> None:
    """Check that a commit can be made on the branch that the plan starts from."""
    # A rebase detaches HEAD: a switch would lose its commits.
    step = git.under_way()
    if step:
        raise Refused(f"a {step} is under way", where=git.folder, hint=f"git {step} --continue, or git {step} --abort")
    if git.start.branch is None:
        raise Refused("HEAD is detached", where=git.folder, hint="git switch BRANCH")
    if git.start.commit is None:
        hint = "make the first one: git add --all && git commit"
        raise Refused(f"the branch {git.start.branch} has no commit yet", where=git.folder, hint=hint)


def _require_nothing_left(hub: Hub, review: Review, options: CommitOptions) -> None:
    """Check ``--branch`` if there is nothing to commit: a push needs a base branch that contains it and HEAD."""
    tip, name = base_here(hub.git, review), str(options.branch)
    require_name(hub.git, name)
    commit = hub.git.branch_commit(name)
    if options.pushes and not (tip and all(hub.git.contains(tip, one) for one in ("HEAD", commit) if one)):
        hint = f"git switch {'' if commit else '--create '}{shlex.quote(name)}, then run the same command again"
        raise Refused(f"there is nothing to commit, and {name} is not the current branch", where="--branch", hint=hint)


def _require_committable(hub: Hub, changed: Sequence[str], staged: Collection[str]) -> None:
    """Check that ``changed`` have only a release's changes, and are ``staged`` unchanged or not at all."""
    # Git commits nothing while any file is unmerged.
    for entry in hub.git.names("ls-files", "-z", "--unmerged"):
        path = entry.partition("\t")[2]
        hint = f"resolve it, then: git add -- {shlex.quote(path)}; then run the same command again"
        raise Refused("the file has a merge conflict", where=path, hint=hint)
    listed = hub.git.names("--literal-pathspecs", "ls-files", "-z", "-t", "--", *changed)
    # In a sparse checkout, only missing files keep the mark.
    for path in (line.removeprefix(_SKIPPED) for line in listed if line.startswith(_SKIPPED)):
        if (hub.git.folder / path).exists():
            hint = f"git update-index --no-skip-worktree -- {shlex.quote(path)}; then run the same command again"
            raise Refused("git was told to leave the file's changes out (skip-worktree)", where=path, hint=hint)
    for path in changed:
        if hub.committed.read(path) is None:
            raise Refused("the file was never committed", where=path, hint=git_commit(hub, [path]))
    for path in foreign_changes(hub):
        name = shlex.quote(path)
        stash = f"put them aside, and bump or build again: git stash push -- {name}"
        hint = f"commit them, a hook's too: git commit -- {name}; or {stash}"
        raise Refused("the file has uncommitted changes besides the release's", where=path, hint=hint)
    for path in hub.git.with_another_mode(changed):
        look = f"git diff --summary -- {shlex.quote(path)}"
        hint = f"take that back, or commit it before: {look}; then run the same command again"
        raise Refused("the file's mode was changed too", where=path, hint=hint)
    tree = WorkingTree(hub.git.folder)
    for path, data in hub.git.show_all([path for path in changed if path in staged], INDEX).items():
        if not hub.git.same_to_git(path, data, tree.read(path)):
            hint = f"git restore --staged -- {shlex.quote(path)}"
            raise Refused("other changes of the file are staged", where=path, hint=hint)


def _message(hub: Hub, given: str | None) -> str:
    text = (given or commit_message(hub)).strip()
    if not text:
        hint = "leave out --message: then it says what moved"
        raise Refused("the commit's message is empty", where="--message", hint=hint)
    return text
