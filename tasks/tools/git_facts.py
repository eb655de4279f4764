"""What an action can rely on in a clone and at its remote."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.plan import Fact
from .git import Git, staged_entries

CURRENT_BRANCH = "the current branch"
HEAD = "HEAD"
INDEX = "the index"
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
    return Fact(INDEX, lambda: staged_entries(git, paths), staged_entries(git, paths), lambda _: "has changed")


def _is_at(commit: str | None) -> str:
    return f"is now {commit[:_SHORT]}" if commit else "does not exist now"
