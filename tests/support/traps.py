"""Programs that must not run, and programs that write down how they were called."""

from __future__ import annotations

import os
import shlex
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


@dataclass(frozen=True)
class Trap:
    """A program that leaves a file behind when it is run."""

    program: Path
    ran: Path

    @classmethod
    def set_up(cls, folder: Path) -> Trap:
        """Write the program into ``folder``."""
        ran = folder / "RAN"
        return cls(write_program(folder, "trap.sh", f'echo "$0 $*" >>{ran}\nexit 1'), ran)

    def said(self) -> str:
        """Return how the program was called; empty where it was not."""
        return self.ran.read_text() if self.ran.exists() else ""

    def settings(self, *, work_tree: str) -> str:
        """Return the settings of a repository that name the program wherever git would start one."""
        return f"""\
[core]
    repositoryformatversion = 0
{work_tree}
    fsmonitor = {self.program}
    sshCommand = {self.program}
    pager = {self.program}
    editor = {self.program}
    hooksPath = {self.program.parent / "hooks"}
[log]
    showSignature = true
[gpg]
    program = {self.program}
[diff]
    external = {self.program}
[pager]
    log = {self.program}
    status = {self.program}
[alias]
    status = !{self.program}
    switch = !{self.program}
[filter "lfs"]
    process = {self.program}
    required = true
[include]
    path = included
"""


BARE, WITH_A_WORK_TREE = "    bare = true", "    bare = false\n    worktree = ."


def plant(trap: Trap, folder: Path, work_tree: str, making: Path) -> None:
    """Make ``folder``, with what is in it, a repository to git, by files that a clone can bring along."""
    sh("git", "init", "--quiet", "--bare", "--initial-branch=main", str(making), cwd=folder)
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    blobs = {name: sh("git", "hash-object", "-w", str(folder / name), cwd=making) for name in names}
    tree_file, commit_file = making / "tree", making / "commit"
    tree_file.write_text("".join(f"100644 blob {blob}\t{name}\n" for name, blob in blobs.items()))
    tree = sh("sh", "-c", f"git mktree <'{tree_file}'", cwd=making)
    commit_file.write_text(_COMMIT.format(tree=tree, blank=" "))
    commit = sh("git", "hash-object", "-t", "commit", "-w", str(commit_file), cwd=making)
    sh("git", "update-ref", "refs/heads/main", commit, cwd=making)
    sh("git", "read-tree", tree, cwd=making)
    for name in ("HEAD", "index"):
        shutil.copy(making / name, folder / name)
    for name in ("objects", "refs"):
        shutil.copytree(making / name, folder / name)
        (folder / name / "keep").touch()
    (folder / "config").write_text(trap.settings(work_tree=work_tree))
    (folder / "included").write_text(f"[core]\n    fsmonitor = {trap.program}\n")


# -- programs that write down how they were called, and then do what they always do


PROGRAMS = ("git", "docker", "gh", "helm", "gcloud", "docker-credential-gcloud")
# A file for each process: programs run side by side. Each argument ends with a NUL, and a call with a lone line break.
_SCRIPT = """\
printf '%s\\0' {name} "$@" '\n' >>{calls}/$$ || exit 125
exec {real} "$@"
"""
_END = "\0\n\0"


@dataclass(frozen=True)
class Recorder:
    """The calls of outside programs."""

    folder: Path

    @classmethod
    def before(cls, folder: Path) -> Recorder:
        """Write such programs into ``folder``, each before the real one where there is one."""
        calls = folder / "calls"
        calls.mkdir(parents=True)
        for name in PROGRAMS:
            real = shutil.which(name)
            if real:
                quoted = {"calls": shlex.quote(str(calls)), "real": shlex.quote(real)}
                write_program(folder, name, _SCRIPT.format(name=name, **quoted))
        return cls(folder)

    @property
    def env(self) -> dict[str, str]:
        """What puts them first."""
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}"}

    @property
    def calls(self) -> list[list[str]]:
        """The calls so far, in no order: each program's name and its arguments."""
        told = (file.read_bytes().decode("utf-8", "replace") for file in (self.folder / "calls").iterdir())
        return [call.split("\0") for calls in told for call in calls.split(_END)[:-1]]


def taken_for_options(calls: list[list[str]], sign: str) -> list[list[str]]:
    """Return the calls with an argument that begins like an option, holds ``sign``, and may be taken for one.

    Behind ``--`` it is none, and none as the value of the option before it.
    """
    return [call for call in calls if any(_is_option(call, at, sign) for at in range(1, len(call)))]


def _is_option(call: list[str], at: int, sign: str) -> bool:
    is_like_one = call[at].startswith("-") and sign in call[at]
    return is_like_one and "--" not in call[:at] and call[at - 1] not in _WITH_VALUE


# Options of those programs that take the next argument for their value, whatever it begins with.
_WITH_VALUE = frozenset(
    {"--builder", "--context", "--platform", "-B", "--head", "--base", "--title", "--file", "--tag"}
)
