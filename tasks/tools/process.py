"""Ask outside programs, without a shell: each call has a bound, and several can be asked side by side."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from ..core.faults import ProgramFailed, hold_interrupts
from .command import Command, Output, confinement, require_command

S = TypeVar("S")
T = TypeVar("T")
LOOK_SECONDS = 60.0
# For programs that wait for a person, or run a person's programs, like a commit's hooks.
PERSON_SECONDS = 3600.0
MOST_AT_ONCE = 8
INSTALL_HINTS = {
    "chartpress": "install chartpress: pip install chartpress",
    "cosign": "install cosign, for signatures: https://docs.sigstore.dev/cosign/system_config/installation/",
    "docker": "install Docker: https://docs.docker.com/engine/install/",
    "gcloud": "install the Google Cloud CLI, for Google's registries: https://cloud.google.com/sdk/docs/install",
    "gh": "install the GitHub CLI, for pull requests: https://cli.github.com",
    "git": "install git: https://git-scm.com/downloads",
    "helm": "install Helm, for previews and lock files: https://helm.sh/docs/intro/install/",
}
_SLICE_SECONDS = 1.0
TIDY_SECONDS = 10.0
_DROPPED = (
    # gcloud and its credential helper are Python programs, and break if they find another interpreter first.
    *("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__"),
    # Git sets these for hooks (`git rev-parse --local-env-vars`, without settings); they point to another repository.
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_PREFIX"),
    *("GIT_INTERNAL_SUPER_PREFIX", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE"),
    # These change how git reads paths, attributes and branch names.
    *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_NAMESPACE"),
    *("GIT_ATTR_SOURCE", "GIT_DEFAULT_HASH", "GIT_DEFAULT_REF_FORMAT", "GIT_DIFF_OPTS", "GIT_EXTERNAL_DIFF"),
    # Buildx fails if it asks for a terminal and there is none.
    "BUILDKIT_PROGRESS",
)
# The pools that a thread works for, outermost first.
_pools: ContextVar[tuple[Pool, ...]] = ContextVar("pools", default=())


class TooSlow(ProgramFailed):
    """An outside program timed out, and was killed (exit code 3)."""


class NotInstalled(ProgramFailed):
    """An outside program is not installed (exit code 3)."""


class Pool(ThreadPoolExecutor):
    """A thread pool; at the end of its block, it drops open tasks and ends their programs."""

    def __init__(self) -> None:
        super().__init__(MOST_AT_ONCE, initializer=_pools.set, initargs=((*_pools.get(), self),))
        self.programs: set[subprocess.Popen[bytes]] = set()
        self.is_left = False

    def __exit__(self, *_: object) -> None:
        """End programs that still run; threads that wait for a server are left to their timeouts."""
        self.is_left = True
        self.shutdown(wait=False, cancel_futures=True)
        _end([*self.programs])


def map_parallel(question: Callable[[S], T], subjects: Iterable[S]) -> list[T]:
    """Return ``question`` of each of ``subjects``, called in parallel."""
    with Pool() as pool:
        asked = [pool.submit(question, subject) for subject in subjects]
        return [result_of(future) for future in asked]


def result_of(asked: Future[T]) -> T:
    """Return the result of a pool's task, or raise its fault."""
    # A signal just before an unbounded wait would not interrupt it.
    while not wait_for((asked,), _SLICE_SECONDS).done:
        pass
    return asked.result()


def capture(command: Command, *, seconds: float = LOOK_SECONDS) -> Output:
    """Run ``command`` and return its output, whatever its status; raise ProgramFailed, or TooSlow after ``seconds``.

    On an interrupt, the program is asked to end, and can clean up.
    """
    process, pools = None, _pools.get()
    try:
        # An interrupt right after the fork would leave an unknown process.
        with hold_interrupts():
            process = _begin(command)
        for pool in pools:
            pool.programs.add(process)
        if any(pool.is_left for pool in pools):
            raise CancelledError
        stdout, stderr = process.communicate(command.stdin.encode("utf-8", "surrogateescape"), timeout=seconds)
    except subprocess.TimeoutExpired:
        raise too_slow(command, seconds) from None
    finally:
        if process is not None:
            if process.returncode is None:
                _end([process])
            for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
                with suppress(OSError):
                    stream.close()
            for pool in pools:
                pool.programs.discard(process)
    return Output(process.returncode, stdout, stderr.decode("utf-8", "replace"))


def run_checked(command: Command, *, hint: str = "", seconds: float = LOOK_SECONDS) -> Output:
    """Run ``command`` like :func:`capture`, and require status 0; the default ``hint`` is the command."""
    output = capture(command, seconds=seconds)
    if not output.ok:
        raise ProgramFailed(f"{shlex.join(command.argv[:3])}: {output.last_words}", hint=hint or str(command))
    return output


def find(name: str) -> str | None:
    """Return the path of the program ``name``, or None; this Python's own folder (chartpress) comes last."""
    return shutil.which(name, path=os.pathsep.join((_search_path(), str(Path(sys.executable).parent))))


def missing(name: str) -> NotInstalled:
    """Return the fault for a program that is not installed."""
    return NotInstalled(f"{name} is not installed", where="PATH", hint=INSTALL_HINTS.get(name, f"install {name}"))


def require_installed(name: str) -> None:
    """Check that the program ``name`` is installed."""
    if find(name) is None:
        raise missing(name)


def started_with(command: Command) -> tuple[list[str], dict[str, str]]:
    """Check that ``command`` is allowed; return its arguments and its environment."""
    require_command(command, capture)
    program, *arguments = command.argv
    path = find(program)
    if path is None:
        raise missing(program)
    before, inside = confinement(program)
    inherited = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    env = {**inherited, "PATH": _search_path(), **command.hidden_env, **command.env, **inside}
    return [*before, path, *command.hidden_arguments, *arguments], env


def _begin(command: Command) -> subprocess.Popen[bytes]:
    (argv, env), pipe = started_with(command), subprocess.PIPE
    try:
        return subprocess.Popen(
            argv,
            cwd=command.cwd,
            env=env,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
            umask=command.umask,
        )
    except (OSError, ValueError) as err:
        raise not_started(command, err) from err


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask programs to end, then kill them and their children: docker, for example, works by plugins."""
    for process in processes:
        process.terminate()
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(TIDY_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(TIDY_SECONDS)


def not_started(command: Command, err: Exception) -> ProgramFailed:
    """Return the fault for a program that the system does not start."""
    program = command.argv[0]
    # The cause may be the system, or the folder.
    why, place = (f": {err.strerror}", err.filename) if isinstance(err, OSError) else ("", None)
    hint = f"try {program} --version; if that does not start, reinstall {program}"
    return ProgramFailed(f"{program} cannot be started{why}", where=place or find(program), hint=hint)


def too_slow(command: Command, seconds: float) -> TooSlow:
    """Return the fault for a program that was killed after ``seconds``."""
    return TooSlow(
        f"{command.argv[0]} did not end within {seconds:g} seconds",
        where=shlex.join(command.argv),
        hint=f"run it by hand to see what it waits for: {shlex.join(command.argv)}",
    )


def _search_path() -> str:
    """Return PATH without this Python's virtual environment and the current folder."""
    own = Path(sys.prefix) / "bin" if sys.prefix != sys.base_prefix else None
    # An empty part means the current folder, with the repository's programs.
    parts = (part for part in os.environ.get("PATH", "").split(os.pathsep) if part and Path(part) != own)
    return os.pathsep.join(parts) or os.defpath
