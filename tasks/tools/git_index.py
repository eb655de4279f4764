"""The index where it is not what the last commit has.

Git commits in this order: the commit, the branch, the index (``cmd_commit`` in its ``builtin/commit.c``). Where it is
interrupted before the last of them, the index still has what was committed before, and the next commit that somebody
makes by hand would take the change back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .run import capture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .git import Git

_BEFORE = "HEAD~1"
# The index differs from HEAD, and the file from the index (git-status, short format).
_TWICE = "MM"
_COMPARED = ("--literal-pathspecs", "diff-index", "--no-renames", "-z")


def left_behind(git: Git, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the files of HEAD's commit whose entries in the index are still those of the commit before.

    They are named where that is so for all of them, and ``paths`` has them all: git writes the index at once. What
    somebody has staged since is something else, but for a file that was the only one of its commit.

    Args:
        git: the clone, at its top.
        paths: relative to that.

    Raises:
        ProgramFailed: git cannot compare them.
    """
    stale = _entries_unlike(git, "HEAD", paths, "--diff-filter=M")
    if not stale or not git.ask("rev-parse", "--verify", "--quiet", f"{_BEFORE}^{{commit}}").ok:
        return ()
    _, files = git.last_commit()
    behind = [path for path in stale if path in files]
    return () if len(behind) < len(files) or _entries_unlike(git, _BEFORE, behind) else tuple(behind)


def staged_entries(git: Git, paths: Sequence[str]) -> dict[str, str]:
    """Return the entries (mode and object) that the index has for those of ``paths`` for which HEAD has others.

    Args:
        git: the clone, at its top.
        paths: relative to that.

    Raises:
        ProgramFailed: git cannot compare them.
    """
    # `:MODE MODE OBJECT OBJECT LETTER`, then the path: first what HEAD has, then what the index has.
    listed = git.names(*_COMPARED, "--cached", "--raw", "--no-abbrev", "HEAD", "--", *paths)
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


def unlike_head(git: Git, paths: Sequence[str], status: Sequence[str]) -> tuple[str, ...]:
    """Return the files that ``git status`` names, but for those that are as HEAD has them and differ from the index.

    A binary file may be named all the same.

    Args:
        git: the clone.
        paths: what was asked for, relative to the clone's folder.
        status: the entries of ``git status --porcelain -z --no-renames`` for them: two letters, a blank and the path.

    Raises:
        ProgramFailed: git cannot compare them.
    """
    entries = [(entry[:2], entry[3:]) for entry in status]
    if not any(letters == _TWICE for letters, _ in entries):
        return tuple(path for _, path in entries)
    # Unlike `git diff`, it writes nothing; the numbers of lines make it look into the files.
    counted = git.names(*_COMPARED, "--numstat", "HEAD", "--", *paths)
    unlike = {count.split("\t", 2)[-1] for count in counted}
    return tuple(path for letters, path in entries if letters != _TWICE or path in unlike)


def _entries_unlike(git: Git, commit: str, paths: Sequence[str], *flags: str) -> tuple[str, ...]:
    """Return those of ``paths`` whose entries in the index are not the commit's."""
    return git.names(*_COMPARED, "--cached", "--name-only", *flags, commit, "--", *paths)
