"""A git that refuses, here or at the remote: one error, one hint, nothing lost, and the same command goes on."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import pytest

from tasks.tools.git import Git
from tests.support.cli import Result
from tests.support.hubs import Hub
from tests.support.processes import wait_until, write_program
from tests.support.scene import REFUSED, UNREACHABLE
from tests.support.steps import BRANCH
from tests.support.world import fault

from .harness import Harness
from .stage import PATIENCE, Stage, only, users

pytestmark = pytest.mark.engine

BUSY = "another git is at work here, or was killed in the middle of it"


@pytest.mark.parametrize("path", ["hub/.git/index.lock", f"hub/.git/refs/heads/{BRANCH}.lock"])
def test_a_release_stops_at_the_lock_that_another_git_has_left_and_goes_on_without_it(
    harness: Harness, path: str
) -> None:
    stage, planted = harness.stage, harness.planted
    stage.set_up()
    lock = stage.place / path
    lock.touch()
    broken = stage.look()
    stopped = stage.release()
    assert (stopped.code, users(stage.look())) == (REFUSED, users(planted)), stopped
    assert fault(stopped) == (f"{BUSY} ({lock})", f"wait for it; if no git is running: rm {lock}")
    if "index" in path:
        assert [only(stage.look(), kind) for kind in ("git", "remote", "image")] == [
            only(broken, kind) for kind in ("git", "remote", "image")
        ]
    lock.unlink()
    assert harness.again() == ""


def test_a_release_goes_on_after_git_was_interrupted_before_it_writes_the_index(harness: Harness) -> None:
    """In the first commit, after the branch has moved: what is left in the index then is taken out of it by hand."""
    stage = harness.stage
    stage.set_up()
    hooks = stage.place / "hub/.git/hooks"
    # Of a new branch this event has no commit before.
    moved = 'test "$1" = committed && grep -v "^00* " | grep -q refs/heads/ && kill -INT $PPID; exit 0'
    write_program(hooks, "reference-transaction", moved)
    interrupted = stage.release()
    assert fault(interrupted) == (f"git commit: it ended with status -2 ({stage.hub.path})", "git status")
    (hooks / "reference-transaction").unlink()
    assert stage.hub.subjects()[0] == "Move z2jh from 3.2.1 to 3.3.8"
    stage.hub.git("restore", "--staged", "--", "images/hub/Dockerfile", "hub/requirements.yaml")
    assert harness.again() == ""


def test_a_lock_that_is_held_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    git = Git(tmp_path)
    git.read("init", "--quiet")
    lock = tmp_path / ".git/index.lock"
    lock.touch()
    Timer(0.2, lock.unlink).start()
    git.require_unlocked()
    assert not lock.exists()


# -- two clones at once end in the same image


def pause(hub: Hub, hook: str, folder: Path) -> tuple[Path, Path]:
    """Let a hook of the clone say that it was reached, and wait; return the files that say so and that end the wait."""
    reached, go = folder / f"{hub.path.name}-reached", folder / f"{hub.path.name}-go"
    write_program(hub.path / ".git/hooks", hook, f'touch "{reached}"; while ! test -e "{go}"; do sleep 0.02; done')
    return reached, go


def released(stage: Stage, clone: Path) -> Result:
    """Release, and once more where the registry's store stumbled: two push one tag in the same moment."""
    done = stage.release(clone)
    stumbled = done.code == UNREACHABLE and "500 Internal Server Error" in fault(done)[0]
    return stage.release(clone) if stumbled else done


def test_two_clones_that_make_the_same_commits_end_in_the_same_image_and_branch(
    harness: Harness, tmp_path: Path
) -> None:
    stage, undisturbed = harness.stage, harness.undisturbed
    stage.set_up()
    shutil.copytree(stage.hub.path, stage.place / "colleague", symlinks=True)
    second = Hub(stage.place / "colleague", stage.hub.remote)
    # Both have built before either pushes its branch, and the first pushes first.
    reached, go = zip(*(pause(hub, "pre-push", tmp_path) for hub in (stage.hub, second)), strict=True)
    with ThreadPoolExecutor() as pool:
        first, last = (pool.submit(released, stage, clone) for clone in (stage.hub.path, second.path))
        wait_until(lambda: all(file.exists() for file in reached) or first.done() or last.done(), PATIENCE)
        go[0].touch()
        mine = first.result()
        go[1].touch()
        theirs = last.result()
    assert (mine.code, theirs.code) == (0, 0), f"{mine}\n{theirs}"
    world = stage.look()
    for kind in ("remote", "image"):
        assert only(world, kind) == only(undisturbed, kind)
    assert second.git("rev-parse", "HEAD") == stage.hub.git("rev-parse", "HEAD")
