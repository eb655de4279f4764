"""Tasks without their start: one Python has imported the libraries and this project's rooms, and forks for each run.

Most of a short task's time goes into imports that are the same each time. The program itself, which reads variables
and files when it starts, is imported anew by each run; and a run ends as any Python does: by its exceptions, its exit
functions, its signals.

    python -m tests.support.warm DESCRIPTOR

DESCRIPTOR is a socket, inherited. It brings one line of JSON for each run (see ``Call``), with the descriptors of its
standard input, output and error, and of the pipe that is told its process id and its status.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType
from typing import IO, NamedTuple, NoReturn

from .machine import PROJECT

LIBRARIES = ("invoke.main", "ruamel.yaml", "semver", "sh", "http.client", "docker")
# It reads the environment when it is imported.
PROGRAM = "tasks.program"
# What an interpreter reads when it starts; only the module path can be given later.
_READ_AT_START = ("PYTHON", "LC_", "LANG")
_GIVEN_LATER = "PYTHONPATH"
_LONGEST_CALL = 1024 * 1024
_DESCRIPTORS = 4


class Call(NamedTuple):
    """One run of a module."""

    module: str
    arguments: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    new_session: bool = False


class Ended(NamedTuple):
    """How a run ended: its status (negative for a signal), and the bytes of its standard output and error."""

    status: int
    out: bytes
    err: bytes


def kill(process: int, *, whole_session: bool) -> None:
    """Kill a process, or all of the session that it leads."""
    (os.killpg if whole_session else os.kill)(process, signal.SIGKILL)


@cache
def warm_python() -> WarmPython:
    """Return this process's own warm Python; it ends with this process."""
    return WarmPython()


class WarmPython:
    """A Python that waits for calls."""

    def __init__(self) -> None:
        self._read_at_start = _read_at_start(os.environ)
        self._calls, theirs = socket.socketpair()
        self._one_at_a_time = threading.Lock()
        with theirs:
            self._server = subprocess.Popen(
                (sys.executable, "-m", __name__, str(theirs.fileno())),
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self.end)

    def end(self) -> None:
        """End it; runs that are under way go on."""
        with self._server:
            self._calls.close()

    def suits(self, env: Mapping[str, str]) -> bool:
        """Whether a Python with the variables ``env`` would have started as this one has."""
        return _read_at_start(env) == self._read_at_start

    def run(self, call: Call, stdin: str, seconds: float) -> Ended:
        """Run a module, and return how it ended."""
        call = call._replace(env=dict(call.env))
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            try:
                status = self._status(call, [given.fileno(), out.fileno(), err.fileno()], seconds)
            except subprocess.TimeoutExpired as late:
                late.output, late.stderr = _said(out), _said(err)
                raise
            return Ended(status, _said(out), _said(err))

    def _status(self, call: Call, streams: list[int], seconds: float) -> int:
        told, tell = os.pipe()
        with os.fdopen(told, encoding="ascii") as lines:
            with os.fdopen(tell, "wb"), self._one_at_a_time:
                socket.send_fds(self._calls, [json.dumps(call).encode() + b"\n"], [*streams, tell])
            number = lines.readline()
            assert number, "the warm Python has ended; what it said stands above"
            process = int(number)
            ended, _, _ = select.select([lines], [], [], seconds)
            if not ended:
                kill(process, whole_session=call.new_session)
                raise subprocess.TimeoutExpired([call.module, *call.arguments], seconds)
            return int(lines.readline())


def _said(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read()


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in env.items() if name.startswith(_READ_AT_START) and name != _GIVEN_LATER}


def _rooms(path: Iterable[str]) -> Iterator[str]:
    """Yield the names of this project's own modules below ``path``, but for that of the program."""
    for module in walk_packages(path, "tasks."):
        if module.name != PROGRAM:
            yield module.name


def main(descriptor: int) -> None:
    """Import the libraries and the rooms, then become one run after the other."""
    # A bare package in the place of this project's own, which each run imports itself: that changes how Python logs.
    sys.modules["tasks"] = bare = ModuleType("tasks")
    bare.__path__ = [str(PROJECT / "tasks")]
    for name in (*LIBRARIES, *_rooms(bare.__path__)):
        import_module(name)
    del sys.modules["tasks"]
    gc.freeze()
    with socket.socket(fileno=descriptor) as calls:
        call = _next_call(calls)
    runpy.run_module(call.module, run_name="__main__", alter_sys=True)


def _next_call(calls: socket.socket) -> Call:
    """Return in a child of its own for each call; the server itself ends with who called."""
    # The kernel forgets children that nobody waits for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        call, descriptors = _received(calls)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _forked(call, descriptors)
        for one in descriptors:
            os.close(one)


def _received(calls: socket.socket) -> tuple[Call, list[int]]:
    data, descriptors, _, _ = socket.recv_fds(calls, _LONGEST_CALL, _DESCRIPTORS)
    while data and not data.endswith(b"\n"):
        data += calls.recv(_LONGEST_CALL)
    if not data:
        raise SystemExit
    return Call(*json.loads(data)), descriptors


def _forked(call: Call, descriptors: list[int]) -> Call:
    """Fork once more: the child goes on, its parent tells how it ended."""
    *streams, tell = descriptors
    process = os.fork()
    if process:
        _tell_end(process, tell)
    if call.new_session:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for one in descriptors:
        os.close(one)
    os.chdir(call.cwd)
    os.environ.clear()
    os.environ.update(call.env)
    sys.argv[1:] = call.arguments
    sys.path[:1] = [call.cwd, *call.env.get(_GIVEN_LATER, "").split(os.pathsep)]
    return call


def _tell_end(process: int, tell: int) -> NoReturn:
    os.write(tell, b"%d\n" % process)
    _, status = os.waitpid(process, 0)
    os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
