"""Standard streams that are full, that nobody reads any more, or that were never there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import INVOKE
from tests.support.hubs import Hub
from tests.support.machine import PROJECT

HUBPRESS = "import sys; from tasks.program import program; program.run(['hubpress', *sys.argv[1:]])"
DOORS = {"invoke": INVOKE, "hubpress": (sys.executable, "-c", HUBPRESS)}
LOOKS = ("--dry bump --json --to 3.3.8", "--help release")
FULL = Path("/dev/full")
NOISE = ("unexpected", "Traceback", "Exception ignored")


def run(door: str, typed: str, hub: Hub, *, stdout: int, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    """Run a task, and return its exit code and what it said on standard error."""
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    argv = (*DOORS[door], *typed.split())
    done = subprocess.run(
        argv, cwd=hub.path, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, timeout=60, check=False
    )
    return done.returncode, (done.stderr or b"").decode()


def closed_pipe() -> int:
    """Return the writing end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("typed", LOOKS)
@pytest.mark.parametrize("door", DOORS)
def test_what_a_full_disk_does_not_take_is_a_fault(hub: Hub, door: str, typed: str) -> None:
    with FULL.open("wb") as full:
        code, err = run(door, typed, hub, stdout=full.fileno())
    assert code == 2, err
    assert err.splitlines()[-2:] == [
        "error: standard output cannot be written: No space left on device",
        "hint: send it to a file on a disk with space (df -h)",
    ]
    assert not [word for word in NOISE if word in err]
    assert err.count("error: ") == 1


@pytest.mark.parametrize("typed", LOOKS)
@pytest.mark.parametrize("door", DOORS)
def test_a_reader_that_has_gone_is_no_fault(hub: Hub, door: str, typed: str) -> None:
    writing = closed_pipe()
    try:
        code, err = run(door, typed, hub, stdout=writing)
    finally:
        os.close(writing)
    with Path(os.devnull).open("wb") as nothing:
        assert code == run(door, typed, hub, stdout=nothing.fileno())[0]
    assert not [word for word in (*NOISE, "BrokenPipe", "cannot be written") if word in err]


def test_the_work_is_done_although_nobody_reads_of_it(hub: Hub) -> None:
    writing = closed_pipe()
    try:
        assert run("invoke", "bump --to 3.3.8", hub, stdout=writing, stderr=writing) == (0, "")
    finally:
        os.close(writing)
    assert "version: 3.3.8\n" in hub.read("hub/requirements.yaml")


@pytest.mark.parametrize("door", DOORS)
def test_streams_that_were_never_there_are_no_fault(hub: Hub, door: str) -> None:
    typed = "check --offline"
    closed = (*("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"), *DOORS[door], *typed.split())
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(closed, cwd=hub.path, env=env, timeout=60, check=False)
    with Path(os.devnull).open("wb") as nothing:
        assert done.returncode == run(door, typed, hub, stdout=nothing.fileno())[0]
