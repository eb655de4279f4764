"""A call of an outside program, its output, and what it may reach during a rehearsal."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ..core.faults import Refused

NOTHING: Mapping[str, str] = MappingProxyType({})
_MARK = "ERROR: "
# Errors of reading JSON of an unexpected form.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
_HELPER = "docker-credential-"
# These continue if their parent is killed, and would leave images behind.
_WORKING = ("chartpress", "docker")
_GIT_REMOTE = ("archive", "clone", "fetch", "fetch-pack", "ls-remote", "pull", "push", "send-pack", "submodule")
# The folder for temporary files in a rehearsal's folder.
TEMPORARY_FILES = "tmp"
_CACHES = ("cache-from", "cache-to")
# They would act for the original; variables may set them, so the clone's own configuration is not enough.
_SETTINGS = (f"core.hooksPath={os.devnull}", "commit.gpgSign=false", "push.gpgSign=false", "push.pushOption=")
_NO_HOOKS_AND_KEYS = tuple(word for setting in _SETTINGS for word in ("-c", setting))
# The docker commands in use. Only bake writes to a registry, and its tags are checked.
_DOCKER = (("buildx", "bake"), ("buildx", "inspect"), ("image", "inspect"), ("info",))
# ``python -c BOUND PARENT PROGRAM ARGUMENTS``: run a program that ends with the process PARENT. On Linux, the kernel
# sends SIGTERM when the parent dies (prctl(2), PR_SET_PDEATHSIG, kept across exec). Elsewhere nothing does, so a
# rehearsal's registry is a container there, which the next rehearsal removes.
_BOUND = """\
import ctypes, os, signal, sys
parent, program = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the starter died first")
os.execvp(program[0], program)
"""
_reach: Reach | None = None


class Command(NamedTuple):
    """A call of an outside program; ``cwd`` is None for the current folder, ``umask`` -1 for this process's umask.

    ``hidden_env`` and ``hidden_arguments``, which follow the program's name, only control how it talks to us, and are
    not shown.
    """

    argv: tuple[str, ...]
    cwd: Path | None = None
    stdin: str = ""
    env: Mapping[str, str] = NOTHING
    hidden_env: Mapping[str, str] = NOTHING
    umask: int = -1
    hidden_arguments: tuple[str, ...] = ()

    @property
    def input(self) -> bytes:
        """``stdin`` as bytes, also those that are not UTF-8."""
        return self.stdin.encode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        """Return the command as one could paste it into a shell."""
        variables = (f"{name}={shlex.quote(value)}" for name, value in self.env.items())
        line = " ".join((*variables, shlex.join(self.argv)))
        if self.stdin:
            line = f"{line} <<'END'\n{self.stdin}\nEND"
        if self.cwd is None or self.cwd == current_folder():
            return line
        return f"(cd {shlex.quote(str(self.cwd))} && {line}{chr(10) if self.stdin else ''})"


class Output(NamedTuple):
    """A program's output and its exit status, negative for a signal."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether the exit status is 0."""
        return self.status == 0

    @property
    def text(self) -> str:
        """Its standard output as text, names that are not UTF-8 too, without the final line break."""
        return self.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    @property
    def names(self) -> tuple[str, ...]:
        """The NUL-separated file names in the standard output."""
        return tuple(name for name in os.fsdecode(self.stdout).split("\0") if name)

    @property
    def last_words(self) -> str:
        """The line of standard error with the reason: buildx and gcloud mark it, most programs put it last."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        marked = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
        return [f"it ended with status {self.status}", *lines, *marked][-1]


def current_folder() -> Path | None:
    """Return the current folder, or None if it no longer exists."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


class Reach(NamedTuple):
    """What a rehearsal may reach: its folder, its registry (``127.0.0.1:PORT``), and the local Docker context."""

    folder: Path
    registry: str
    engine: str


@contextlib.contextmanager
def confined(reach: Reach) -> Iterator[None]:
    """Refuse everything outside of ``reach`` during the block, in all threads."""
    global _reach  # noqa: PLW0603 - it applies to the whole process
    _reach = reach._replace(folder=reach.folder.resolve())
    try:
        yield
    finally:
        _reach = None


def confinement(program: str) -> tuple[tuple[str, ...], tuple[str, ...], Mapping[str, str]]:
    """Return the arguments before and after a program's path, and the variables, that confine it to a rehearsal."""
    if _reach is None:
        return (), (), NOTHING
    inside = {"GIT_ALLOW_PROTOCOL": "file", "GIT_NO_LAZY_FETCH": "1", "BUILDX_BUILDER": _reach.engine}
    inside["TMPDIR"] = str(_reach.folder / TEMPORARY_FILES)
    return bound() if program in _WORKING else (), _NO_HOOKS_AND_KEYS if program == "git" else (), inside


def bound() -> tuple[str, ...]:
    """Return the arguments before a program's path that make it end with this process."""
    return (sys.executable, "-I", "-S", "-c", _BOUND, str(os.getpid()))


def require_command(command: Command, ask: Callable[[Command], Output]) -> None:
    """Check that ``command`` reaches nothing outside of the current rehearsal, if there is one."""
    if _reach is None:
        return
    program = Path(command.argv[0]).name
    if program == "git":
        _require_git(command, _reach, ask)
        return
    if program == "docker":
        is_used = _is_docker_used(command, _reach)
    elif program == "chartpress":
        # It pushes the images of the chartpress.yaml in its folder.
        is_used = _is_inside(str(command.cwd), _reach)
    else:
        is_used = program == "helm" or program.startswith(_HELPER)
    if not is_used:
        where = shlex.join(command.argv[:3])
        raise Refused(f"a rehearsal does not use {program}", where=where, hint="run the release itself to use it")


def require_registry(image: str) -> None:
    """Check that ``image`` is in the registry of the current rehearsal, if there is one."""
    if _reach is not None and image.partition("/")[0] != _reach.registry:
        raise Refused(
            f"a rehearsal writes to its own registry only, {_reach.registry}",
            where=image,
            hint="see imagePrefix, imageName and extraBuildCommandOptions in chartpress.yaml",
        )


def _require_git(command: Command, reach: Reach, ask: Callable[[Command], Output]) -> None:
    first = 1
    while "".join(command.argv[first : first + 1]).startswith("-"):
        first += 2 if command.argv[first] in ("-C", "-c") else 1
    words = command.argv[first:]
    if not words or words[0] not in _GIT_REMOTE or words[:2] == ("ls-remote", "--get-url"):
        return
    name, remote = words[0], next(iter(words[words.index("--") + 1 :] if "--" in words else ()), "")
    # Git resolves insteadOf, pushInsteadOf and pushurl. A repository to clone has no remote yet.
    of_name = [("remote", "get-url", *push, "--all", "--", remote) for push in ((), ("--push",))]
    addresses = []
    for look in [("ls-remote", "--get-url", "--", remote)] if name == "clone" else of_name:
        shown = ask(command._replace(argv=(*command.argv[:first], *look)))
        addresses += shown.text.splitlines() if shown.ok else [f"git {name} {remote}"]
    # A program of the user's in place of git's at the other end goes anywhere.
    for key in ("receivepack", "uploadpack"):
        look = ("config", "--get-all", f"remote.{'origin' if name == 'clone' else remote}.{key}")
        addresses += ask(command._replace(argv=(*command.argv[:first], *look))).text.splitlines()
    for address in addresses:
        if not _is_inside(address, reach):
            raise Refused(
                f"a rehearsal does not reach {address}",
                where=f"remote.{remote} or url.*.insteadOf in git config",
                hint="see where it comes from: git config --show-origin --get-regexp '^(remote|url)[.]'",
            )


def _is_inside(path: str, reach: Reach) -> bool:
    return Path(path).is_absolute() and Path(path).resolve().is_relative_to(reach.folder)


def _is_docker_used(command: Command, reach: Reach) -> bool:
    """Whether a rehearsal needs this docker command; raise Refused if it would push to another registry."""
    words = command.argv[1:]
    engines = {name for flag, name in pairwise(words) if flag in ("--builder", "--context")}
    words = words[2:] if words[:1] == ("--context",) else words
    if not (words[:1] in _DOCKER or words[:2] in _DOCKER) or not engines <= {reach.engine}:
        return False
    for target in json.loads(command.stdin)["target"].values() if words[:2] == ("buildx", "bake") else ():
        if any(target.get(name) for name in _CACHES):
            return False
        for image in target["tags"] if target.get("output") != ["type=docker"] else ():
            require_registry(image)
    return True
