"""Tasks, run as people run them: a child process in a hub repository; what they print, and what may be typed."""

import fcntl
import json
import os
import pty
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.parser import Parser
from invoke.parser.context import ParserContext
from invoke.program import Program
from jsonschema import Draft202012Validator

from tasks import ns
from tasks.program import HubPress

from .machine import PROJECT
from .warm import Call, run_warm, suits

TASKS = ("invoke", "--search-root", str(PROJECT))
INVOKE = (sys.executable, "-m", *TASKS)
# The other way in; the project must be on the module path.
HUBPRESS = (
    sys.executable,
    "-c",
    "import sys; from tasks.program import program; program.run(['hubpress', *sys.argv[1:]])",
)
_PATIENCE = 120


@dataclass(frozen=True)
class Result:
    """What a child said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the task printed
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}--- err\n{self.err}"


def run_task(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str | None = None, seconds: float = 120
) -> Result:
    """Run ``invoke ARGUMENTS`` with this project's tasks in ``cwd``, without a terminal.

    The environment is the test's own (see ``isolated`` in conftest.py) with ``env`` on top. What ``--json`` prints must
    be as it is documented.
    """
    done = run_module(*TASKS, *arguments, cwd=cwd, env={**os.environ, **(env or {})}, stdin=stdin, seconds=seconds)
    if "--json" in arguments:
        reports = _any_of(FAULT, *(word for word in arguments if word in REPORTS))
        wrong = [error for line in done.out.splitlines() for error in reports.iter_errors(json.loads(line))]
        assert not wrong, f"{wrong}\n{done}"
    return done


def succeed(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Result:
    """Run a task as :func:`run_task` does, and demand that it ends well."""
    done = run_task(*arguments, cwd=cwd, env=env)
    assert done.code == 0, done
    return done


def run_module(
    *module: str, cwd: Path, env: Mapping[str, str], stdin: str | None = None, seconds: float = 120
) -> Result:
    """Run ``python -m MODULE`` as :func:`run` does, with the whole environment ``env``.

    On Linux it is forked from a Python that is warm already, where ``env`` lets it.
    """
    if sys.platform != "linux" or not suits(env):
        return run(sys.executable, "-m", *module, cwd=cwd, env=env, stdin=stdin, seconds=seconds)
    name, *arguments = module
    return Result(*run_warm(Call(name, tuple(arguments), str(cwd), dict(env)), stdin or "", seconds))


def run(
    *argv: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str | None = None, seconds: float = 120
) -> Result:
    """Run ``argv`` in ``cwd`` without a terminal; ``stdin`` is what it reads, nothing where that is None.

    Raises:
        subprocess.TimeoutExpired: it did not end within ``seconds``; the session that it leads was killed.
    """
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(stdin or "", timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    return Result(child.returncode, out, err)


def run_on_terminal(*argv: str, cwd: Path, typed: str = "", env: Mapping[str, str] | None = None) -> Result:
    """Run ``argv`` as :func:`run_on_screen` does, but for its standard output, which nobody sees there.

    Returns:
        Its standard output as ``out``, and as ``err`` what the terminal showed.
    """
    with tempfile.NamedTemporaryFile() as out:
        aside = ("/bin/sh", "-c", 'exec "$@" >"$0"', out.name)
        shown = run_on_screen(*aside, *argv, cwd=cwd, env=env, typed=typed)
        return Result(shown.code, out.read().decode(), shown.out)


def run_on_screen(
    *argv: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    columns: int = 100,
    typed: str = "y\n",
    meanwhile: Callable[[], object] = lambda: None,
) -> Result:
    """Run ``argv`` in ``cwd`` with a terminal for all that it reads and writes, as people do.

    A question that ends with ``[y/N]`` is answered with ``typed`` when it is asked, after ``meanwhile`` was done.

    Returns:
        What the terminal showed as ``out``, the answers included, line ends as ``\\n``.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    merged, shown = {**os.environ, **(env or {})}, bytearray()
    with os.fdopen(controller, "r+b", buffering=0) as screen:
        child = subprocess.Popen(argv, cwd=cwd, env=merged, stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        timer = threading.Timer(_PATIENCE, child.kill)
        timer.start()
        # Linux ends a terminal that nobody holds any more with EIO, macOS with an empty read.
        with suppress(OSError):
            while chunk := screen.read(65536):
                shown += chunk
                if shown.endswith(b"[y/N] "):
                    meanwhile()
                    screen.write(typed.encode())
        child.wait()
        timer.cancel()
        return Result(child.returncode, shown.decode().replace("\r\n", "\n"), "")


def sh(*argv: str, cwd: Path) -> str:
    """Run ``argv`` in ``cwd``, demand success, and return its output without the last line break."""
    result = run(*argv, cwd=cwd)
    if result.code != 0:
        raise AssertionError(f"{' '.join(argv)}\n{result}")
    return result.out.rstrip("\n")


# -- what ``--json`` prints, held against the schemas in docs/reports.schema.json


SCHEMA: dict[str, Any] = json.loads((PROJECT / "docs" / "reports.schema.json").read_text(encoding="utf-8"))
REPORTS = tuple(one["$ref"].rpartition("/")[2] for one in SCHEMA["anyOf"])
FAULT = "fault"


@cache
def _any_of(*names: str) -> Draft202012Validator:
    return Draft202012Validator({"anyOf": [{"$ref": f"#/$defs/{name}"} for name in names], "$defs": SCHEMA["$defs"]})


# -- command lines that are not run, checked against this program's own parsers


def refusal(line: str) -> str | None:
    """Return what is said against a line such as ``hubpress bump 4.4.0`` or ``invoke --dry bump``; None for nothing."""
    name, *words = shlex.split(line, comments=True)
    invoke = Program(namespace=ns)
    core = ParserContext(args=[*invoke.core_args(), *invoke.task_args()])
    try:
        if name == "hubpress":
            program = HubPress(version="", namespace=ns, name="hubpress", binary="hubpress")
            program.normalize_argv(["hubpress", *words])
            words = program.argv[1:]
        Parser(initial=core, contexts=ns.to_contexts()).parse_argv(words)
    except Exit as end:
        return str(end.message)
    except Exception as err:  # noqa: BLE001 - its parser raises its own, and ValueError where a flag has no value
        return str(err)
    return None
