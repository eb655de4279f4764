"""Looking at a cloned repository never runs its author's program, wherever its folders look like repositories."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.cli import run, run_task
from tests.support.hubs import Hub, clone
from tests.support.traps import BARE, WITH_A_WORK_TREE, Trap, plant

# The top, chartpress.yaml's folder, the chart's, and a build context.
FOLDERS = (".", "deploy", "deploy/hub", "deploy/images/hub")
# Each with a word of what it says there.
LOOKS = {
    "status": "deploy/hub/values.yaml",
    "check": "deploy/hub/values.yaml",
    "check --offline": "deploy/hub/values.yaml",
    "doctor": "registry 127.0.0.1:",
    "--dry bump": "deploy/hub/requirements.yaml",
    "--dry build": "core/hub:0.0.1-0.dev.git.3",
    "--dry release": "deploy/images/hub/Dockerfile",
    "--dry rehearse --stand-in-base": "temporary folder",
    "--dry init": "deploy/",
}


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    trap = Trap.set_up(tmp_path)
    (tmp_path / "hooks").mkdir()
    for hook in ("post-index-change", "pre-commit", "pre-push", "post-checkout", "reference-transaction"):
        (tmp_path / "hooks" / hook).symlink_to(trap.program)
    yield trap
    assert trap.said() == ""


@pytest.fixture
def planted(hub: Hub, trap: Trap, tmp_path: Path) -> Hub:
    """A clone whose chartpress.yaml lies in a folder, as somebody gets it who knows nothing of the repositories inside.

    They are of two kinds in turn.
    """
    (hub.path / "deploy").mkdir()
    hub.git("mv", "chartpress.yaml", "hub", "images", "deploy")
    hub.commit("Move it")
    for index, (folder, kind) in enumerate(zip(FOLDERS, cycle((BARE, WITH_A_WORK_TREE)))):
        plant(trap, hub.path / folder, kind, tmp_path / f"making{index}")
    hub.git("add", "--all", "--force")
    hub.git("commit", "--quiet", "--message", "Plant repositories")
    hub.git("push", "--quiet")
    return clone(hub.remote, tmp_path / "clone")


@pytest.mark.parametrize("folder", FOLDERS[1:])
def test_git_itself_would_run_the_program(planted: Hub, trap: Trap, folder: str) -> None:
    run("git", "log", "-1", "--pretty=format:%h", cwd=planted.path / folder)
    assert trap.said()
    trap.ran.unlink()


@pytest.mark.engine
def test_no_look_runs_it(planted: Hub) -> None:
    for (task, word), folder in zip(LOOKS.items(), cycle(FOLDERS[1:])):
        done = run_task(*task.split(), cwd=planted.path / folder)
        assert word in f"{done.out}{done.err}", (task, done)
        assert "unexpected" not in done.err, (task, done)
    assert planted.git("status", "--porcelain") == ""


def test_a_folder_in_no_clone_that_looks_like_a_repository(trap: Trap, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "chartpress.yaml").write_text("charts: []\n")
    plant(trap, folder, WITH_A_WORK_TREE, tmp_path / "making")
    for task in ("status", "check --offline", "doctor", "--dry bump", "--dry release", "--dry init"):
        done = run_task(*task.split(), cwd=folder)
        assert "not a git repository" in f"{done.out}{done.err}", (task, done)
        assert done.code == (1 if task == "doctor" else 2)
