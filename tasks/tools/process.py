"""Run outside programs without a shell: by sh if people watch them, else by subprocess."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from threading import TIMEOUT_MAX
from typing import Any, TypeVar

import sh

from ..core import output
from ..core.faults import ProgramFailed, hold_interrupts
from .command import Command, Output, confinement, require_command

log = logging.getLogger("hubpress")

S = TypeVar("S")
T = TypeVar("T")
LOOK_SECONDS = 60.0
# For programs that wait for a person, or run a person's programs, like a commit's hooks.
PERSON_SECONDS = 3600.0
# For builds: people see the progress, and can press Ctrl-C.
NO_BOUND = TIMEOUT_MAX
MOST_AT_ONCE = 8
INSTALL_HINTS = {
    "buildx": "install the buildx plugin: https://docs.docker.com/build/install-buildx/",
    "chartpress": "install chartpress: pip install chartpress",
    "cosign": "install cosign, for signatures: https://docs.sigstore.dev/cosign/system_config/installation/",
    "docker": "install Docker: https://docs.docker.com/engine/install/",
    "gcloud": "install the Google Cloud CLI, for Google's registries: https://cloud.google.com/sdk/docs/install",
    "gh": "install the GitHub CLI, for pull requests: https://cli.github.com",
    "git": "install git: https://git-scm.com/downloads",
    "helm": "install Helm, for previews and lock files: https://helm.sh/docs/intro/install/",
}
_SLICE_SECONDS, _TURN_SECONDS = 1.0, 0.02
_TIDY_SECONDS = 10.0
# gcloud and Docker's credential helpers are Python programs that break when they find another interpreter first. Git
# keeps these variables, because its hooks are the user's programs, and may need the active environment.
_PYTHON = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")
_DROPPED = (
    "__PYVENV_LAUNCHER__",
    # Git sets these for hooks (`git rev-parse --local-env-vars`, without settings); they point to another repository.
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_PREFIX"),
    *("GIT_INTERNAL_SUPER_PREFIX", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE"),
    # These change how git reads paths, attributes and branch names, shows differences, and creates repositories.
    *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_NAMESPACE"),
    *("GIT_ATTR_SOURCE", "GIT_DEFAULT_HASH", "GIT_DEFAULT_REF_FORMAT", "GIT_DIFF_OPTS", "GIT_EXTERNAL_DIFF"),
    # Buildx fails if this asks for a terminal's progress and there is no terminal.
    "BUILDKIT_PROGRESS",
    # The plan decides on the platform, and chartpress looks for what it has built in the local store.
    *("DOCKER_DEFAULT_PLATFORM", "BUILDX_NO_DEFAULT_LOAD"),
    # Where helm keeps releases, perhaps a database: none is made here.
    "HELM_DRIVER",
)
# Any exit status, or signal (negative): the caller decides what it means.
_ANY_STATUS = tuple(range(-64, 256))
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
        end_programs([*self.programs])


def map_parallel(function: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """Return the results of ``function`` for each of ``items``, in their order, called in parallel."""
    with Pool() as pool:
        futures = [pool.submit(function, item) for item in items]
        return [result_of(future) for future in futures]


def result_of(future: Future[T]) -> T:
    """Return the result of a pool's task, or raise its fault."""
    # A signal just before an unbounded wait would not interrupt it.
    while not wait_for((future,), _SLICE_SECONDS).done:
        pass
    return future.result()


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
        stdout, stderr = process.communicate(command.input, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise _too_slow(command, seconds) from None
    finally:
        if process is not None:
            if process.returncode is None:
                end_programs([process])
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


def run_interactive(command: Command) -> int:
    """Run ``command`` on the terminal, with its output on standard error; return its exit status."""
    screen = sys.stderr.fileno()
    return _watched(command, PERSON_SECONDS, _in=command.input or sys.stdin, _out=screen, _err=screen)


def run_with_last_line(command: Command, what: str) -> Output:
    """Run ``command`` and return its output; show its last line after ``what``, and all of it if the command fails."""
    with output.waiting(what) as hear:
        done = _heard(command, NO_BOUND, hear)
    if done.ok:
        log.debug("%s", done.stderr)
    else:
        output.pass_on(done.stderr)
    return done


def run_with_output(command: Command) -> Output:
    """Run ``command`` and show its output line by line; return it, whatever its status."""

    def tell(text: str) -> None:
        # A line that looks like one of ours gets the program's name.
        output.pass_on(f"{command.argv[0]}: {text}" if text.startswith(("error: ", "hint: ")) else text)

    return _heard(command, PERSON_SECONDS, tell)


def find(name: str) -> str | None:
    """Return the path of the program ``name``, or None."""
    return shutil.which(name, path=_search_path())


def require_installed(name: str) -> str:
    """Return the path of the program ``name``; raise NotInstalled if there is none."""
    path = find(name)
    if path is None:
        raise NotInstalled(f"{name} is not installed", where="PATH", hint=INSTALL_HINTS.get(name, f"install {name}"))
    return path


def _ready(command: Command) -> tuple[list[str], dict[str, str]]:
    """Check that ``command`` is allowed; return its arguments and its environment."""
    require_command(command, capture)
    program, *arguments = command.argv
    path = require_installed(program)
    before, after, inside = confinement(program)
    dropped = _DROPPED if program == "git" else (*_DROPPED, *_PYTHON)
    inherited = {name: value for name, value in os.environ.items() if name not in dropped}
    env = {**inherited, "PATH": _search_path(program), **command.hidden_env, **command.env, **inside}
    return [*before, path, *command.hidden_arguments, *after, *arguments], env


def _begin(command: Command) -> subprocess.Popen[bytes]:
    (argv, env), pipe = _ready(command), subprocess.PIPE
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
        raise _not_started(command, err) from err


def end_programs(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask programs to end, then kill them and their children: docker, for example, works by plugins."""
    for process in processes:
        process.terminate()
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TIDY_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TIDY_SECONDS)


def _heard(command: Command, seconds: float, tell: Callable[[str], None]) -> Output:
    """Run ``command`` by sh, pass each line of its output to ``tell``, and return all of it as standard error."""
    said = bytearray()

    def hear(chunk: str | bytes) -> None:
        data = chunk.encode() if isinstance(chunk, str) else chunk
        said.extend(data)
        tell(data.decode("utf-8", "surrogateescape"))

    # By lines, so that secrets are not split.
    status = _watched(command, seconds, _in=command.input, _out=hear, _out_bufsize=1, _err_to_out=True, _tty_out=False)
    return Output(status, b"", said.decode("utf-8", "replace"))


def _watched(command: Command, seconds: float, **options: Any) -> int:  # noqa: ANN401 - sh's own
    """Run ``command`` by sh with ``options``, and return its exit status."""
    process: sh.RunningCommand | None = None
    try:
        with hold_interrupts():
            process = _start(command, options)
        if not _has_ended(process, seconds):
            raise _too_slow(command, seconds)
        return int(process.exit_code)
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process is not None and not _has_ended(process, 0):
                with suppress(ProcessLookupError):
                    process.signal(number)
                _has_ended(process, _TIDY_SECONDS)


def _has_ended(process: sh.RunningCommand, seconds: float) -> bool:
    """Wait for a program; sh's own wait loses the status if it is interrupted."""
    deadline = time.monotonic() + seconds
    while process.is_alive() and time.monotonic() < deadline:
        time.sleep(_TURN_SECONDS)
    return not process.is_alive()


def _start(command: Command, options: dict[str, Any]) -> sh.RunningCommand:
    (program, *arguments), env = _ready(command)
    try:
        process: sh.RunningCommand = sh.Command(program)(
            *arguments,
            _cwd=None if command.cwd is None else str(command.cwd),
            _env=env,
            _ok_code=_ANY_STATUS,
            _bg=True,
            _bg_exc=False,
            _return_cmd=True,
            **options,
        )
    except (sh.ForkException, OSError, ValueError) as err:
        raise _not_started(command, err) from err
    return process


def _not_started(command: Command, err: Exception) -> ProgramFailed:
    program = command.argv[0]
    # The cause may be the system, or the folder.
    why, place = (f": {err.strerror}", err.filename) if isinstance(err, OSError) else ("", None)
    hint = f"try {program} --version; if that does not start, reinstall {program}"
    return ProgramFailed(f"{program} cannot be started{why}", where=place or find(program), hint=hint)


def _too_slow(command: Command, seconds: float) -> TooSlow:
    return TooSlow(
        f"{command.argv[0]} did not end within {seconds:g} seconds",
        where=shlex.join(command.argv),
        hint=f"run it by hand to see what it waits for: {shlex.join(command.argv)}",
    )


def _search_path(program: str = "") -> str:
    """Return PATH without the current folder, and with this Python's own folder (chartpress) last.

    For git, that folder also keeps its place, because hooks may need it.
    """
    own = Path(sys.executable).parent
    elsewhere = {own} if sys.prefix != sys.base_prefix and program != "git" else set()
    # An empty part would be the current folder, whose programs are the repository's.
    parts = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part and Path(part) not in elsewhere]
    return os.pathsep.join((*(parts or [os.defpath]), str(own)))
