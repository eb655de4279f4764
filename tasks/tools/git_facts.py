"""What an action can rely on in a clone and at its remote, and what the index has.

The index: git commits in this order: the commit, the branch, the index (``cmd_commit`` in its ``builtin/commit.c``).
Where it is interrupted before the last of them, the index still has what was committed before, and the next commit that
somebody makes by hand would take the change back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.plan import Fact
from .git import COMPARED, Git
from .process import capture

CURRENT_BRANCH = "the current branch"
HEAD = "HEAD"
_BEFORE = "HEAD~1"
_SHORT = 12


def standing(git: Git, branch: str | None) -> tuple[Fact, Fact]:
    """Return the facts that the clone is on ``branch`` (None for a detached HEAD), at the commit that HEAD is now."""
    return current_branch(git, branch), head(git, git.head())


def current_branch(git: Git, value: str | None) -> Fact:
    """Return the fact that the clone is on the branch ``value``; None for a detached HEAD."""
    return Fact(
        CURRENT_BRANCH,
        git.branch,
        value,
        lambda branch: f"is now {branch}" if branch else "is now none: HEAD is detached",
        lambda branch: f"git switch {branch}" if branch else "",
    )


def head(git: Git, value: str | None) -> Fact:
    """Return the fact that HEAD is the commit ``value``; None for a branch without a commit."""
    return Fact(HEAD, git.head, value, _is_at)


def local_branch(git: Git, branch: str, value: str | None) -> Fact:
    """Return the fact that the clone's ``branch`` is the commit ``value``; None where there is no such branch."""
    return Fact(f"the branch {branch}", lambda: git.branch_commit(branch), value, _is_at)


def remote_branch(git: Git, remote: str, branch: str, value: str | None, *, push: bool = True) -> Fact:
    """Return the fact that ``branch`` of ``remote`` is the commit ``value``; None where it has no such branch.

    It is the one that is pushed to, or fetched: a remote may have two addresses.
    """
    address = git.push_address(remote) if push else remote
    return Fact(f"{remote}'s branch {branch}", lambda: git.remote_commit(address, branch), value, _is_at)


def index(git: Git, paths: Sequence[str]) -> Fact:
    """Return the fact that the index has for ``paths`` what it has now."""
    return Fact("the index", lambda: staged_entries(git, paths), staged_entries(git, paths), lambda _: "has changed")


def left_behind(git: Git, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the files of HEAD's commit whose entries in the index are still those of the commit before.

    They are named where that is so for all of them, and ``paths`` has them all: git writes the index at once. What
    somebody has staged since is something else, but for a file that was the only one of its commit.
    """
    stale = _entries_unlike(git, "HEAD", paths, "--diff-filter=M")
    if not stale or not git.ask("rev-parse", "--verify", "--quiet", f"{_BEFORE}^{{commit}}").ok:
        return ()
    _, files = git.last_commit()
    behind = [path for path in stale if path in files]
    return () if len(behind) < len(files) or _entries_unlike(git, _BEFORE, behind) else tuple(behind)


def staged_entries(git: Git, paths: Sequence[str]) -> dict[str, str]:
    """Return the entries (mode and object) that the index has for those of ``paths`` for which HEAD has others."""
    # `:MODE MODE OBJECT OBJECT LETTER`, then the path: first what HEAD has, then what the index has.
    listed = git.names(*COMPARED, "--cached", "--raw", "--no-abbrev", "HEAD", "--", *paths)
    columns = [(entry.split(), path) for entry, path in zip(listed[::2], listed[1::2], strict=True)]
    return {path: f"{mode} {blob}" for (_, mode, _, blob, _), path in columns}


def take_back(git: Git, paths: Sequence[str], staged: Mapping[str, str]) -> None:
    """Give ``paths`` the entries in the index that HEAD has for them, and then those of ``staged``."""
    git.read(*restore(paths))
    lines = "".join(f"{entry}\t{path}\0" for path, entry in staged.items())
    capture(git.command("update-index", "-z", "--index-info", stdin=lines))


def restore(paths: Sequence[str]) -> tuple[str, ...]:
    """Return git's arguments that give ``paths`` the entries in the index that HEAD has for them."""
    return ("--literal-pathspecs", "restore", "--staged", "--", *paths)


def _is_at(commit: str | None) -> str:
    return f"is now {commit[:_SHORT]}" if commit else "does not exist now"


def _entries_unlike(git: Git, commit: str, paths: Sequence[str], *flags: str) -> tuple[str, ...]:
    """Return those of ``paths`` whose entries in the index are not the commit's."""
    return git.names(*COMPARED, "--cached", "--name-only", *flags, commit, "--", *paths)
