from dataclasses import replace
from fnmatch import fnmatchcase
from glob import escape

import pytest
from _pytest.mark import ParameterSet

from tests.support.cli import Result, run_task
from tests.support.scene import Bug, Scene
from tests.support.world import fault

from .bad_charts import FILES, HELM_REPOSITORY
from .bad_clones import CLONE, SETTINGS
from .bad_machines import ENGINE, IMAGES, MISSING_PROGRAMS, REGISTRIES

ANYWHERE = (*HELM_REPOSITORY, *FILES, *CLONE, *SETTINGS, *MISSING_PROGRAMS)
WITH_ENGINE = (*ENGINE, *IMAGES, *REGISTRIES)


def bugs(*foreseen: bool) -> list[ParameterSet]:
    """Return the bugs that a dry run foresees, those that it does not, or both."""
    engine = pytest.mark.engine
    anywhere = (pytest.param(bug, id=bug.report) for bug in ANYWHERE if bug.foreseen in foreseen)
    with_engine = (pytest.param(bug, id=bug.report, marks=engine) for bug in WITH_ENGINE if bug.foreseen in foreseen)
    return [*anywhere, *with_engine]


@pytest.mark.parametrize("bug", bugs(True, False))
def test_bad_input_gives_one_error_and_one_hint_and_changes_nothing(bug: Bug, scene: Scene) -> None:
    bug.breaks(scene)
    before = scene.world()
    expect(bug, scene, run_task(*bug.typed.split(), cwd=scene.hub.path, env=scene.env))
    assert scene.world() == before


@pytest.mark.parametrize("bug", bugs(True))
def test_a_dry_run_refuses_as_the_real_one_does(bug: Bug, scene: Scene) -> None:
    bug.breaks(scene)
    dry = run_task("--dry", *bug.typed.split(), cwd=scene.hub.path, env=scene.env)
    # What is known of the plan is shown, and the step that is refused in it.
    assert dry.out == "" or " x " in dry.out, dry
    expect(bug, scene, replace(dry, out=""))


@pytest.mark.parametrize("bug", bugs(False))
def test_what_only_a_real_run_can_find_out_is_planned(bug: Bug, scene: Scene) -> None:
    bug.breaks(scene)
    result = run_task("--dry", *bug.typed.split(), cwd=scene.hub.path, env=scene.env)
    assert (result.code, result.err) == (0, "")


def expect(bug: Bug, scene: Scene, result: Result) -> None:
    error, hint = fault(result)
    words = bug.error.format(s=scene)
    assert (result.code, result.out, hint) == (bug.code, "", bug.hint.format(s=scene))
    assert error == words or fnmatchcase(error, escape(words).replace("...", "*"))
