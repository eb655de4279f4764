"""Two releases at once: in one clone the second refuses, two clones end in the same image."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.cli import Result
from tests.support.hubs import Hub
from tests.support.processes import wait_until, write_program
from tests.support.world import fault

from .harness import Harness
from .stage import PATIENCE, Stage, only

pytestmark = pytest.mark.engine

UNREACHABLE = 4


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
