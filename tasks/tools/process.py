"""Running outside programs: the one place that starts them.

Every call is an argument vector with an explicit folder: no shell, so no file's content can become a command.

What is only asked something is started with subprocess; what people watch runs through sh.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from threading import TIMEOUT_MAX
from typing import Any, NamedTuple, TypeAlias, TypeVar

import sh

from ..core import output
from ..core.faults import ProgramFailed
from ..core.session import held_back
from .command import Command, Output
from .reach import environment, launcher, require_command

# A program may end with any status, or by any signal (negative): the caller decides what that means.
_ANY_STATUS = tuple(range(-64, 256))
TIDY_SECONDS = 10.0


class Running(NamedTuple):
    """A program that was started.

    Attributes:
        process: sh's view of it.
        ended: set by a thread of its own once it has ended: sh's own wait loses the status when it is interrupted, and
            its limit polls.
    """

    process: sh.RunningCommand
    ended: threading.Event

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self.process.pid)

    @property
    def status(self) -> int:
        """Its exit status, once it has ended; negative where a signal ended it."""
        return int(self.process.exit_code)


def start(
    program: str,
    arguments: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str],
    **options: Any,  # noqa: ANN401 - sh's own
) -> Running:
    """Start a program in the background.

    Args:
        program: its path.
        arguments: what it is given.
        cwd: the folder it runs in; None for the current one.
        env: its whole environment.
        options: sh's own, for what it reads and where its output goes.

    Raises:
        OSError: it cannot be started.
    """
    process: sh.RunningCommand | None = None
    ended = threading.Event()
    try:
        # An interrupt right after the fork would leave a program that nobody knows of, or nobody waits for.
        with held_back():
            process = sh.Command(program)(
                *arguments,
                _cwd=None if cwd is None else str(cwd),
                _env=dict(env),
                _ok_code=_ANY_STATUS,
                _bg=True,
                _bg_exc=False,
                _return_cmd=True,
                **options,
            )
            threading.Thread(target=_wait, args=(process, ended), daemon=True).start()
    except sh.ForkException as err:
        raise OSError(str(err)) from err
    except KeyboardInterrupt:
        if process is not None:
            _send(process, signal.SIGTERM)
        raise
    return Running(process, ended)


def wait(running: Running, seconds: float = TIMEOUT_MAX) -> bool:
    """Wait for a program's end, and return whether it came within ``seconds``; after them the program is killed.

    A wait that is interrupted asks the program to end, and lets it tidy up.
    """
    try:
        in_time = running.ended.wait(seconds)
    except BaseException:
        _send(running.process, signal.SIGTERM)
        _kill_unless(running.ended.wait(TIDY_SECONDS), running)
        raise
    _kill_unless(in_time, running)
    return in_time


def _wait(process: sh.RunningCommand, ended: threading.Event) -> None:
    process.wait()
    ended.set()


def _kill_unless(in_time: bool, running: Running) -> None:
    if not in_time:
        _send(running.process, signal.SIGKILL)
        # What it has started may hold the other end of its output: nobody waits for that.
        running.ended.wait(TIDY_SECONDS)


def _send(process: sh.RunningCommand, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.signal(number)


# A program's standard output and standard error.
Said: TypeAlias = "tuple[bytes, bytes]"
_TURN = 0.02
# What every pipe takes without a reader (POSIX's least PIPE_BUF).
_AT_ONCE = 512


def begin(
    argv: Sequence[str], cwd: Path | None, env: Mapping[str, str], stdin: str = "", umask: int = -1
) -> subprocess.Popen[bytes]:
    """Start a program in the background, in a session of its own: Ctrl-C reaches it through who waits for it.

    Args:
        argv: its path, and what it is given.
        cwd: the folder it runs in; None for the current one.
        env: its whole environment.
        stdin: what it will read. A little is given to it at once; the rest has to wait until it is heard out.
        umask: what of the modes of the files that it makes is left out; -1 for this process's own.

    Raises:
        OSError, ValueError: it cannot be started.
    """
    pipe = subprocess.PIPE
    process = None
    try:
        # An interrupt right after the fork would leave a program that nobody knows of.
        with held_back():
            process = subprocess.Popen(
                list(map(_bytes, argv)),
                cwd=cwd,
                env=env,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
                umask=umask,
            )
            _feed(process, _bytes(stdin))
    except KeyboardInterrupt:
        _end([process] if process else [])
        raise
    return process


@contextlib.contextmanager
def ended_after(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Give a started program, and end it with the block where nobody has heard it out by then."""
    try:
        yield process
    finally:
        if process.returncode is None:
            _end([process])


def hear_out(process: subprocess.Popen[bytes], stdin: str, seconds: float) -> Said | None:
    """Give a program what it reads, and return its standard output and error when it has ended.

    A wait that is interrupted asks the program to end, and lets it tidy up.

    Returns:
        None where it did not end within ``seconds``; then it was killed.
    """
    try:
        return process.communicate(_bytes(stdin), timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        return None
    except BaseException:
        _end([process])
        raise


def hear_out_all(started: Sequence[tuple[subprocess.Popen[bytes], str]], seconds: float) -> list[Said | None]:
    """Hear out programs as :func:`hear_out` does, in turns: one that hangs keeps no other one from being heard.

    Args:
        started: the programs, each with what it reads.
        seconds: how long all of them may take together.
    """
    deadline = time.monotonic() + seconds
    heard: dict[int, Said] = {}
    open_ones = dict(enumerate(started))
    try:
        while open_ones and time.monotonic() < deadline:
            for index, (process, stdin) in list(open_ones.items()):
                # What it reads is taken with the first turn; its output is kept from turn to turn.
                open_ones[index] = process, ""
                with contextlib.suppress(subprocess.TimeoutExpired):
                    heard[index] = process.communicate(_bytes(stdin) or None, timeout=_TURN)
                    del open_ones[index]
    except BaseException:
        _end([process for process, _ in open_ones.values()])
        raise
    for process, _ in open_ones.values():
        _kill(process)
    return [heard.get(index) for index in range(len(started))]


def _bytes(stdin: str) -> bytes:
    """Return what a program reads; file names that are not UTF-8 stand in it as :func:`os.fsdecode` gives them."""
    return stdin.encode("utf-8", "surrogateescape")


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Give a program all that it reads, where that is no more than every pipe takes."""
    if process.stdin is None or len(data) > _AT_ONCE:
        return
    with contextlib.suppress(OSError):  # it has ended, or does not read
        process.stdin.write(data)
        process.stdin.close()
    process.stdin = None


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask programs to end, and let them tidy up."""
    for process in processes:
        process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(TIDY_SECONDS)
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and what it has started: docker, for one, leaves the work to its plugins."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(TIDY_SECONDS)
    # What has left its session may hold the other ends: nobody waits for that.
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


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
            output.pass_on(shown.decode("utf-8", "surrogateescape"))
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
        output.settle_style()
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
