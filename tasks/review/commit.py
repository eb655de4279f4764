"""The branch that a commit goes to, and commits of exactly the managed files, checked after they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from ..core import output
from ..core.faults import Refused, Unusable
from ..core.plan import Moved
from ..image.tag import render
from ..releases.notes import release_links, security_news, upgrade_links
from ..repo.edits import foreign_changes
from ..repo.files import WorkingTree
from ..repo.hub import Hub
from ..repo.secrets import credential_in
from ..tools.git import INDEX, PUSH_SECONDS, Git, failed, push_fault, require_unlocked, take_back
from ..tools.git_facts import current_branch, head
from ..tools.process import capture, run_checked, watch
from .message import changes, facts, kept, message, upgrade_paragraph
from .upgrades import upgrades_here


class BranchPlan(NamedTuple):
    """Where a commit goes.

    Attributes:
        name: the branch.
        why: the reason.
        switch: git's arguments that get there; empty where it is the current branch.
        there: the commit that it is on before that; None where it is yet to be made.
    """

    name: str
    why: str
    switch: tuple[str, ...] = ()
    there: str | None = None


def base_branch(hub: Hub) -> str:
    """Return the branch that pull requests go to: the setting's, else the remote's default branch."""
    return hub.settings.base_branch or hub.git.default_branch(hub.settings.remote)


def shared_branches(hub: Hub) -> dict[str, str]:
    """Return the branches that are not committed to directly, each with what it is.

    They are the one that pull requests go to, and the remote's default branch.

    Raises:
        Refused: nobody knows the default branch, and no setting names one.
    """
    base = hub.settings.base_branch
    try:
        default = hub.git.default_branch(hub.settings.remote)
    except Refused:
        if base is None:
            raise
        default = base
    return {base or default: "the branch that pull requests go to", default: "the default branch"}


def plan_branch(hub: Hub, wanted: str | None) -> BranchPlan:
    """Plan the branch for a commit: the current one, or a feature branch where that is a shared one.

    Args:
        hub: the repository; its ``branch`` is the current one, or the one that an earlier step switches to.
        wanted: the branch that was asked for by name; None to choose.

    Raises:
        Refused: the branch exists with other commits, or nobody knows the default branch.
        Unusable: the name is none that git takes.
    """
    shared = shared_branches(hub)
    current = hub.branch or ""
    name = wanted or (_feature_name(hub) if current in shared else current)
    if name == current:
        return BranchPlan(name, "it is the current branch")
    if not hub.git.is_branch_name(name):
        raise Unusable(f"{name!r} cannot be a branch's name", where="git check-ref-format", hint="use --branch NAME")
    why = f"{current} is {shared[current]}" if current in shared else "it was asked for with --branch"
    there = hub.git.branch_commit(name)
    return BranchPlan(name, why, _switch(hub.git, name, there), there)


def _feature_name(hub: Hub) -> str:
    return render(hub.settings.branch, {"version": hub.requirement.version}, "hub.branch")


def _switch(git: Git, name: str, there: str | None) -> tuple[str, ...]:
    if there is None:
        return ("switch", "--create", name)
    if there == git.head():
        return ("switch", name)
    raise Refused(
        f"the branch {name} exists already, with other commits",
        where=git.folder,
        hint=f"go on there: git switch {name}; or use another: --branch NAME",
    )


# Lines of git's that say what the fault says: people read one error and one hint.
_GITS_OWN_VERDICT = ("error: ", "hint: ")


class CommitPlace(NamedTuple):
    """Where a commit is planned.

    Attributes:
        branch: its branch.
        parent: the full hash of the commit before it.
    """

    branch: str
    parent: str

    def require(self, git: Git) -> None:
        """Check that the clone is on the branch, at the parent.

        Raises:
            Moved: it is not.
        """
        current_branch(git, self.branch).require(self.branch)
        head(git, self.parent).require(self.parent)


def commit_message(hub: Hub) -> str:
    """Return the message for what moved: what moves with it, links to its notes, and what an upgrade asks for.

    Nobody is asked for it: what the index says is what it said when it was fetched last.
    """
    moved = changes(hub)
    if moved.release is None:
        return message(moved)
    before, after = moved.release.before, moved.release.after
    old, new = kept(hub, before, after)
    upgrade = upgrade_links(before, after) if before else ()
    paragraph = [*security_news(before, after), *upgrade_paragraph(upgrades_here(hub, before, after))]
    known = [f"- {fact}" for fact in facts(old, new) if fact.is_known]
    text = message(moved, known, (*release_links(new), *upgrade))
    return "\n".join((text, "", *paragraph)) if paragraph else text


def require_only_ours(hub: Hub, changed: Sequence[str], behind: Sequence[str] = ()) -> None:
    """Check that the changed files hold nothing but what bump and build write, in the folder and in the index.

    Args:
        hub: the repository.
        changed: the managed files that differ from the commit.
        behind: the files whose entries in the index are yet to be what the commit has.

    Raises:
        Refused: a file holds more; the message names it.
    """
    for path in changed:
        if hub.committed.read(path) is None:
            hint = f"git add -- {path} && git commit -- {path}"
            raise Refused("the file was never committed", where=path, hint=hint)
    for path in foreign_changes(hub):
        raise Refused(
            "the file has other changes than a release's",
            where=path,
            hint=f"commit them first: git commit -- {path}; or put them aside: git stash push -- {path}",
        )
    staged, committed, now = hub.git.show_all(changed, INDEX), hub.git.show_all(changed), WorkingTree(hub.git.folder)
    for path in changed:
        if path not in behind and staged[path] not in (committed[path], now.read(path)):
            raise Refused("other changes of the file are staged", where=path, hint=f"git restore --staged -- {path}")


def require_no_credentials(hub: Hub, changed: Sequence[str]) -> None:
    """Check that no changed file is a credential file, as git stores it: a filter may encrypt it on the way.

    Raises:
        Refused: one is; the message names it.
    """
    for path in changed:
        found = credential_in(path, hub.require(path)) and credential_in(path, hub.git.stored(path))
        if found:
            hint = f"encrypt it (sops, git-crypt), or keep it out of git: git rm --cached -- {path}"
            raise Refused(f"the file to commit holds {found}", where=path, hint=hint)


def make_commit(git: Git, place: CommitPlace, wanted: Mapping[str, bytes], text: str, staged: Mapping[str, str]) -> str:
    """Commit the files of ``wanted`` and nothing else, and return the commit's full hash.

    The clone's hooks run, and may take their time. A commit that did not go where it was planned to is taken back.

    Args:
        git: the clone.
        place: where the commit is planned.
        wanted: the bytes of the files, by their paths relative to the top.
        text: the message.
        staged: what the index has of other than the parent's entries, by path.

    Raises:
        ProgramFailed: git refused, for instance through a hook; its words stand above.
        Moved: the branch was switched, or has got another commit, while the hooks ran.
        Refused: a hook changed the files on the way, or added others; or another git is at work here.
    """
    require_unlocked(git.git_dir)
    flags = ("--quiet", "--only", "--cleanup=whitespace", "--file=-")
    output = watch(git.command("--literal-pathspecs", "commit", *flags, "--", *wanted, stdin=text), speaker="git")
    commit = git.child_of(place.parent, f"refs/heads/{place.branch}")
    is_ours = commit is not None and git.show_all([*wanted], commit) == wanted
    if output.ok and not is_ours:
        _take_back(git, place, wanted, staged, but=commit)
    if not is_ours and not (output.ok and commit):
        place.require(git)
    if not output.ok:
        raise failed(("commit",), output, git.folder)
    if commit is None:
        raise Moved(f"the branch {place.branch} does not have the commit that was made")
    _require_as_wanted(git, commit, wanted)
    return commit


def _take_back(
    git: Git, place: CommitPlace, wanted: Mapping[str, bytes], staged: Mapping[str, str], *, but: str | None
) -> None:
    """Take back the commit of ``wanted`` that HEAD has got on another branch than the planned one, if it has.

    Files and index stay as they were.

    Raises:
        Moved: it was taken back.
    """
    stray = git.child_of(place.parent, "HEAD")
    if stray is None or stray == but or git.show_all([*wanted], stray) != wanted:
        return
    if git.ask("update-ref", "-m", "not on the planned branch", "HEAD", place.parent, stray).ok:
        take_back(git, [*wanted], {path: entry for path, entry in staged.items() if path in wanted})
    place.require(git)


def _require_as_wanted(git: Git, commit: str, wanted: Mapping[str, bytes]) -> None:
    """Check that ``commit`` has the files of ``wanted`` with these bytes, and changes no others.

    Raises:
        Refused: it has others.
    """
    _, files = git.last_commit(commit)
    for path in sorted(files - wanted.keys()):
        raise Refused("a hook added the file to the commit", where=path, hint="git show --stat HEAD")
    for path, data in git.show_all([*wanted], commit).items():
        if wanted[path] != data:
            raise Refused("a hook changed the file while it was committed", where=path, hint=f"git show HEAD -- {path}")


def require_pushable(git: Git, remote: str, branch: str, asked: Future[dict[str, str]] | None = None) -> dict[str, str]:
    """Return the branches that ``remote`` has, after checking that a push of ``branch`` would only add to them.

    Args:
        git: the clone.
        remote: the remote's name.
        branch: the branch's.
        asked: the remote's answer, where it was asked already; None to ask it.

    Raises:
        Refused: there is no such remote, or its branch has commits that are not here.
        Unreachable: it does not answer, or denies access.
    """
    if git.remote_url(remote) is None:
        raise Refused(f"there is no remote {remote}", where=git.folder, hint=f"git remote add {remote} URL")
    heads = asked.result() if asked else git.remote_heads(git.push_address(remote))
    if not _is_behind(git, heads.get(branch), "HEAD"):
        theirs = (
            f"pull --rebase {remote} {branch}" if git.branch() == branch else f"fetch {remote} && git switch {branch}"
        )
        raise Refused(
            f"the remote's branch {branch} has commits that are not here",
            where=remote,
            hint=f"git {theirs}; or use another branch: --branch NAME",
        )
    return heads


def _is_behind(git: Git, there: str | None, commit: str) -> bool:
    """Whether the remote's commit, if it has one, is among those of ``commit``."""
    return there is None or git.ask("merge-base", "--is-ancestor", there, commit).ok


def push(git: Git, remote: str, commit: str, branch: str) -> None:
    """Push ``commit`` to ``remote`` as ``branch``, and prove that it is there; who put it there does not matter.

    The clone's own ``branch`` follows the remote's from then on.

    Raises:
        Unreachable: the remote rejected it, denied access or did not answer.
        ProgramFailed: the clone's own hook stopped it.
    """
    done = capture(git.push_command(remote, commit, branch), seconds=PUSH_SECONDS)
    output.say("\n".join(line for line in done.stderr.splitlines() if not line.startswith(_GITS_OWN_VERDICT)))
    there = git.remote_commit(git.push_address(remote), branch)
    if there == commit:
        for command in git.follow_commands(remote, branch):
            run_checked(command, hint=str(command))
        return
    if not done.ok:
        raise push_fault(done, remote, branch, ahead=not _is_behind(git, there, commit))
    raise Refused("the remote does not have the branch that was pushed", where=remote, hint=f"git push {remote}")
