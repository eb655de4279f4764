"""Repositories that look like others, and a program that must not run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from .cli import sh
from .processes import write_program

_COMMIT = """\
tree {tree}
author a <a@example.com> 1700000000 +0000
committer a <a@example.com> 1700000000 +0000
gpgsig -----BEGIN PGP SIGNATURE-----
{blank}
 x
 -----END PGP SIGNATURE-----

x
"""
_STARTS = (
    *("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "gpg.program", "diff.external", "pager.log"),
    *("pager.status", 'filter "lfs".process'),
)


@dataclass(frozen=True)
class Trap:
    """A program that leaves a file behind when it is run."""

    program: Path
    ran: Path

    @classmethod
    def set_up(cls, folder: Path) -> Trap:
        ran = folder / "RAN"
        return cls(write_program(folder, "trap.sh", f'echo "$0 $*" >>{ran}\nexit 1'), ran)

    def said(self) -> str:
        """Return how the program was called; empty where it was not."""
        return self.ran.read_text() if self.ran.exists() else ""

    def settings(self, *, work_tree: str) -> str:
        """Return the settings of a repository that name the program wherever git would start one."""
        named = {
            **dict.fromkeys(_STARTS, str(self.program)),
            **dict.fromkeys(("alias.status", "alias.switch"), f"!{self.program}"),
            **dict.fromkeys(("log.showSignature", 'filter "lfs".required'), "true"),
            "core.hooksPath": str(self.program.parent / "hooks"),
            "include.path": "included",
        }
        lines = "".join("[{}]\n    {} = {}\n".format(*name.split("."), value) for name, value in named.items())
        return f"[core]\n    repositoryformatversion = 0\n{work_tree}\n{lines}"


BARE, WITH_A_WORK_TREE = "    bare = true", "    bare = false\n    worktree = ."


def plant(trap: Trap, folder: Path, work_tree: str, making: Path) -> None:
    """Make ``folder``, with what is in it, a repository to git, by files that a clone can bring along."""
    git, commit_file = ("git", f"--git-dir={making}", f"--work-tree={folder}"), making / "commit"
    sh("git", "init", "--quiet", "--bare", "--initial-branch=main", str(making), cwd=folder)
    sh(*git, "add", "--force", ".", cwd=folder)
    commit_file.write_text(_COMMIT.format(tree=sh(*git, "write-tree", cwd=folder), blank=" "))
    commit = sh("git", "hash-object", "-t", "commit", "-w", str(commit_file), cwd=making)
    sh("git", "update-ref", "refs/heads/main", commit, cwd=making)
    for name in ("HEAD", "index"):
        shutil.copy(making / name, folder / name)
    for name in ("objects", "refs"):
        shutil.copytree(making / name, folder / name)
        (folder / name / "keep").touch()
    (folder / "config").write_text(trap.settings(work_tree=work_tree))
    (folder / "included").write_text(f"[core]\n    fsmonitor = {trap.program}\n")
