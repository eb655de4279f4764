"""The index where it is not what the last commit has.

Git commits in this order: the commit, the branch, the index (``cmd_commit`` in its ``builtin/commit.c``). Where it is
interrupted before the last of them, the index still has what was committed before, and the next commit that somebody
makes by hand would take the change back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .git import Git

_BEFORE = "HEAD~1"
# The index differs from HEAD, and the file from the index (git-status, short format).
_TWICE = "MM"


def left_behind(git: Git, paths: Sequence[str]) -> tuple[str, ...]:
    """Return those of ``paths`` whose entry in the index is not HEAD's, but that of the commit before.

    Args:
        git: the clone, at its top.
        paths: relative to that.

    Raises:
        ProgramFailed: git cannot compare them.
    """
    entries = ("--literal-pathspecs", "diff-index", "--cached", "--name-only", "--no-renames", "-z")
    stale = _names(git.read(*entries, "HEAD", "--", *paths))
    if not stale or not git.ask("rev-parse", "--verify", "--quiet", f"{_BEFORE}^{{commit}}").ok:
        return ()
    others = _names(git.read(*entries, _BEFORE, "--", *stale))
    return tuple(path for path in stale if path not in others)


def restore(paths: Sequence[str]) -> tuple[str, ...]:
    """Return git's arguments that give ``paths`` the entries in the index that HEAD has for them."""
    return ("--literal-pathspecs", "restore", "--staged", "--", *paths)


def unlike_head(git: Git, status: str) -> tuple[str, ...]:
    """Return the files that differ from HEAD as they lie there, or are untracked, whatever the index has for them.

    Args:
        git: the clone.
        status: what ``git status --porcelain -z --no-renames`` says: two letters, a blank and the path.

    Raises:
        ProgramFailed: git cannot compare them.
    """
    entries = [(entry[:2], entry[3:]) for entry in _names(status)]
    same = _like_head(git, [path for letters, path in entries if letters == _TWICE])
    return tuple(path for _, path in entries if path not in same)


def _like_head(git: Git, paths: Sequence[str]) -> set[str]:
    """Return those of ``paths`` that differ from the index alone."""
    if not paths:
        return set()
    from_top = (f":(top,literal){path}" for path in paths)
    listed = git.read("diff", "--name-only", "--no-renames", "-z", "HEAD", "--", *from_top)
    return set(paths).difference(_names(listed))


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name for name in listed.split("\0") if name)
