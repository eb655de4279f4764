"""Two releases at once: in one clone the second refuses, in two clones neither overwrites the other's work."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.support.cli import Result
from tests.support.hubs import Hub
from tests.support.processes import wait_until, write_program
from tests.support.world import fault

from .harness import Harness
from .stage import PATIENCE, Stage

pytestmark = pytest.mark.engine

UNREACHABLE = 4
BRANCH = "bump-z2jh-3.3.8"
SOMEBODY_ELSE = {"GIT_COMMITTER_NAME": "Kim Colleague", "GIT_COMMITTER_EMAIL": "kim@hub.example"}


def pause(hub: Hub, hook: str, folder: Path) -> tuple[Path, Path]:
    """Let a hook of the clone say that it was reached, and wait; return the files that say so and that end the wait."""
    reached, go = folder / f"{hub.path.name}-reached", folder / f"{hub.path.name}-go"
    write_program(hub.path / ".git/hooks", hook, f'touch "{reached}"; while ! test -e "{go}"; do sleep 0.02; done')
    return reached, go


def colleague(stage: Stage) -> Hub:
    """Return another clone of the same remote."""
    shutil.copytree(stage.hub.path, stage.place / "colleague", symlinks=True)
    return Hub(stage.place / "colleague", stage.hub.remote)


def both(stage: Stage, second: Hub, tmp_path: Path, env: dict[str, str] | None = None) -> tuple[Result, Result]:
    """Release in both clones at once: both have built before either pushes its branch, and the first pushes first."""
    reached, go = zip(*(pause(hub, "pre-push", tmp_path) for hub in (stage.hub, second)), strict=True)
    with ThreadPoolExecutor() as pool:
        mine, theirs = (pool.submit(released, partial(stage.release, *given)) for given in ((), (second.path, env)))
        wait_until(lambda: all(file.exists() for file in reached) or theirs.done() or mine.done(), PATIENCE)
        go[0].touch()
        first = mine.result()
        go[1].touch()
        return first, theirs.result()


def released(release: Callable[[], Result]) -> Result:
    """Release, and once more where the registry's store stumbled: two push one tag in the same moment."""
    done = release()
    stumbled = done.code == UNREACHABLE and "500 Internal Server Error" in fault(done)[0]
    return release() if stumbled else done


def test_in_one_clone_the_second_refuses_and_names_the_first(harness: Harness, tmp_path: Path) -> None:
    stage, undisturbed = harness.stage, harness.undisturbed
    stage.set_up()
    reached, go = pause(stage.hub, "pre-commit", tmp_path)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(stage.release)
        wait_until(reached.exists, PATIENCE)
        before = stage.look()
        second = stage.release()
        assert not stage.look().difference(before)
        go.touch()
        assert first.result().code == 0, first.result()
    holder = fault(second)[1].rpartition(" ")[2]
    assert (second.code, holder.isdigit()) == (1, True)
    assert fault(second) == (
        f"another run is in progress, process {holder} ({stage.hub.path})",
        f"wait for it, or look at it: ps -fp {holder}",
    )
    (stage.hub.path / ".git/hooks/pre-commit").unlink()
    assert not stage.look().difference(undisturbed)


def test_two_clones_that_make_the_same_commits_end_in_the_same_image_and_branch(
    harness: Harness, tmp_path: Path
) -> None:
    stage, undisturbed = harness.stage, harness.undisturbed
    stage.set_up()
    second = colleague(stage)
    mine, theirs = both(stage, second, tmp_path)
    assert (mine.code, theirs.code) == (0, 0), f"{mine}\n{theirs}"
    world = stage.look()
    assert (world.remote, world.images) == (undisturbed.remote, undisturbed.images)
    assert second.git("rev-parse", "HEAD") == stage.hub.git("rev-parse", "HEAD")


def test_of_two_clones_with_commits_of_their_own_the_second_push_is_refused(harness: Harness, tmp_path: Path) -> None:
    stage, undisturbed = harness.stage, harness.undisturbed
    stage.set_up()
    second = colleague(stage)
    mine, theirs = both(stage, second, tmp_path, SOMEBODY_ELSE)
    assert (mine.code, theirs.code) == (0, 4), f"{mine}\n{theirs}"
    assert fault(theirs) == (
        f"the remote rejected the branch {BRANCH}: failed to update ref (origin)",
        f"look at what is there: git fetch origin && git log HEAD..origin/{BRANCH}; or use another --branch",
    )
    world = stage.look()
    assert world.remote == undisturbed.remote
    ((image, digest),) = undisturbed.images.items()
    assert world.images[image] == digest
    assert len(world.images) == 2
    assert len(second.subjects("main..HEAD")) == 2
