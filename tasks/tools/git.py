"""git: one clone, asked and changed by argument vectors alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..faults import Denied, ProgramFailed, Refused, Unreachable, Unusable
from .run import Command, Output, capture

if TYPE_CHECKING:
    from collections.abc import Sequence

PUSH_SECONDS = 600.0
# `git rev-parse --local-env-vars`: set inside a hook, they would point at another repository.
_LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
_UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
_DENIED = (
    "permission denied",
    "authentication failed",
    "could not read username",
    "access denied",
    "403",
    "401",
)


@dataclass(frozen=True)
class Git:
    """One clone.

    Attributes:
        folder: where its commands run: the clone's top folder, or one below it.
    """

    folder: Path

    @classmethod
    def around(cls, folder: Path) -> Git:
        """Return the clone that ``folder`` lies in.

        Raises:
            Unusable: there is no such folder, or it lies in no git work tree.
        """
        folder = folder.absolute()
        if not folder.is_dir():
            raise Unusable("there is no such folder", where=folder, hint="name the hub repository: --repo PATH")
        top = cls(folder).ask("rev-parse", "--show-toplevel")
        if not top.ok or not top.text:
            raise Unusable(
                "this is not a git repository",
                where=folder,
                hint="change into the hub repository, or name it: --repo PATH",
            )
        return cls(Path(top.text))

    def at(self, subfolder: str) -> Git:
        """Return the same clone with its commands run in ``subfolder`` (relative to this one's)."""
        return Git(self.folder / subfolder)

    def command(self, *arguments: str, stdin: str = "") -> Command:
        """Return the git command with ``arguments``, as it would be run."""
        env = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        if not sys.stdin.isatty():
            env["GIT_TERMINAL_PROMPT"] = "0"
        return Command(("git", *arguments), self.folder, stdin, env, _LOCAL_VARIABLES)

    def ask(self, *arguments: str) -> Output:
        """Run git with ``arguments`` and return what it says, whatever its status."""
        return capture(self.command(*arguments))

    def read(self, *arguments: str) -> str:
        """Run git with ``arguments`` and return its output.

        Raises:
            ProgramFailed: git failed; the message is its own.
        """
        output = self.ask(*arguments)
        if not output.ok:
            raise _failed(arguments, output)
        return output.text

    # -- where the clone stands

    @cached_property
    def git_dir(self) -> Path:
        """The folder that holds this work tree's own state (``.git``, or a worktree's folder in it)."""
        return Path(self.read("rev-parse", "--absolute-git-dir"))

    def head(self) -> str | None:
        """Return the full hash of HEAD's commit; None on an unborn branch."""
        output = self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return output.text if output.ok else None

    def branch(self) -> str | None:
        """Return the current branch's name; None on a detached HEAD."""
        output = self.ask("symbolic-ref", "--quiet", "HEAD")
        return output.text.removeprefix("refs/heads/") if output.ok else None

    def under_way(self) -> str | None:
        """Return what is under way (``merge``, ``rebase``, ...), or None."""
        found = (name for marker, name in _UNDER_WAY.items() if (self.git_dir / marker).exists())
        return next(found, None)

    def is_shallow(self) -> bool:
        """Whether the clone's history was cut (``git clone --depth``)."""
        return self.read("rev-parse", "--is-shallow-repository") == "true"

    def require_commit_can_be_made(self) -> str:
        """Return the current branch, after checking that a commit could be made on it.

        Raises:
            Refused: HEAD is detached, the branch has no commit yet, or a merge, rebase or the like is under way.
        """
        # A rebase detaches HEAD: leaving it by a switch would lose what it has done.
        step = self.under_way()
        if step:
            raise Refused(
                f"a {step} is under way", where=self.folder, hint=f"git {step} --continue, or git {step} --abort"
            )
        branch = self.branch()
        if branch is None:
            raise Refused("HEAD is detached", where=self.folder, hint="git switch BRANCH")
        if self.head() is None:
            hint = "git commit the repository first"
            raise Refused(f"the branch {branch} has no commit yet", where=self.folder, hint=hint)
        return branch

    # -- what it holds

    def show(self, path: str, revision: str = "HEAD") -> bytes | None:
        """Return the bytes of ``path`` (relative to the top) in ``revision``; None where it has no such file.

        They are those that a checkout would write: with the line ends that git's settings ask for.
        """
        output = self.ask("cat-file", "--filters", f"{revision}:{path}")
        return output.stdout if output.ok else None

    def staged(self, path: str) -> bytes | None:
        """Return the bytes of ``path`` in the index; None where it is not there."""
        return self.show(path, revision="")

    def in_commit(self) -> frozenset[str]:
        """Return the files that HEAD's commit changes, relative to the top."""
        listed = self.read("diff-tree", "--root", "--no-commit-id", "--name-only", "--no-renames", "-r", "-z", "HEAD")
        return frozenset(path for path in listed.split("\0") if path)

    def changed(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Return the files below ``paths`` that differ from HEAD or are untracked, relative to the top.

        ``paths`` are relative to :attr:`folder` and are taken literally.
        """
        output = self.read(
            "--literal-pathspecs",
            "status",
            "--porcelain",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--",
            *paths,
        )
        return tuple(entry[3:] for entry in output.split("\0") if entry)

    def branch_commit(self, branch: str) -> str | None:
        """Return the full hash that the local branch ``branch`` points to, or None."""
        output = self.ask("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
        return output.text if output.ok else None

    def is_branch_name(self, name: str) -> bool:
        """Whether git takes ``name`` as a branch's name."""
        return not name.startswith("-") and self.ask("check-ref-format", "--branch", name).ok

    # -- the remote

    def remote_url(self, remote: str) -> str | None:
        """Return the address of ``remote``, or None where there is none of that name."""
        output = self.ask("config", "--get", f"remote.{remote}.url")
        return output.text if output.ok else None

    def default_branch(self, remote: str) -> str:
        """Return the default branch's name, from what the clone knows of ``remote`` (nothing is asked over a network).

        A clone knows it as ``refs/remotes/REMOTE/HEAD``. Without that it is ``main``, ``master`` or git's own
        ``init.defaultBranch`` among the remote's branches, or the only one of them; where nothing was ever fetched,
        among the clone's own.

        Raises:
            Refused: there are several, and none of that tells.
        """
        prefix = f"refs/remotes/{remote}/"
        known = self.ask("symbolic-ref", "--quiet", f"{prefix}HEAD")
        if known.ok:
            return known.text.removeprefix(prefix)
        usual = ("main", "master", self.ask("config", "--get", "init.defaultBranch").text)
        branches = self._refs(prefix) or self._refs("refs/heads/")
        likely = [name for name in usual if name in branches]
        if not likely and len(branches) > 1:
            raise Refused(
                f"nobody here knows the default branch of {remote}",
                where=self.folder,
                hint=f"git remote set-head {remote} --auto; or say it in invoke.yaml: hub: {{base_branch: NAME}}",
            )
        return [*likely, *branches, "main"][0]

    def _refs(self, prefix: str) -> list[str]:
        """Return the names of the references below ``prefix``, without it."""
        return [name.removeprefix(prefix) for name in self.read("for-each-ref", "--format=%(refname)", prefix).split()]

    def remote_commit(self, remote: str, branch: str) -> str | None:
        """Ask ``remote`` for the commit of its branch ``branch``; None where it has no such branch.

        Raises:
            Unreachable: it does not answer.
            Denied: it refuses access.
        """
        output = self.ask("ls-remote", "--", remote, f"refs/heads/{branch}")
        if not output.ok:
            raise remote_fault(output, remote)
        return output.text.split("\t")[0] or None

    def push_command(self, remote: str, branch: str) -> Command:
        """Return the command that pushes ``branch`` to ``remote`` and never overwrites what is there."""
        refspec = f"refs/heads/{branch}:refs/heads/{branch}"
        return self.command("push", "--set-upstream", "--", remote, refspec)


def remote_fault(output: Output, remote: str) -> Unreachable:
    """Return the fault for a remote that gave no usable answer: denied or unreachable."""
    said = output.stderr.lower()
    words = _first_fault(output)
    if any(sign in said for sign in _DENIED):
        return Denied(f"the remote denied access: {words}", where=remote, hint=f"git ls-remote {remote}")
    return Unreachable(f"the remote does not answer: {words}", where=remote, hint=f"git ls-remote {remote}")


def push_fault(output: Output, remote: str, branch: str) -> ProgramFailed | Unreachable:
    """Return the fault for a push that did not go through.

    A rejection (another commit there, a hook, a protected branch) is the remote's answer; a push that ends without
    one and without git calling it fatal was stopped by the clone's own hook; anything else means no answer.
    """
    rejected = [
        line.strip() for line in output.stderr.splitlines() if "[rejected]" in line or "[remote rejected]" in line
    ]
    if not rejected and "fatal: " not in output.stderr:
        return ProgramFailed(
            f"the clone's own hook stopped the push of {branch}",
            where="pre-push",
            hint="git rev-parse --git-path hooks/pre-push; its words stand above",
        )
    if not rejected:
        return remote_fault(output, remote)
    reason = rejected[0].rpartition("(")[2].rstrip(")") or "no reason given"
    if "fetch first" in reason or "non-fast-forward" in reason:
        hint = f"look at what is there: git fetch {remote} && git log HEAD..{remote}/{branch}; or use another --branch"
    else:
        hint = f"ask who keeps {remote} why, then: git push {remote} {branch}"
    return Unreachable(f"the remote rejected the branch {branch}: {reason}", where=remote, hint=hint)


def _failed(arguments: Sequence[str], output: Output) -> ProgramFailed:
    return ProgramFailed(f"git {arguments[0]}: {_first_fault(output)}", hint="git status")


def _first_fault(output: Output) -> str:
    """Return the line in which git names the fault; what follows it is advice."""
    lines = [line.strip() for line in output.stderr.splitlines()]
    named = [line.split(": ", 1)[1] for line in lines if line.startswith(("fatal: ", "error: "))]
    return named[0] if named else output.last_words
