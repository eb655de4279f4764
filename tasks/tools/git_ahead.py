"""A clone as a switch will leave it: the same work tree and objects, and a git directory that stands elsewhere.

So a plan reads there what it is yet to do here, and nothing of the clone changes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from .git import Git, in_list

# What the new git directory has of its own; everything else is the clone's (gitrepository-layout).
_OWN = frozenset({"HEAD", "index", "info", "logs", "objects", "packed-refs", "refs", "reftable", "worktrees"})


def switched(git: Git, branch: str, commit: str, moved: Sequence[str], folder: Path) -> Git:
    """Return the clone as it is once ``branch``, at ``commit``, is switched to.

    Args:
        git: the clone.
        branch: the branch.
        commit: a commit that the clone has, or the folder ``objects`` below ``folder``.
        moved: the files that such a switch writes or removes: git takes the old ones in the work tree for the new ones.
        folder: where the git directory is made.
    """
    common = git.path_of("--git-common-dir")
    for entry in common.iterdir():
        if entry.name not in _OWN and not entry.name.endswith(".lock"):
            (folder / entry.name).symlink_to(entry)
    for name in ("objects/info", "info", "refs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "objects/info/alternates").write_bytes(os.fsencode(f"{in_list(git.path_of('--git-path', 'objects'))}\n"))
    (folder / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    _copy_branches(git, branch, commit, folder)
    shutil.copy(git.path_of("--git-path", "index"), folder / "index")
    ahead = Git(git.folder, git.clone._replace(git_dir=folder, is_found=False), moved=frozenset(moved))
    ahead.read("read-tree", "-m", "-i", str(git.head()), commit)
    there = ahead.names("--literal-pathspecs", "ls-files", "-z", "--", *moved) if moved else ()
    ahead.read("update-index", "-z", "--assume-unchanged", "--stdin", stdin="".join(f"{path}\0" for path in there))
    _ignore(git, sorted({*moved} - {*there}), folder / "info")
    return ahead


def _copy_branches(git: Git, branch: str, commit: str, folder: Path) -> None:
    """Write the clone's references as packed ones, and those that lead to others as files."""
    listed = git.read("for-each-ref", "--format=%(refname) %(objectname) %(symref)").splitlines()
    references = {name: words for name, *words in (line.split(" ") for line in listed)}
    references[f"refs/heads/{branch}"] = [commit, ""]
    lines = (f"{commit} {name}\n" for name, (commit, link) in sorted(references.items()) if not link)
    (folder / "packed-refs").write_text("".join(lines))
    for name, (_, link) in references.items():
        if link:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"ref: {link}\n")


def _ignore(git: Git, gone: Sequence[str], info: Path) -> None:
    """Let git ignore the files that the switch removes, and whatever the clone ignores."""
    for entry in (own for own in git.path_of("--git-path", "info").glob("*") if own.name != "exclude"):
        (info / entry.name).symlink_to(entry)
    exclude = git.path_of("--git-path", "info/exclude")
    lines = (re.sub(r"([\\*?\[ ])", r"\\\1", path) for path in gone)
    before = exclude.read_text(errors="surrogateescape") if exclude.is_file() else ""
    (info / "exclude").write_text("".join((before, "\n", *(f"/{line}\n" for line in lines))), errors="surrogateescape")
