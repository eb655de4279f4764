from dataclasses import replace
from fnmatch import fnmatchcase
from glob import escape

import pytest

from tests.support.cli import Result, run_task
from tests.support.scene import Bug, Scene
from tests.support.world import fault

from .bad_input import CLONE, ENGINE, FILES, HELM_REPOSITORY, IMAGES, MISSING_PROGRAMS, REGISTRIES, SETTINGS

ANYWHERE = (*HELM_REPOSITORY, *FILES, *CLONE, *SETTINGS, *MISSING_PROGRAMS)
WITH_ENGINE = (*ENGINE, *IMAGES, *REGISTRIES)


BUGS = [
    *(pytest.param(bug, id=bug.report) for bug in ANYWHERE),
    *(pytest.param(bug, id=bug.report, marks=pytest.mark.engine) for bug in WITH_ENGINE),
]


@pytest.mark.parametrize("bug", BUGS)
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
