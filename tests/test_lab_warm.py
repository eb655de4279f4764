from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from .lab.cli import run, run_module
from .lab.warm import LIBRARIES, PROGRAM, warm_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="every Python is started anew here")

# Each is a way to end, or something that a Python is given when it starts.
PROGRAMS = {
    "nothing": "",
    "a status": "raise SystemExit(3)",
    "a message": "raise SystemExit('no')",
    "an exception": "def fail():\n    raise ValueError('no')\nfail()",
    "a signal": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "Ctrl-C": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)",
    "an exit function": "import atexit\natexit.register(print, 'the end')\nprint('before')",
    "no end of its own": "import os, sys\nprint('kept')\nsys.stdout.flush()\nprint('lost')\nos._exit(4)",
    "its arguments": "import sys\nprint(sys.argv)",
    "its input": "import sys\nprint(sys.stdin.read(), sys.stdin.isatty())",
    "its folder": "import os, sys\nprint(os.getcwd(), sys.path[:2])",
    "its variables": "import os\nprint(sorted(os.environ.items()))\nos.system('env | sort')",
    "its name": "print(__name__, __file__)\nimport __main__\nprint(__main__.__name__)",
    "its signals": "import signal as s\nprint(*map(s.getsignal, (s.SIGINT, s.SIGTERM, s.SIGCHLD, s.SIGPIPE)))",
    "its logs": "import logging, sys\nprint(logging.getLogRecordFactory(), 'tasks' in sys.modules)\n"
    "print(logging.getLogger('sh').level)",
    "its descriptors": "import os\nprint(sorted(os.listdir('/proc/self/fd'), key=int)[:4])",
    "bytes": "import sys\nsys.stdout.buffer.write(b'a\\r\\nb\\rc')\nprint('\\u00e4', file=sys.stderr)",
    "children": "import subprocess\nprint(subprocess.run(['sh', '-c', 'echo said; exit 3']).returncode)",
}


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_a_warm_python_runs_a_module_as_one_that_is_started_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "lib"), "OURS": "1"}

    program = ("program", "--flag", "b c")
    anew = run(sys.executable, "-m", *program, cwd=tmp_path, env=env, stdin="typed\n")
    assert warm_python().suits(env)
    for _ in range(2):
        forked = run_module(*program, cwd=tmp_path, env=env, stdin="typed\n")
        assert (forked.code, forked.out) == (anew.code, anew.out)
        # Of a traceback only the end: what called the module is another.
        assert forked.err.splitlines()[-1:] == anew.err.splitlines()[-1:]


@pytest.mark.parametrize("new_session", [False, True])
def test_a_run_leads_a_session_of_its_own_where_that_is_wanted(tmp_path: Path, new_session: bool) -> None:
    (tmp_path / "program.py").write_text("import os\nprint(os.getpid() == os.getsid(0))", encoding="utf-8")
    seen = run_module("program", cwd=tmp_path, env=os.environ, new_session=new_session)
    assert seen.out == f"{new_session}\n"


def test_libraries_and_rooms_are_there_and_the_program_is_imported_by_each_run_anew(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import sys\nprint(*sys.modules)", encoding="utf-8")
    modules = run_module("program", cwd=tmp_path, env=os.environ).out.split()
    assert {*LIBRARIES, "tasks.release", "tasks.tools.git"} <= set(modules)
    assert PROGRAM not in modules


def test_what_python_reads_when_it_starts_is_read_by_one_that_is_started_anew(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import sys\nprint(sys.warnoptions)", encoding="utf-8")
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    assert not warm_python().suits(env)
    assert run_module("program", cwd=tmp_path, env=env).out == "['error']\n"


@pytest.mark.parametrize("new_session", [False, True])
def test_what_does_not_end_in_time_is_killed(tmp_path: Path, new_session: bool) -> None:
    text = "import os, time\nprint('begun', flush=True)\nopen('number', 'w').write(str(os.getpid()))\ntime.sleep(60)"
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    with pytest.raises(TimeoutExpired) as late:
        run_module("program", cwd=tmp_path, env=os.environ, seconds=1, new_session=new_session)
    assert (late.value.output, late.value.stderr) == (b"begun\n", b"")
    _wait_for_end((tmp_path / "number").read_text())


def test_the_warm_python_ends_with_who_started_it(tmp_path: Path) -> None:
    text = (
        "import os\nfrom pathlib import Path\nfrom tests.lab.cli import run_module\n"
        "seen = run_module('program', cwd=Path.cwd(), env=os.environ)\nprint(seen.out, end='')"
    )
    (tmp_path / "program.py").write_text("import os\nos.system('ps -o ppid= -p %d' % os.getppid())", encoding="utf-8")
    done = run(sys.executable, "-c", text, cwd=tmp_path, env={"PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.code == 0, done
    _wait_for_end(done.out.strip())


def _wait_for_end(process: str) -> None:
    deadline = time.monotonic() + 20
    while Path("/proc", process).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
