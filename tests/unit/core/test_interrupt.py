"""Ctrl-C, and two runs at once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.faults import Unusable
from tasks.core.safe_files import temporary_folder
from tasks.tools.command import Command
from tasks.tools.process import Pool, capture, map_parallel
from tests.support.cli import INVOKE, run
from tests.support.hubs import make_hub
from tests.support.machine import PROJECT
from tests.support.processes import alive, wait_until, write_program
from tests.support.server import Drip, misbehaving

PATIENCE = 20.0
INTERRUPTED = "error: interrupted\nhint: run the same command again, it goes on where it stopped\n"
SLEEPER = "echo $$ > new; mv new pid; exec sleep 60"


def wait_for(path: Path) -> None:
    wait_until(path.exists, PATIENCE)


def test_an_interrupt_while_the_tasks_are_imported_shows_no_traceback() -> None:
    program = """\
import signal, sys

class CtrlC:
    def find_spec(name, *_):
        if name == "tasks.commit":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, CtrlC)
import tasks
"""
    done = run(sys.executable, "-c", program, cwd=PROJECT)
    assert (done.code, done.out, done.err) == (130, "", "")


def test_an_interrupt_while_a_server_is_waited_for_is_130(tmp_path: Path) -> None:
    with misbehaving() as server:
        server.answers = [Drip(b"", b"", pause=0.1)]
        hub = make_hub(tmp_path / "hub", chart_repository=server.url)
        before, pipe = hub.snapshot(), subprocess.PIPE
        with subprocess.Popen((*INVOKE, "bump"), cwd=hub.path, stdout=pipe, stderr=pipe, text=True) as child:
            wait_until(lambda: server.asked, PATIENCE)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out, err) == (130, "", INTERRUPTED)
    assert hub.snapshot() == before


WAITS = f"""\
import signal, sys, threading
from pathlib import Path
from tasks.core.faults import let_signals_interrupt
from tasks.tools.process import Command, capture, map_parallel, run_interactive, run_with_output
commands = [Command(("sh", "-c", {SLEEPER!r}), Path(folder)) for folder in sys.argv[1:]]
let_signals_interrupt()
"""
SIDE_BY_SIDE = "map_parallel(capture, commands)\n"
# The main thread blocks the signal, so that another one gets it: as when it arrives just before the wait.
IN_ANOTHER_THREAD = f"""\
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
{SIDE_BY_SIDE}"""


@pytest.mark.parametrize(
    ("waits", "number", "programs"),
    [
        *(
            pytest.param(f"{door}(*commands)\n", signal.SIGINT, 1, id=door)
            for door in ("run_interactive", "capture", "run_with_output")
        ),
        pytest.param(SIDE_BY_SIDE, signal.SIGINT, 3, id="side by side"),
        pytest.param(SIDE_BY_SIDE, signal.SIGHUP, 3, id="side by side, the terminal closes"),
        pytest.param(IN_ANOTHER_THREAD, signal.SIGTERM, 1, id="another thread gets it"),
    ],
)
def test_a_signal_ends_every_program_that_is_waited_for(
    waits: str, number: signal.Signals, programs: int, tmp_path: Path
) -> None:
    folders = [tmp_path / str(index) for index in range(programs)]
    for folder in folders:
        folder.mkdir()
    argv = (sys.executable, "-c", WAITS + waits, *map(str, folders))
    with subprocess.Popen(argv, cwd=PROJECT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        for folder in folders:
            wait_for(folder / "pid")
        child.send_signal(number)
        child.communicate(timeout=PATIENCE)
    assert child.returncode == -signal.SIGINT
    wait_until(lambda: not alive(*(int((folder / "pid").read_text()) for folder in folders)), PATIENCE)


@pytest.mark.parametrize("sleeper", [SLEEPER, f"trap 'exit 3' TERM; {SLEEPER.replace('exec ', '')} & wait"])
def test_a_program_whose_answer_is_not_taken_is_ended(sleeper: str, tmp_path: Path) -> None:
    command = Command(("sh", "-c", sleeper), tmp_path)

    def ask() -> None:
        with Pool() as pool:
            pool.submit(capture, command)
            wait_for(tmp_path / "pid")

    with Pool() as pool:
        pool.submit(ask).result()
        # A thread that is only about to wait for its program ends it itself.
        wait_until(lambda: not alive(int((tmp_path / "pid").read_text())), PATIENCE)
        (tmp_path / "pid").unlink()
        pool.submit(map_parallel, capture, [command])
        wait_for(tmp_path / "pid")
    wait_until(lambda: not alive(int((tmp_path / "pid").read_text())), PATIENCE)


def test_ctrl_c_on_a_terminal_ends_both(tmp_path: Path) -> None:
    """The task, and the commit's hook, which would take for ever."""
    hub = make_hub(tmp_path / "hub")
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    write_program(hub.path / ".git/hooks", "pre-commit", f'cd "{tmp_path}"; {SLEEPER}')
    argv = (*INVOKE, "commit")
    with subprocess.Popen(argv, cwd=hub.path, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
        wait_for(tmp_path / "pid")
        # As a terminal does: everything in the foreground gets it.
        os.killpg(child.pid, signal.SIGINT)
        _, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (130, INTERRUPTED)
    assert hub.subjects() == ["Set up the hub"]
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_system_that_takes_no_temporary_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setattr("tempfile.tempdir", str(gone))
    with pytest.raises(Unusable) as fault, temporary_folder():
        pass
    assert str(fault.value) == (
        f"error: temporary files cannot be written: No such file or directory ({gone})\n"
        f"hint: df -h {gone}; ls -ld {gone}"
    )
