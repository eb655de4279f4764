"""How a task ends: its exit code, one error and one hint, and a traceback only for those who ask."""

import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from tasks.core.output import confirm
from tasks.run import Run, hub_task
from tests.support.cli import HUBPRESS, INVOKE, run_task, succeed
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT
from tests.support.world import ended


def test_what_an_encoding_does_not_have_is_no_reason_to_end(hub: Hub) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    hub.git("switch", "--quiet", "--create", "wait-…")
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    done = succeed("commit", cwd=hub.path, env=env)
    assert r"-\u2026: Move z2jh" in done.out


def test_after_a_fault_the_tasks_behind_it_do_not_run(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=(tmp_path / "none").as_uri())
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:3.3.8")
    assert run_task("bump", "commit", cwd=hub.path).code == 4
    assert hub.subjects() == ["Set up the hub"]


def test_chained_tasks_report_a_line_each(tmp_path: Path) -> None:
    found = run_task("--dry", "commit", "--json", "commit", "--json", cwd=make_hub(tmp_path / "hub").path)
    assert [sorted(json.loads(line))[:2] for line in found.out.splitlines()] == [["branch", "commits"]] * 2


def test_a_dry_chain_stops_where_the_real_one_does(hub: Hub) -> None:
    for dry in (("--dry",), ()):
        told = "the image hub has files that are not committed (images/hub/Dockerfile)"
        stopped = ended(run_task(*dry, "bump", "build", cwd=hub.path))
        assert stopped == (1, told, "invoke commit; its tag names the last commit")


REPORT = "run it with --debug and report what it prints: invoke --debug boom"
LOOK = "correct the name, or what keeps you out: ls -ld in"
TWO_LINES, LINE = "two\nlines of https://robin:tulip@git.example/hub", "two lines of https://***@git.example/hub"


@pytest.mark.parametrize(
    ("raised", "code", "error", "hint"),
    [
        (RuntimeError(TWO_LINES), 1, f"unexpected RuntimeError: {LINE}", REPORT),
        (RecursionError(TWO_LINES), 1, f"unexpected RecursionError: {LINE}", REPORT),
        (MemoryError(TWO_LINES), 1, f"unexpected MemoryError: {LINE}", REPORT),
        (OSError(9, "Bad", 99), 1, "unexpected OSError: [Errno 9] Bad: 99", REPORT),
        (OSError(9, "Bad", b"in/caf\xe9"), 2, r"cannot use the file: Bad (in/caf\xe9)", LOOK),
    ],
)
def test_whatever_is_raised_is_one_error_and_one_hint(raised: Exception, code: int, error: str, hint: str) -> None:
    @hub_task(writes=False)
    def boom(_: Run) -> None:
        """Do something."""
        raise raised

    with pytest.raises(Exit) as end:
        boom(Context())
    assert (end.value.code, end.value.message) == (code, f"error: {error}\nhint: {hint}")


def test_a_name_that_no_file_can_have_is_told_with_the_file(hub: Hub) -> None:
    hub.edit("chartpress.yaml", "valuesPath:", f"paths: [{'x' * 300}]\n        valuesPath:")
    done = run_task("status", cwd=hub.path, env={"INVOKE_HUB_TAG": "{content}"})
    told = f"cannot use the file: File name too long ({hub.path}/{'x' * 300})"
    assert ended(done) == (2, told, f"correct the name, or what keeps you out: ls -ld {hub.path}")


def test_a_traceback_for_those_who_ask(hub: Hub) -> None:
    hub.write("chartpress.yaml", "charts: 3\n")
    done = run_task("--debug", "commit", cwd=hub.path)
    assert done.code == 2
    assert "Traceback (most recent call last):" in done.err
    assert "tasks.core.faults.Unusable: error: " in done.err
    assert re.search(r"\nerror: [^\n]+\nhint: [^\n]+\n\Z", done.err)


def test_a_letter_that_the_terminal_writes_in_another_encoding_is_no_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"y\xe9\n"), "utf-8"))
    assert confirm("Go on?") is False


# -- standard streams that are full, that nobody reads any more, or that were never there


DOORS = {"invoke": INVOKE, "hubpress": HUBPRESS}
LOOKS = [("invoke", "--dry bump --json --to 3.3.8"), ("hubpress", "--help release")]
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


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(("door", "typed"), LOOKS)
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


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_full_disk_that_takes_no_messages_stops_no_work(hub: Hub) -> None:
    with FULL.open("wb") as full:
        code, _ = run("invoke", "bump --to 3.3.8", hub, stdout=full.fileno(), stderr=full.fileno())
        assert code == 2
        assert run("invoke", "bump --to 3.3.7", hub, stdout=subprocess.DEVNULL, stderr=full.fileno()) == (0, "")
    assert "version: 3.3.7\n" in hub.read("hub/requirements.yaml")


def test_a_reader_that_has_gone_is_no_fault_and_the_work_is_done(hub: Hub) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        code, err = run("hubpress", "--help release", hub, stdout=writing)
        assert (code, [word for word in (*NOISE, "BrokenPipe", "cannot be written") if word in err]) == (0, [])
        assert run("invoke", "bump --to 3.3.8", hub, stdout=writing, stderr=writing) == (0, "")
    finally:
        os.close(writing)
    assert "version: 3.3.8\n" in hub.read("hub/requirements.yaml")


def test_streams_that_were_never_there_are_no_fault(hub: Hub) -> None:
    closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *INVOKE, "check", "--offline")
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(closed, cwd=hub.path, env=env, timeout=60, check=False)
    assert done.returncode == 1  # the values name no image yet
