"""What a release cannot be made from: one error and one hint, dry or not, and nothing is changed."""

from collections.abc import Callable

import pytest

from tests.support.cli import run_task
from tests.support.scene import CHARTPRESS, PROGRAM, REFUSED, Scene
from tests.support.world import fault


def without_a_commit(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--orphan", "new")
    scene.hub.git("checkout", "main", "--", ".")


def without_programs(scene: Scene) -> None:
    (scene.folder / "programs").mkdir()
    scene.env["PATH"] = str(scene.folder / "programs")


def to_a_registry_elsewhere(scene: Scene) -> None:
    """A rehearsal's stand-in would leave this machine."""
    scene.hub.change(CHARTPRESS, scene.prefix, "registry.invalid/hubs")


FILES = ("chartpress.yaml", "images/hub/Dockerfile", "images/hub/requirements.txt")


@pytest.mark.parametrize(
    ("breaks", "typed", "code", "error", "hint"),
    [
        (
            without_a_commit,
            "build",
            REFUSED,
            f"the image hub has files that are not committed ({', '.join(FILES)})",
            f"git commit -- {' '.join(FILES)}; its tag names the last commit",
        ),
        (
            without_programs,
            "bump",
            PROGRAM,
            "git is not installed (PATH)",
            "install git: https://git-scm.com/downloads",
        ),
        pytest.param(
            to_a_registry_elsewhere,
            "build",
            REFUSED,
            "the base image here is a rehearsal's stand-in, not z2jh's hub image ({base}:3.2.1)",
            "docker image rm {base}:3.2.1, then: docker pull {base}:3.2.1",
            marks=pytest.mark.engine,
        ),
    ],
)
def test_bad_input_gives_one_error_and_one_hint_dry_or_not_and_changes_nothing(
    breaks: Callable[[Scene], None], typed: str, code: int, error: str, hint: str, scene: Scene
) -> None:
    breaks(scene)
    before = scene.world()
    for flags in (("--dry",), ()):
        done = run_task(*flags, typed, cwd=scene.hub.path, env=scene.env)
        assert (done.code, *fault(done)) == (code, error.format(base=scene.base), hint.format(base=scene.base))
        # What is known of the plan is shown, and the step that is refused in it.
        assert done.out == "" or (flags and " x " in done.out), done
    assert scene.world() == before
