"""Bug reports: whatever a release cannot be made from, each with the one error and the one hint that come of it."""

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from glob import escape
from typing import NamedTuple

import pytest

from tests.support.cli import Result, run_task
from tests.support.hubs import NO_REGISTRY
from tests.support.scene import CHARTPRESS, DOCKERFILE, PROGRAM, REFUSED, UNREACHABLE, Scene
from tests.support.world import fault


class Bug(NamedTuple):
    """What was typed, what was broken, and what must come of it: code, error and hint.

    ``{s.charts.url}`` and the like stand for what the scene ``s`` has there, ``...`` in an error for the words of an
    outside program. ``foreseen`` says whether a dry run ends in the same way.
    """

    typed: str
    breaks: Callable[[Scene], None]
    code: int
    error: str
    hint: str
    foreseen: bool = True


def change(file: str, old: str, new: str) -> Callable[[Scene], None]:
    """Return what replaces a text in a file; ``{s.prefix}`` and the like in it stand for the scene's."""
    return lambda scene: scene.hub.change(file, old.format(s=scene), new)


def unborn(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--orphan", "new")
    scene.hub.git("checkout", "main", "--", ".")


def no_programs(scene: Scene) -> None:
    (scene.folder / "programs").mkdir()
    scene.env["PATH"] = str(scene.folder / "programs")


ANYWHERE = {
    "branch without a commit, and a build": Bug(
        "build",
        unborn,
        REFUSED,
        "the image hub has files that are not committed (chartpress.yaml, images/hub/Dockerfile, ...)",
        "git commit -- chartpress.yaml images/hub/Dockerfile images/hub/requirements.txt; "
        "its tag names the last commit",
    ),
    "git missing": Bug(
        "bump", no_programs, PROGRAM, "git is not installed (PATH)", "install git: https://git-scm.com/downloads"
    ),
}
WITH_ENGINE = {
    "a RUN fails": Bug(
        "build",
        change(DOCKERFILE, "RUN pip install", "RUN exit 7; pip install"),
        PROGRAM,
        "failed to solve: process ... did not complete successfully: exit code: 7",
        "fix the Dockerfile, commit it, and build again",
        foreseen=False,
    ),
    "registry down": Bug(
        "build",
        change(CHARTPRESS, "{s.prefix}", f"{NO_REGISTRY}/hubs"),
        UNREACHABLE,
        "cannot reach the registry: connection refused (127.0.0.1:1)",
        "curl -I http://127.0.0.1:1/v2/",
    ),
    "a stand-in would leave this machine": Bug(
        "build",
        change(CHARTPRESS, "{s.prefix}", "registry.invalid/hubs"),
        REFUSED,
        "the base image here is a rehearsal's stand-in, not z2jh's hub image ({s.base}:3.2.1)",
        "docker image rm {s.base}:3.2.1, then: docker pull {s.base}:3.2.1",
    ),
}


@pytest.mark.parametrize(
    "bug",
    [
        *(pytest.param(bug, id=report) for report, bug in ANYWHERE.items()),
        *(pytest.param(bug, id=report, marks=pytest.mark.engine) for report, bug in WITH_ENGINE.items()),
    ],
)
def test_bad_input_gives_one_error_and_one_hint_dry_or_not_and_changes_nothing(bug: Bug, scene: Scene) -> None:
    bug.breaks(scene)
    before = scene.world()
    dry = run_task("--dry", *bug.typed.split(), cwd=scene.hub.path, env=scene.env)
    if bug.foreseen:
        # What is known of the plan is shown, and the step that is refused in it.
        assert dry.out == "" or " x " in dry.out, dry
        expect(bug, scene, replace(dry, out=""))
    else:
        assert (dry.code, dry.err) == (0, ""), dry
    expect(bug, scene, run_task(*bug.typed.split(), cwd=scene.hub.path, env=scene.env))
    assert scene.world() == before


def expect(bug: Bug, scene: Scene, result: Result) -> None:
    error, hint = fault(result)
    words = bug.error.format(s=scene)
    assert (result.code, result.out, hint) == (bug.code, "", bug.hint.format(s=scene))
    assert error == words or fnmatchcase(error, escape(words).replace("...", "*"))
