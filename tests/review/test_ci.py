from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.ci import outputs, summary

from ..lab.cli import run_task

if TYPE_CHECKING:
    from pathlib import Path

    from ..lab.hubs import Hub
    from .standin_gh import StandInGh

BRANCH = "bump-z2jh-3.3.8"
PAGE = "https://github.com/org/hubs/pull/1"


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file for a step's outputs, as GitHub Actions names it."""
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    return tmp_path / "output"


@pytest.fixture
def step_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file for a step's summary, as GitHub Actions names it."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    return tmp_path / "summary"


def test_a_bumps_outputs(hub: Hub, gh: StandInGh, output: Path) -> None:
    del gh
    assert run_task("bump", cwd=hub.path).code == 0
    assert output.read_text() == "version=3.3.8\nchanged=true\n"


def test_a_bump_with_nothing_to_do(hub: Hub, gh: StandInGh, output: Path) -> None:
    del gh
    assert run_task("--dry", "bump", "--to", "3.2.1", cwd=hub.path).code == 0
    assert output.read_text() == "version=3.2.1\nchanged=false\n"


def test_a_dry_run_tells_what_would_be(hub: Hub, gh: StandInGh, output: Path, step_summary: Path) -> None:
    del gh
    assert run_task("--dry", "bump", cwd=hub.path).code == 0
    assert output.read_text() == "version=3.3.8\nchanged=true\n"
    assert step_summary.read_text() == (
        "### hubpress: what would be done\n"
        "\n"
        "| what | is |\n"
        "|---|---|\n"
        "| chart jupyterhub | `3.2.1` to `3.3.8` |\n"
        "| base image | `quay.io/jupyterhub/k8s-hub:3.2.1` to `quay.io/jupyterhub/k8s-hub:3.3.8` |\n"
        "\n"
    )


def test_the_tasks_of_one_step_append(hub: Hub, gh: StandInGh, output: Path, step_summary: Path) -> None:
    del gh
    assert run_task("bump", "commit", "--pr", cwd=hub.path).code == 0
    assert output.read_text() == (f"version=3.3.8\nchanged=true\nbranch={BRANCH}\npull_request={PAGE}\nchanged=true\n")
    told = step_summary.read_text()
    assert told.count("### hubpress: what was done\n") == 2
    assert f"| branch | `{BRANCH}` |\n| commit | `" in told
    assert f"`: Move z2jh from 3.2.1 to 3.3.8 |\n| pull request | created: {PAGE} |\n" in told


def test_a_step_in_which_an_earlier_task_changed_something_has_changed(hub: Hub, gh: StandInGh, output: Path) -> None:
    del gh
    assert run_task("bump", "bump", cwd=hub.path).code == 0
    assert output.read_text() == "version=3.3.8\nchanged=true\nversion=3.3.8\nchanged=true\n"


def test_outside_of_actions_nothing_is_written(hub: Hub, gh: StandInGh, tmp_path: Path) -> None:
    del gh
    before = sorted(tmp_path.iterdir())
    assert run_task("bump", cwd=hub.path).code == 0
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_cannot_be_written_is_a_fault(
    hub: Hub, gh: StandInGh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del gh
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "nowhere" / "output"))
    done = run_task("bump", cwd=hub.path)
    assert done.code == 2
    assert done.err.splitlines()[-2:] == [
        f"error: the file cannot be written: No such file or directory ({tmp_path}/nowhere/output)",
        "hint: unset GITHUB_OUTPUT",
    ]


def test_no_value_can_make_another_output() -> None:
    told = outputs({"chart": {"after": "4.4.0\nchanged=true"}, "branch": "a\r\nimage=evil"})
    assert told == {"version": "4.4.0 changed=true", "branch": "a image=evil"}


def test_the_first_image_that_was_built_counts() -> None:
    images = [
        {"name": "db", "repository": "reg/db", "tag": None, "digest": None, "status": "skipped"},
        {"name": "hub", "repository": "reg/hub", "tag": "1", "digest": "sha256:1", "status": "built"},
        {"name": "other", "repository": "reg/other", "tag": "2", "digest": "sha256:2", "status": "present"},
    ]
    assert outputs({"images": images}) == {"image": "reg/hub:1", "digest": "sha256:1"}


def test_a_run_with_nothing_to_do_says_so() -> None:
    assert summary((("branch", "`main`"),), changed=False, dry=False).startswith("### hubpress: nothing to do\n\n")
