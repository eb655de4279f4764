from pathlib import Path

import pytest

from tasks.core.output import report_to_ci
from tests.support.cli import run_task, succeed
from tests.support.hubs import Hub
from tests.support.world import demand_fault, nothing_written

pytestmark = pytest.mark.usefixtures("gh")

BRANCH = "bump-z2jh-3.3.8"
PAGE = "https://github.com/org/hubs/pull/1"


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    return tmp_path / "output"


@pytest.fixture
def step_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    return tmp_path / "summary"


def test_a_dry_run_tells_what_would_be(github_hub: Hub, output: Path, step_summary: Path) -> None:
    succeed("--dry", "bump", cwd=github_hub.path)
    assert output.read_text() == "version=3.3.8\nchanged=true\n"
    heading, _, fence, *lines, last, _ = step_summary.read_text().splitlines()
    assert (heading, fence, last) == ("### hubpress", "```text", "```")
    assert any("jupyterhub from 3.2.1 to 3.3.8" in line or "3.2.1 -> 3.3.8" in line for line in lines), lines


def test_the_tasks_of_one_step_append(github_hub: Hub, output: Path, step_summary: Path) -> None:
    succeed("bump", "commit", "--pr", cwd=github_hub.path)
    assert output.read_text() == (f"version=3.3.8\nchanged=true\nbranch={BRANCH}\npull_request={PAGE}\nchanged=true\n")
    told = step_summary.read_text()
    assert told.count("### hubpress\n") == 2
    assert BRANCH in told
    assert PAGE in told


def test_a_file_that_cannot_be_written_is_a_fault(
    github_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "nowhere" / "output"))
    with nothing_written(github_hub):
        done = run_task("bump", cwd=github_hub.path)
    what = f"the file cannot be written: No such file or directory ({tmp_path}/nowhere/output)"
    demand_fault(done, 2, what, "unset GITHUB_OUTPUT")


def test_no_value_can_make_another_output(output: Path) -> None:
    report_to_ci({"chart": {"after": "4.4.0\nchanged=true"}, "branch": "a\r\nimage=evil"}, "any", changed=False)
    assert output.read_text() == "version=4.4.0 changed=true\nbranch=a image=evil\nchanged=false\n"


# -- tasks that only look


def test_a_check_tells_its_problems(github_hub: Hub, output: Path, step_summary: Path) -> None:
    github_hub.edit("hub/requirements.yaml", "3.2.1", "3.3.8")
    assert run_task("check", "--offline", cwd=github_hub.path).code == 1
    assert output.read_text() == "ok=false\nproblems=2\n"
    assert "base-not-of-release" in step_summary.read_text()


def test_a_problem_stands_beside_its_line_in_a_pull_request(github_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    github_hub.edit("hub/requirements.yaml", "3.2.1", "3.3.8")
    github_hub.write("images/hub/new", "")
    done = run_task("check", "--offline", "--json", cwd=github_hub.path)
    (base,) = (one for one in done.json["problems"] if one["code"] == "base-not-of-release")
    place = "file=images/hub/Dockerfile,line=2,title=hubpress base-not-of-release"
    told = done.err.splitlines()
    assert f"::error {place}::{base['message']}; {base['hint']}" in told
    for level, word in (("fault", "error"), ("warning", "warning")):
        expected = sum(one["severity"] == level for one in done.json["problems"])
        assert sum(line.startswith(f"::{word} ") for line in told) == expected > 0


def test_a_status_tells_what_is_pinned_and_what_is_newest(github_hub: Hub, output: Path) -> None:
    github_hub.write("invoke.yaml", "hub: {accept: [security-release]}\n")
    succeed("status", cwd=github_hub.path)
    assert output.read_text() == "version=3.2.1\nnewest=4.4.0\nproblems=1\n"


def test_no_text_ends_the_summarys_block(step_summary: Path) -> None:
    report_to_ci({}, "```\n# evil\x1b[2J")
    assert step_summary.read_text() == "### hubpress\n\n````text\n```\n# evil\\x1b[2J\n````\n\n"


def test_a_sign_in_that_is_there_has_changed_nothing(github_hub: Hub, output: Path) -> None:
    succeed("auth", cwd=github_hub.path)
    assert output.read_text() == "changed=false\n"


def test_a_fault_stands_in_the_summary_with_its_hint(github_hub: Hub, step_summary: Path) -> None:
    assert run_task("bump", "--to", "9.9.9", cwd=github_hub.path).code == 1
    _, _, _, error, hint, *_ = step_summary.read_text().splitlines()
    assert error.startswith("error: version 9.9.9 does not exist (http://127.0.0.1:")
    assert hint.startswith("hint: choose an existing one: --to ")
