"""What it means where git or a registry fails or refuses, told by their own words, and what fixes it.

Artifact Registry's words are those of https://cloud.google.com/artifact-registry/docs/troubleshooting.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from ..core.faults import DOOR, Denied, Fault, ProgramFailed, Refused, Unreachable, Unusable
from ..core.names import is_loopback
from .command import Output, mentions
from .google import is_google

_REMOTE_DENIED = (
    "permission denied",
    "authentication failed",
    "could not read username",
    "access denied",
    "403",
    "401",
)
# What git advises for a folder that belongs to somebody else, as containers and CI have them.
_ADVICE = "git config --global --add safe.directory "
_DISKS = "df -h .git {temporary}"
_FIXES = {
    "tell me who you are": "git config --global user.email YOU@EXAMPLE, and user.name",
    "failed to sign": "see why: git commit --allow-empty --gpg-sign; or sign none: git config commit.gpgSign false",
    "is already checked out at": "work in that folder, or remove it: git worktree list",
    "is already used by worktree": "work in that folder, or remove it: git worktree list",
    "no space left on device": _DISKS,
    "out of diskspace": _DISKS,
    "cannot run ": "install that program, or see what wants it: git config --show-origin --list",
    " filter '": "see which program that is, and install it: git config --show-origin --get-regexp ^filter[.]",
    "read-only file system": "ls -ld .git; mount",
    "cannot create 'refs/heads/": "git branch --list; use another branch: --branch NAME",
    "unable to write file": _DISKS,  # it often does not say why
}
# Each takes the place of whoever is signed in.
_OVERRIDES = (
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_CORE_ACCOUNT",
)
_RESOURCE = r"projects/(?P<project>[\w.:-]+)/locations/(?P<location>[\w-]+)/repositories/(?P<repository>[\w-]+)"
_HELPER_PROGRAM = r"docker-credential-[\w.-]+"
_EXPIRED = r"(?i)expired|\b401\b|unauthorized|unauthenticated|authorization failed|failed to fetch oauth token"


def no_clone(folder: Path) -> Unusable:
    """Return the fault for a folder that lies in no work tree."""
    hint = "change into the hub repository, or name it: --repo PATH"
    return Unusable("not a git repository", where=folder, hint=hint)


def remote_fault(output: Output, remote: str) -> Unreachable:
    """Return the fault for a remote that gave no usable answer: denied or unreachable."""
    said = output.stderr.lower()
    words = _first_fault(output)
    if mentions(said, _REMOTE_DENIED):
        return Denied(f"the remote denied access: {words}", where=remote, hint=f"git ls-remote {remote}")
    return Unreachable(f"cannot reach the remote: {words}", where=remote, hint=f"git ls-remote {remote}")


def push_fault(output: Output, remote: str, branch: str, *, ahead: bool) -> ProgramFailed | Unreachable:
    """Return the fault for a push that did not go through.

    A rejection is the remote's answer. A push that ends without one and without git calling it fatal was stopped by the
    clone's own hook. Anything else means no answer.
    """
    rejected = [line for line in output.stderr.splitlines() if mentions(line, ("[rejected]", "[remote rejected]"))]
    if not rejected and "fatal: " in output.stderr:
        return remote_fault(output, remote)
    if not rejected:
        return ProgramFailed(
            f"the clone's own hook stopped the push of {branch}",
            where="pre-push",
            hint="git rev-parse --git-path hooks/pre-push; see its output above",
        )
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
    verb = next((word for word in arguments if word.replace("-", "").isalpha() and word[0] != "-"), arguments[0])
    return ProgramFailed(f"git {verb}: {_first_fault(output)}", where=where, hint=_fix(output))


def locked(lock: Path | str) -> Refused:
    """Return the fault for a lock file that another git holds, or has left behind."""
    return Refused(
        "another git is at work here, or was killed in the middle of it",
        where=lock,
        hint=f"wait for it; where none runs any more: rm {shlex.quote(str(lock))}",
    )


def _fix(output: Output) -> str:
    """Return how to fix what git says is wrong: its own advice, where that is a command."""
    advised = (line.strip() for line in output.stderr.splitlines() if line.strip().startswith(_ADVICE))
    said, temporary = output.stderr.lower(), shlex.quote(tempfile.gettempdir())
    known = (hint.format(temporary=temporary) for sign, hint in _FIXES.items() if sign in said)
    return next(chain(advised, known), "git status")


def _first_fault(output: Output) -> str:
    lines = [line.strip() for line in output.stderr.splitlines()]
    named = [line.split(": ", 1)[1] for line in lines if line.startswith(("fatal: ", "error: "))]
    return named[0] if named else output.last_words


class Expired(Denied):
    """A registry denied access to credentials that may have been good when the program began (exit code 4)."""


def denied(words: str, host: str) -> Denied:
    """Return the fault for a denial."""
    what, hint = next(_readings(words, host))
    return (Expired if re.search(_EXPIRED, words) else Denied)(what, where=host, hint=hint)


def unreachable(words: str, host: str, server: str) -> Unreachable:
    """Return the fault for a registry without a usable answer; ``server`` is what answers for ``host``."""
    scheme = "http" if is_loopback(server) else "https"
    return Unreachable(f"cannot reach the registry: {words}", where=host, hint=f"curl -I {scheme}://{server}/v2/")


def asked_too_often(words: str, host: str) -> Unreachable:
    """Return the fault for a registry that limits how often it is asked."""
    hint = f"wait, and run it again; signed-in users get a higher limit: docker login {host}"
    return Unreachable(f"the registry's rate limit is reached: {words}", where=host, hint=hint)


def _readings(words: str, host: str) -> Iterator[tuple[str, str]]:
    """Yield what the denial means and how to fix it, the narrowest reading first."""
    said, user = words.lower(), os.environ.get("SUDO_USER")
    sign_in = f"{DOOR} auth" if is_google(host) else f"docker login {host}"
    look = "gcloud auth list; gcloud artifacts repositories list"
    if found := re.search(_RESOURCE, words):
        flags = f"--location={found['location']} --project={found['project']}"
        look = f"gcloud auth list; gcloud artifacts repositories describe {found['repository']} {flags}"
    if mentions(said, ("reauth", "invalid_rapt", "invalid_grant")):
        yield f"Google asks you to sign in again: {words}", "gcloud auth login"
    if "executable file not found" in said and (helper := re.search(_HELPER_PROGRAM, words)):
        yield f"Docker's credential helper is not on PATH: {words}", f"put the folder of {helper[0]} on PATH"
    if "error getting credentials" in said:
        yield f"Docker's credential helper does not respond: {words}", sign_in
    if user and os.geteuid() == 0:
        yield f"root is not signed in, {user} may be: {words}", "run it without sudo"
    override = next((name for name in _OVERRIDES if os.environ.get(name)), None)
    if override and is_google(host):
        yield f"{override} is set in place of whoever is signed in: {words}", f"unset {override}"
    if "unauthenticated request" in said:
        yield f"not signed in to the registry: {words}", sign_in
    if mentions(said, ("uploadartifacts", "downloadartifacts", "may not exist")):
        any_of = "the account is wrong or lacks the role artifactregistry.writer, or the repository does not exist"
        yield f"{any_of}: {words}", look
    if mentions(said, ("name_unknown", "name unknown", "repository name not known")):
        yield f"no such repository: {words}", look if is_google(host) else sign_in
    yield f"the registry denied access: {words}", sign_in
