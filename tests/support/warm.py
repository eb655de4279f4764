"""Tasks without their start: Python's own fork server has imported the libraries and this project's rooms already.

Most of a short task's time goes into imports that are the same each time. The program itself, which reads variables
and files when it starts, is imported anew by each run; and a run ends as any Python does: by its exceptions, its exit
functions, its signals.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import NamedTuple
from unittest.mock import patch

from .machine import PROJECT

LIBRARIES = ("invoke.main", "ruamel.yaml", "semver", "sh", "http.client", "docker")
# It is made of the tasks, which each run imports itself.
PROGRAM = "tasks.program"
# What an interpreter reads when it starts; only the module path can be given later.
_READ_AT_START = ("PYTHON", "LC_", "LANG")
_GIVEN_LATER = "PYTHONPATH"
_PRELOADED = "_hubpress_preloads"
# Where libraries are: what a Python's own folder and PYTHONPATH do not add.
_PATH = [path for path in sys.path if path not in {"", str(PROJECT)}]


class Call(NamedTuple):
    """One run of a module, with its whole environment."""

    module: str
    arguments: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]


def suits(env: Mapping[str, str]) -> bool:
    """Whether a Python with the variables ``env`` would have started as the fork server has."""
    return _read_at_start(env) == _fork_server()[1]


def run_warm(call: Call, stdin: str, seconds: float) -> tuple[int, str, str]:
    """Run a module; return its status (negative for a signal), and its standard output and error.

    Raises:
        subprocess.TimeoutExpired: it did not end within ``seconds``; the session that it leads was killed.
    """
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        for stream in streams:
            stream.write_text(stdin if stream.name == "stdin" else "", encoding="utf-8")
        child = _fork_server()[0].Process(target=_become, args=(call, streams))
        # It needs nothing of this process: neither its main module nor its module path.
        with patch("multiprocessing.spawn.get_preparation_data", return_value={}):
            child.start()
        child.join(seconds)
        if child.exitcode is None and child.pid is not None:
            os.killpg(child.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired([call.module, *call.arguments], seconds)
        _, out, err = (stream.read_text(encoding="utf-8") for stream in streams)
        return int(child.exitcode or 0), out, err


@cache
def _fork_server() -> tuple[ForkServerContext, dict[str, str]]:
    """Return what starts children of a warm Python, and the variables that it has read."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    warm = patch.dict(os.environ, {_PRELOADED: "1", _GIVEN_LATER: str(PROJECT)})
    # Its folder outlives the test that starts it, which may look at what is left in a temporary folder of its own.
    with warm, patch("tempfile.tempdir", None):
        forkserver.ensure_running()
        return context, _read_at_start(os.environ)


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in env.items() if name.startswith(_READ_AT_START) and name != _GIVEN_LATER}


def _become(call: Call, streams: Iterable[Path]) -> None:
    """Run the module in this process, which the fork server has made."""
    os.setsid()
    for number, stream in enumerate(streams):
        opened = os.open(stream, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it is closed when this process ends
    os.chdir(call.cwd)
    os.environ.clear()
    os.environ.update(call.env)
    sys.argv[1:] = call.arguments
    sys.path[:] = [call.cwd, *filter(None, call.env.get(_GIVEN_LATER, "").split(os.pathsep)), *_PATH]
    try:
        runpy.run_module(call.module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001 - a child of multiprocessing does not do it itself


def _preload() -> None:
    """Import the libraries and the rooms.

    A bare package is in the place of this project's own, which each run imports itself: that changes how Python logs.
    """
    sys.modules["tasks"] = bare = ModuleType("tasks")
    bare.__path__ = [str(PROJECT / "tasks")]
    rooms = (module.name for module in walk_packages(bare.__path__, "tasks.") if module.name != PROGRAM)
    for name in (*LIBRARIES, *rooms):
        import_module(name)
    del sys.modules["tasks"]


if _PRELOADED in os.environ:
    _preload()
