"""What git's refusals and failures mean, told by its own words, and what fixes them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from ..core.faults import Denied, Fault, ProgramFailed, Refused, Unreachable, Unusable
from .command import Output, mentions

_DENIED = (
    "permission denied",
    "authentication failed",
    "could not read username",
    "access denied",
    "403",
    "401",
)
# What git advises for a folder that belongs to somebody else, as containers and CI have them.
_ADVICE = "git config --global --add safe.directory "
_FIXES = {
    "tell me who you are": "git config --global user.email YOU@EXAMPLE, and user.name",
    "failed to sign": "see why: git commit --allow-empty --gpg-sign; or sign none: git config commit.gpgSign false",
    "no space left on device": "df -h .git",
    "is already checked out at": "work in that folder, or remove it: git worktree list",
    "is already used by worktree": "work in that folder, or remove it: git worktree list",
    "read-only file system": "ls -ld .git; mount",
    "cannot create 'refs/heads/": "git branch --list; use another branch: --branch NAME",
}


def no_clone(folder: Path) -> Unusable:
    """Return the fault for a folder that lies in no work tree."""
    hint = "change into the hub repository, or name it: --repo PATH"
    return Unusable("not a git repository", where=folder, hint=hint)


def not_opened(output: Output, folder: Path) -> Fault:
    """Return the fault for a folder that lies in no work tree, or in one that git does not open."""
    if output.ok or "not a git repository" in output.stderr:
        return no_clone(folder)
    return failed(("rev-parse",), output, folder)


def remote_fault(output: Output, remote: str) -> Unreachable:
    """Return the fault for a remote that gave no usable answer: denied or unreachable."""
    said = output.stderr.lower()
    words = _first_fault(output)
    if mentions(said, _DENIED):
        return Denied(f"the remote denied access: {words}", where=remote, hint=f"git ls-remote {remote}")
    return Unreachable(f"cannot reach the remote: {words}", where=remote, hint=f"git ls-remote {remote}")


def push_fault(output: Output, remote: str, branch: str, *, ahead: bool) -> ProgramFailed | Unreachable:
    """Return the fault for a push that did not go through.

    A rejection (another commit there, a hook, a protected branch) is the remote's answer; a push that ends without
    one and without git calling it fatal was stopped by the clone's own hook; anything else means no answer.
    """
    rejected = [line for line in output.stderr.splitlines() if mentions(line, ("[rejected]", "[remote rejected]"))]
    if not rejected and "fatal: " not in output.stderr:
        return ProgramFailed(
            f"the clone's own hook stopped the push of {branch}",
            where="pre-push",
            hint="git rev-parse --git-path hooks/pre-push; see its output above",
        )
    if not rejected:
        return remote_fault(output, remote)
    reason = rejected[0].rpartition("(")[2].rstrip(")") or "no reason given"
    if ahead:
        hint = f"look at what is there: git fetch {remote} && git log HEAD..{remote}/{branch}; or use another --branch"
    else:
        hint = f"ask who keeps {remote} why, then: git push {remote} {branch}"
    return Unreachable(f"the remote rejected the branch {branch}: {reason}", where=remote, hint=hint)


def failed(arguments: Sequence[str], output: Output, where: object | None = None) -> Fault:
    """Return the fault for a call of git with ``arguments`` that failed; the message is git's own."""
    # Git cannot make a lock file that another git has made.
    _, opening, rest = output.stderr.partition("Unable to create '")
    path, closing, _ = rest.partition(".lock': File exists")
    if opening and closing:
        return locked(f"{path}.lock")
    return ProgramFailed(f"git {_verb(arguments)}: {_first_fault(output)}", where=where, hint=_fix(output))


def misunderstood(arguments: Sequence[str]) -> ProgramFailed:
    """Return the fault for a call of git with ``arguments`` that succeeded and told something else than git does."""
    return ProgramFailed(f"git {arguments[0]}: its answer is not understood", hint=shlex.join(("git", *arguments)))


def locked(lock: Path | str) -> Refused:
    """Return the fault for a lock file that another git holds, or has left behind."""
    return Refused(
        "another git is at work here, or was killed in the middle of it",
        where=lock,
        hint=f"wait for it; where none runs any more: rm {shlex.quote(str(lock))}",
    )


def _verb(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if word.replace("-", "").isalpha() and word[0] != "-"), arguments[0])


def _fix(output: Output) -> str:
    """Return how to fix what git says is wrong: its own advice, where that is a command."""
    advised = (line.strip() for line in output.stderr.splitlines() if line.strip().startswith(_ADVICE))
    known = (hint for sign, hint in _FIXES.items() if sign in output.stderr.lower())
    return next(chain(advised, known), "git status")


def _first_fault(output: Output) -> str:
    lines = [line.strip() for line in output.stderr.splitlines()]
    named = [line.split(": ", 1)[1] for line in lines if line.startswith(("fatal: ", "error: "))]
    return named[0] if named else output.last_words
