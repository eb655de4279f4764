"""Commits of exactly the managed files, proved after they are made; pushes that never overwrite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import show
from ..faults import Refused
from ..hubrepo.credential_files import credential_in
from ..hubrepo.edits import foreign_changes
from ..tools.git import INDEX, PUSH_SECONDS
from ..tools.git_faults import failed, push_fault
from ..tools.git_locks import require_unlocked
from ..tools.run import capture, watch
from ..z2jh.notes import release_links, upgrade_links
from ..z2jh.security import security_news
from .brief import upgrade_paragraph
from .changes import changes, message
from .facts import facts, kept
from .findings import upgrades_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..hubrepo.layout import Hub
    from ..tools.git import CommitOf, Git

# Lines of git's that say what the fault says: people read one error and one hint.
_GITS_OWN_VERDICT = ("error: ", "hint: ")


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
    staged, committed, now = hub.git.show_all(changed, INDEX), hub.git.show_all(changed), hub.again().files
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


def make_commit(hub: Hub, paths: Sequence[str], text: str | None) -> tuple[str, str]:
    """Commit ``paths`` and nothing else, and return the commit's full hash and subject.

    Args:
        hub: the repository as it is now.
        paths: the managed files that differ, relative to the top.
        text: the message; None for one that says what moved.

    Raises:
        ProgramFailed: git refused, for instance through a hook; its words stand above.
        Refused: a file holds more than ours, or a credential; a hook changed the files on the way, or added others; or
            another git is at work here.
    """
    require_unlocked(hub.git.git_dir)
    require_only_ours(hub, paths)
    require_no_credentials(hub, paths)
    whole = text or commit_message(hub)
    wanted = {path: hub.require(path) for path in paths}
    flags = ("--quiet", "--only", "--cleanup=whitespace", "--file=-")
    output = watch(hub.git.command("--literal-pathspecs", "commit", *flags, "--", *paths, stdin=whole), speaker="git")
    if not output.ok:
        raise failed(("commit",), output, hub.git.folder)
    commit, files = hub.git.last_commit()
    for path in sorted(files - wanted.keys()):
        raise Refused("a hook added the file to the commit", where=path, hint="git show --stat HEAD")
    for path, data in hub.git.show_all(paths).items():
        if wanted[path] != data:
            raise Refused("a hook changed the file while it was committed", where=path, hint=f"git show HEAD -- {path}")
    return commit, whole.strip().partition("\n")[0]


def require_pushable(git: Git, remote: str, branch: str, commit_of: CommitOf | None = None) -> str | None:
    """Return the commit that ``remote`` has as ``branch``, after checking that a push would only add to it.

    Args:
        git: the clone.
        remote: the remote's name.
        branch: the branch's.
        commit_of: waits for the remote's answer where it was asked already; None to ask it.

    Raises:
        Refused: there is no such remote, or its branch has commits that are not here.
        Unreachable: it does not answer, or denies access.
    """
    if git.remote_url(remote) is None:
        raise Refused(f"there is no remote {remote}", where=git.folder, hint=f"git remote add {remote} URL")
    there = commit_of(branch) if commit_of else git.remote_commit(remote, branch)
    if not _is_behind(git, there):
        theirs = (
            f"pull --rebase {remote} {branch}" if git.branch() == branch else f"fetch {remote} && git switch {branch}"
        )
        raise Refused(
            f"the remote's branch {branch} has commits that are not here",
            where=remote,
            hint=f"git {theirs}; or use another branch: --branch NAME",
        )
    return there


def _is_behind(git: Git, there: str | None) -> bool:
    """Whether the remote's commit, if it has one, is among those of HEAD."""
    return there is None or git.ask("merge-base", "--is-ancestor", there, "HEAD").ok


def push(git: Git, remote: str, branch: str) -> None:
    """Push ``branch`` to ``remote``, and prove that it is there; who put it there does not matter.

    Raises:
        Unreachable: the remote rejected it, denied access or did not answer.
    """
    output = capture(git.push_command(remote, branch), seconds=PUSH_SECONDS)
    show.say("\n".join(line for line in output.stderr.splitlines() if not line.startswith(_GITS_OWN_VERDICT)))
    there = git.remote_commit(remote, branch)
    if there == git.branch_commit(branch):
        return
    if not output.ok:
        raise push_fault(output, remote, branch, ahead=not _is_behind(git, there))
    raise Refused("the remote does not have the branch that was pushed", where=remote, hint=f"git push {remote}")
