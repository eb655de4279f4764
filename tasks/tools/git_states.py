"""What plans need of a clone: the facts that actions rely on, what the index has, and the clone after a switch."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..core.plan import Fact, Moved
from .git import COMPARED, Git, Head, in_list

HEAD = "HEAD"
_SHORT = 12
# What a git directory beside the clone's begins with as a copy, and what it begins without; everything else is the
# clone's (gitrepository-layout).
_COPIED, _LEFT_OUT = ("HEAD", "info", "packed-refs", "refs", "reftable"), ("index", "logs", "objects", "worktrees")
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


class Standing(Fact):
    """The fact that HEAD is at a branch and a commit (:class:`.git.Head`)."""

    def require(self, value: Head) -> None:
        """Ask again, and check that HEAD is at ``value``."""
        now = self.ask()
        if now.branch != value.branch:
            what = f"is now {now.branch}" if now.branch else "is now none: HEAD is detached"
            raise Moved(f"the current branch {what}", f"git switch {value.branch}" if value.branch else "")
        if now != value:
            raise Moved(f"{HEAD} {_is_at(now.commit)}")


def standing(git: Git, branch: str | None) -> Fact:
    """Return the fact that HEAD is at ``branch`` (None where it is detached), at the commit that the plan starts at."""
    return Standing(HEAD, git.head, Head(branch, git.start.commit))


def local_branch(git: Git, branch: str, value: str | None) -> Fact:
    """Return the fact that the clone's ``branch`` is the commit ``value`` (None: missing)."""
    return Fact(f"the branch {branch}", lambda: git.branch_commit(branch), value, _is_at)


def remote_branch(git: Git, remote: str, branch: str, value: str | None, address: str) -> Fact:
    """Return the fact that ``branch`` of ``remote``, asked at ``address``, is the commit ``value`` (None: missing)."""
    name = f"{remote}'s branch {branch}"
    return Fact(name, lambda: git.remote_branches(address, branch).heads.get(branch), value, _is_at)


def push_address(git: Git, remote: str) -> Fact:
    """Return the fact that ``remote`` is pushed to at the address that it has now, or at several."""

    def ask() -> str:
        return ", ".join(git.ask("remote", "get-url", "--push", "--all", remote).text.splitlines())

    return Fact(f"the address of {remote}", ask, ask())


def index(git: Git, paths: Sequence[str]) -> Fact:
    """Return the fact that the index has for ``paths`` what it has now."""
    return Fact("the index", lambda: staged_entries(git, paths), staged_entries(git, paths))


def staged_entries(git: Git, paths: Sequence[str]) -> dict[str, str]:
    """Return the entries (mode and object) that the index has for those of ``paths`` for which HEAD has others."""
    # `:MODE MODE OBJECT OBJECT LETTER`, then the path: first what HEAD has, then what the index has.
    listed = git.names(*COMPARED, "--cached", "--raw", "--no-abbrev", "HEAD", "--", *paths)
    columns = [(entry.split(), path) for entry, path in zip(listed[::2], listed[1::2], strict=True)]
    return {path: f"{mode} {blob}" for (_, mode, _, blob, _), path in columns}


def switched(git: Git, branch: str, commit: str, moved: Sequence[str], folder: Path) -> Git:
    """Return the clone as it is once ``branch``, at ``commit``, is switched to: with a git directory in ``folder``.

    The clone, or the folder ``objects`` below ``folder``, has the commit. Of the files that such a switch writes or
    removes (``moved``) git takes the old ones in the work tree for the new ones.
    """
    common = git.path_of("--git-common-dir")
    for entry in common.iterdir():
        if entry.name in _COPIED and entry.is_dir():
            shutil.copytree(entry, folder / entry.name, ignore=shutil.ignore_patterns("*.lock"))
        elif entry.name in _COPIED:
            shutil.copy(entry, folder)
        elif entry.name not in _LEFT_OUT and not entry.name.endswith(".lock"):
            (folder / entry.name).symlink_to(entry)
    for name in ("objects/info", "info"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "objects/info/alternates").write_bytes(os.fsencode(f"{in_list(git.path_of('--git-path', 'objects'))}\n"))
    shutil.copy(git.path_of("--git-path", "index"), folder / "index")
    ahead = Git(git.folder, git.clone._replace(git_dir=folder, is_found=False))
    ahead.read(*_NO_HOOKS, "update-ref", f"refs/heads/{branch}", commit)
    ahead.read(*_NO_HOOKS, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    ahead.read("read-tree", "-m", "-i", str(git.start.commit), commit)
    there = ahead.names("--literal-pathspecs", "ls-files", "-z", "--", *moved) if moved else ()
    ahead.read("update-index", "-z", "--assume-unchanged", "--stdin", stdin="".join(f"{path}\0" for path in there))
    gone = (re.sub(r"([\\*?\[ ])", r"\\\1", path) for path in sorted({*moved} - {*there}))
    with (folder / "info/exclude").open("a", errors="surrogateescape") as exclude:
        exclude.write("".join(("\n", *(f"/{path}\n" for path in gone))))
    return ahead


def _is_at(commit: str | None) -> str:
    return f"is now {commit[:_SHORT]}" if commit else "does not exist now"
