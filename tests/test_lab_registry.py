from __future__ import annotations

import base64
import http.client
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tasks.faults import ProgramFailed
from tasks.rehearsal.registry import Registry, free_port, registry

from .lab.machine import PROJECT
from .lab.registry import private_registry

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine


def status_of(address: str, user: str | None = None) -> int | None:
    headers = {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"} if user else {}
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/v2/", headers=headers)
        return connection.getresponse().status
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    seen = subprocess.run(("ps", "-o", "stat=", "-p", str(pid)), capture_output=True, text=True, check=False)
    return bool(seen.stdout.strip()) and not seen.stdout.startswith("Z")


def test_a_registry_answers_while_the_block_runs_and_is_gone_after_it(tmp_path: Path) -> None:
    with registry(tmp_path) as served:
        assert status_of(served.address) == 200
        assert alive(served.pid)
    assert status_of(served.address) is None
    assert not alive(served.pid)


def test_a_registry_listens_on_loopback_alone_on_the_port_it_was_given(tmp_path: Path) -> None:
    port = free_port()
    with registry(tmp_path, port=port) as served:
        assert served.address == f"127.0.0.1:{port}"


def test_a_registry_with_users_lets_in_only_those(tmp_path: Path) -> None:
    with private_registry(tmp_path, {"robin": "correct horse"}) as served:
        assert status_of(served.address) == 401
        assert status_of(served.address, "robin:wrong") == 401
        assert status_of(served.address, "robin:correct horse") == 200


def test_a_registry_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from tasks.rehearsal.registry import registry\n"
        "with registry(pathlib.Path(sys.argv[1])) as served:\n"
        "    print(served.port, served.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    argv = (sys.executable, "-c", script, str(tmp_path))
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        port, pid = map(int, starter.stdout.readline().split())
        assert status_of(f"127.0.0.1:{port}") == 200
        starter.send_signal(signal.SIGKILL)
    assert ends_within(5, pid)


def ends_within(seconds: float, pid: int) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_another_registry_on_the_port_is_never_taken_for_the_new_one(registry_in: Registry, tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed) as fault, registry(tmp_path / "second", port=registry_in.port):
        pass
    assert "address already in use" in fault.value.what
    assert fault.value.where == str(tmp_path / "second" / "registry.log")


@pytest.fixture
def registry_in(registry: Registry) -> Registry:
    return registry


def test_a_users_own_registry_variables_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_HTTP_ADDR", "127.0.0.1:1")
    with registry(tmp_path) as served:
        assert status_of(served.address) == 200


def test_a_registry_that_does_not_stop_politely_is_killed(tmp_path: Path) -> None:
    with registry(tmp_path) as served:
        os.kill(served.pid, signal.SIGSTOP)
    assert not alive(served.pid)
