"""An engine that takes the connection and never answers, as a suspended Docker Desktop or a dead ssh host does."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.cli import Result, run_task
from tests.support.hubs import Hub

pytestmark = pytest.mark.engine
SECONDS = 15


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Docker's engine be one that never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        yield


def timed(hub: Hub, *typed: str) -> Result:
    """Run a task, and demand that it does not take longer than anybody waits."""
    begin = time.monotonic()
    done = run_task(*typed, cwd=hub.path)
    assert time.monotonic() - begin < SECONDS, done
    return done


def test_what_needs_no_engine_reports_without_it(released: Hub, request: pytest.FixtureRequest) -> None:
    tasks = (("status",), ("check", "--json"))
    before = [run_task(*task, cwd=released.path) for task in tasks]
    request.getfixturevalue("hung")
    for task, seen in zip(tasks, before, strict=True):
        done = timed(released, *task)
        assert (done.code, done.out, done.err) == (seen.code, seen.out, "")


@pytest.mark.usefixtures("hung")
def test_what_needs_the_engine_is_named(released: Hub) -> None:
    released.write("images/hub/requirements.txt", "jupyterhub-nativeauthenticator==1.3.0\n")
    released.commit("Pin it")
    (unchecked,) = timed(released, "status", "--json").json["not_checked"]
    assert unchecked["message"].endswith(
        ":3.3.8: the Docker engine does not answer: docker did not end within 10 seconds"
    )
    assert unchecked["hint"].startswith("start the engine that DOCKER_HOST names, tcp://127.0.0.1:")
    # A registry that is out of reach besides is told apart.
    released.edit("images/hub/Dockerfile", "FROM 127.0.0.1:", "FROM 127.0.0.1:1")
    done = run_task("status", cwd=released.path)
    assert "Release" in done.out, done
    assert "unexpected" not in done.err


@pytest.mark.usefixtures("hung")
def test_the_machine_is_reported_on(released: Hub) -> None:
    begin = time.monotonic()
    done = run_task("doctor", "--json", cwd=released.path)
    assert time.monotonic() - begin < 2 * SECONDS, done
    engine = next(tool for tool in done.json["tools"] if tool["name"] == "engine")
    assert (done.code, engine["ok"]) == (1, False)
