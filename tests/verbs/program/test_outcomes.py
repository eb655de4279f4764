"""How a task ends: its exit code, one error and one hint, and a traceback only for those who ask."""

import json
import re
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from tasks.core.faults import Denied, Fault, ProgramFailed, Refused, Unreachable, Unusable
from tasks.core.session import HubTask
from tests.support.cli import run_task
from tests.support.hubs import Hub, make_hub

DEAD = "http://127.0.0.1:1/"


# -- exit codes


@pytest.mark.parametrize("env", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}], ids=str)
def test_what_an_encoding_does_not_have_is_no_reason_to_end(hub: Hub, env: dict[str, str]) -> None:
    hub.git("switch", "--quiet", "--create", "wait-…")
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    assert run_task("commit", "--dry", "--json", cwd=hub.path, env=env).json["branch"] == "wait-…"
    done = run_task("commit", cwd=hub.path, env=env)
    assert done.code == 0, done
    assert r"-\u2026: Move z2jh" in done.out


def test_after_a_fault_the_tasks_behind_it_do_not_run(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=DEAD)
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:3.3.8")
    assert run_task("bump", "commit", cwd=hub.path).code == 4
    assert hub.subjects() == ["Set up the hub"]


def test_chained_tasks_report_a_line_each(tmp_path: Path) -> None:
    found = run_task("--dry", "commit", "--json", "commit", "--json", cwd=make_hub(tmp_path / "hub").path)
    assert [sorted(json.loads(line))[:2] for line in found.out.splitlines()] == [["branch", "commits"]] * 2


# -- what a fault says


@pytest.mark.parametrize(
    ("kind", "code"), [(Refused, 1), (Unusable, 2), (ProgramFailed, 3), (Unreachable, 4), (Denied, 4)]
)
def test_every_fault_has_its_code(kind: type[Fault], code: int) -> None:
    fault = kind("it is so", where="here:3", hint="do this")
    assert (fault.code, str(fault)) == (code, "error: it is so (here:3)\nhint: do this")


# -- the edge


def outcome(body: BaseException) -> Exit:
    """Return how a task ends whose body raises ``body``."""

    @task(klass=HubTask)
    def boom(_: Context) -> None:
        """Do something."""
        raise body

    with pytest.raises(Exit) as end:
        boom(Context())
    return end.value


def test_a_fault_ends_the_task_with_its_code() -> None:
    end = outcome(Unusable("it is so", where="here", hint="do this"))
    assert (end.code, end.message) == (2, "error: it is so (here)\nhint: do this")


def test_an_unexpected_exception_is_one_line_too() -> None:
    end = outcome(RuntimeError("two\nlines of https://robin:tulip@git.example/hub"))
    assert (end.code, end.message) == (
        1,
        (
            "error: unexpected RuntimeError: two lines of https://***@git.example/hub\n"
            "hint: run it with --debug and report what it prints: invoke --debug boom"
        ),
    )


@pytest.mark.parametrize("body", [RecursionError("maximum recursion depth exceeded"), MemoryError()])
def test_a_machine_at_its_end_is_one_line_too(body: Exception) -> None:
    assert str(outcome(body).message).splitlines()[1:] == [
        "hint: run it with --debug and report what it prints: invoke --debug boom"
    ]


# -- tracebacks


def test_a_traceback_for_those_who_ask(hub: Hub) -> None:
    hub.write("chartpress.yaml", "charts: 3\n")
    done = run_task("--debug", "commit", cwd=hub.path)
    assert done.code == 2
    assert "Traceback (most recent call last):" in done.err
    assert "tasks.core.faults.Unusable: error: " in done.err
    assert re.search(r"\nerror: [^\n]+\nhint: [^\n]+\n\Z", done.err)
