"""The one place that starts outside programs.

Every call is an argument vector with an explicit folder: no shell, so no file's content can become a command.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any, TypeVar

from .. import show
from ..faults import ProgramFailed
from .command import Command, Output
from .look import begin, ended_after, hear_out, hear_out_all
from .process import Running, start, wait
from .reach import environment, launcher, require_command

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence

    from .look import Said

T = TypeVar("T")
_VIRTUALENV = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
LOOK_SECONDS = 60.0
# For what waits for a person, or runs what a person has set up, as a commit runs hooks.
PERSON_SECONDS = 3600.0
# For a build: what is being done there is seen, and Ctrl-C ends it.
NO_BOUND = TIMEOUT_MAX
MOST_AT_ONCE = 16
_ESCAPE = b"\x1b"
_OUR_LINES = (b"error: ", b"hint: ")
INSTALL_HINTS = {
    "chartpress": "install chartpress: pip install chartpress",
    "docker": "install Docker: https://docs.docker.com/engine/install/",
    "gcloud": "install the Google Cloud CLI: https://cloud.google.com/sdk/docs/install",
    "gh": "install the GitHub CLI: https://cli.github.com",
    "git": "install git: https://git-scm.com/downloads",
    "helm": "install Helm: https://helm.sh/docs/intro/install/",
}


class TooSlow(ProgramFailed):
    """An outside program did not end in time, and was killed (exit code 3)."""


def capture(command: Command, *, seconds: float = LOOK_SECONDS) -> Output:
    """Run ``command``, keep what it says, and return it whatever its status.

    Args:
        command: what to run.
        seconds: how long it may take.

    Raises:
        ProgramFailed: the program is missing, or did not end in time.
    """
    return capture_all([command], seconds=seconds)[0]


def capture_all(commands: Sequence[Command], *, seconds: float = LOOK_SECONDS) -> list[Output]:
    """Run ``commands`` side by side, keep what they say, and return it in their order whatever their status.

    A hub of hundreds of images is no reason to start as many programs at once: they run ``MOST_AT_ONCE`` at a time.

    Args:
        commands: what to run.
        seconds: how long those may take that run at a time.

    Raises:
        ProgramFailed: a program is missing, or one did not end in time.
    """
    outputs: list[Output] = []
    for first in range(0, len(commands), MOST_AT_ONCE):
        with running(commands[first : first + MOST_AT_ONCE], seconds=seconds) as heard:
            outputs += heard()
    return outputs


@contextmanager
def running(commands: Sequence[Command], *, seconds: float = LOOK_SECONDS) -> Iterator[Callable[[], list[Output]]]:
    """Start ``commands`` side by side, and give what waits for them; meanwhile something else can be done.

    The waiting returns, and raises, as :func:`capture_all` does. A program that is still running when the block is
    left is ended: nobody waits for its answer any more.

    Raises:
        ProgramFailed: a program is missing.
    """
    deadline = time.monotonic() + seconds
    with ExitStack() as started:
        processes = [started.enter_context(ended_after(_begin(command))) for command in commands]
        both = list(zip(commands, processes, strict=True))
        yield lambda: [_ended(command, process, seconds, deadline) for command, process in both]


def attempt_all(commands: Sequence[Command], *, seconds: float) -> list[Output | ProgramFailed]:
    """Run ``commands`` side by side as :func:`capture_all` does, with a fault for each that cannot be run."""
    firsts = range(0, len(commands), MOST_AT_ONCE)
    return [output for first in firsts for output in _attempt(commands[first : first + MOST_AT_ONCE], seconds)]


def _attempt(commands: Sequence[Command], seconds: float) -> Iterator[Output | ProgramFailed]:
    started = [_outcome(partial(_begin, command)) for command in commands]
    both = list(zip(commands, started, strict=True))
    begun = [(process, command.stdin) for command, process in both if not isinstance(process, ProgramFailed)]
    said = iter(hear_out_all(begun, seconds))
    for command, process in both:
        if isinstance(process, ProgramFailed):
            yield process
        else:
            yield _outcome(partial(_output, command, process, next(said), seconds))


def _outcome(run: Callable[[], T]) -> T | ProgramFailed:
    try:
        return run()
    except ProgramFailed as fault:
        return fault


def _begin(command: Command) -> subprocess.Popen[bytes]:
    """Start ``command`` in the background, to be heard out."""
    path = _path(command)
    argv = (*launcher(command.argv[0]), path, *command.hidden, *command.argv[1:])
    try:
        return begin(argv, command.cwd, _environment(command), command.stdin, command.umask)
    except (OSError, ValueError) as err:
        raise _not_started(command, path) from err


def _start(command: Command, **options: Any) -> Running:  # noqa: ANN401 - sh's own
    """Start ``command`` in the background, for people to watch; ``options`` say where its output goes."""
    path = _path(command)
    argv = (*launcher(command.argv[0]), path, *command.hidden, *command.argv[1:])
    given = {"_in": command.stdin, **options}
    try:
        return start(argv[0], argv[1:], command.cwd, _environment(command), **given)
    except (OSError, ValueError) as err:
        raise _not_started(command, path) from err


def _path(command: Command) -> str:
    """Return the program's path, after checking that this process may reach what it reaches."""
    require_command(command, capture)
    path = find(command.argv[0])
    if path is None:
        raise missing(command.argv[0])
    return path


def _not_started(command: Command, path: str) -> ProgramFailed:
    return ProgramFailed(f"{command.argv[0]} cannot be started", where=path, hint=f"install {command.argv[0]} anew")


def _ended(command: Command, process: subprocess.Popen[bytes], seconds: float, deadline: float) -> Output:
    """Wait for a program's end, killing it at ``deadline``: ``seconds`` after it was started."""
    said = hear_out(process, command.stdin, max(0, deadline - time.monotonic()))
    return _output(command, process, said, seconds)


def _output(command: Command, process: subprocess.Popen[bytes], said: Said | None, seconds: float) -> Output:
    if said is None:
        raise _too_slow(command, seconds)
    stdout, stderr = said
    return Output(process.returncode, stdout, stderr.decode("utf-8", "replace"))


def _too_slow(command: Command, seconds: float) -> TooSlow:
    return TooSlow(
        f"{command.argv[0]} did not end within {seconds:g} seconds",
        where=shlex.join(command.argv),
        hint=f"run it by hand to see what it waits for: {shlex.join(command.argv)}",
    )


def run_checked(command: Command, *, hint: str, seconds: float = LOOK_SECONDS) -> Output:
    """Run ``command`` as :func:`capture` does, and demand status 0.

    Args:
        command: what to run.
        hint: what mends it when it fails.
        seconds: how long it may take.

    Raises:
        ProgramFailed: it failed (the message is its own last line), is missing, or did not end in time.
    """
    output = capture(command, seconds=seconds)
    if not output.ok:
        raise ProgramFailed(f"{shlex.join(command.argv[:3])}: {output.last_words}", hint=hint)
    return output


def attend(command: Command) -> int:
    """Run ``command`` on this terminal, its output on standard error, and return its exit status.

    For programs that people watch or answer. What it reads is ``command.stdin`` where there is any, else the
    terminal.

    Raises:
        ProgramFailed: the program is missing, or did not end within ``PERSON_SECONDS``.
    """
    screen = sys.stderr.fileno()
    running = _start(command, _in=command.stdin or sys.stdin, _out=screen, _err=screen)
    if not wait(running, PERSON_SECONDS):
        raise _too_slow(command, PERSON_SECONDS)
    return running.status


def watch(command: Command, *, speaker: str | None = None, seconds: float = PERSON_SECONDS) -> Output:
    """Run ``command``, show what it says as it says it, and return it whatever its status.

    Both of its outputs go to standard error. Where that is a terminal, the program gets one too, so that it can
    draw its own progress. Its lines are made harmless one by one.

    Args:
        command: what to run.
        speaker: put before lines of its that look like this program's own error or hint.
        seconds: how long it may take.

    Raises:
        ProgramFailed: the program is missing, or did not end in time.
    """
    said = bytearray()
    ends: list[SystemExit] = []

    def pass_on(chunk: str | bytes) -> None:
        data = chunk.encode() if isinstance(chunk, str) else chunk
        said.extend(data)
        shown = f"{speaker}: ".encode() + data if speaker and data.startswith(_OUR_LINES) else data
        try:
            show.pass_on(shown.decode("utf-8", "surrogateescape"))
        except SystemExit as end:  # in a thread of sh's: the program is waited for all the same
            ends.append(end)

    running = _start(
        command,
        _out=pass_on,
        _err_to_out=True,
        # By lines: of a secret's first half nobody would know that it is one.
        _out_bufsize=1,
        _tty_out=sys.stderr.isatty(),
        _tty_size=(shutil.get_terminal_size().lines, shutil.get_terminal_size().columns),
    )
    in_time = wait(running, seconds)
    if _ESCAPE in said:
        show.settle_style()
    if ends:
        raise ends[0]
    if not in_time:
        raise _too_slow(command, seconds)
    return Output(running.status, b"", said.decode("utf-8", "replace"))


def find(name: str) -> str | None:
    """Return the path of the program ``name``, or None.

    What lies beside this Python counts last: of programs that come as Python packages, chartpress is one.
    """
    return shutil.which(name, path=os.pathsep.join((_path_outside_virtualenv(), str(Path(sys.executable).parent))))


def missing(name: str) -> ProgramFailed:
    """Return the fault that says the program ``name`` is not on this machine."""
    hint = INSTALL_HINTS.get(name, f"install {name}")
    return ProgramFailed(f"{name} is not installed", where="PATH", hint=hint)


def _environment(command: Command) -> dict[str, str]:
    """Return the child's environment.

    A virtual environment's variables stay out of it: gcloud and Docker's credential helpers are Python
    programs that break when they find somebody else's interpreter first.
    """
    dropped = {*_VIRTUALENV, *command.unset}
    inherited = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**inherited, "PATH": _path_outside_virtualenv(), **command.manners, **command.env, **environment()}


def _path_outside_virtualenv() -> str:
    return _outside_virtualenv(os.environ.get("PATH", os.defpath))


@lru_cache(maxsize=1)
def _outside_virtualenv(path: str) -> str:
    """Return a ``PATH`` without the folder of this Python's virtual environment."""
    if sys.prefix == sys.base_prefix:
        return path
    own = Path(sys.prefix) / "bin"
    return os.pathsep.join(part for part in path.split(os.pathsep) if Path(part) != own)
