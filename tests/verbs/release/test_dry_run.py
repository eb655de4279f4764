from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.scene import VALUES
from tests.support.world import files_in

from ...support.cli import run, run_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.scene import Scene

pytestmark = pytest.mark.engine


def as_it_is(scene: Scene) -> None:
    """Leave the hub on 3.2.1, nothing of it built."""
    del scene


def bumped(scene: Scene) -> None:
    assert run_task("bump", cwd=scene.hub.path).code == 0


def bumped_and_committed(scene: Scene) -> None:
    assert run_task("bump", "commit", cwd=scene.hub.path).code == 0


def released(scene: Scene) -> None:
    assert run_task("release", "--yes", cwd=scene.hub.path).code == 0


CHART = {"chart", "base", "files", "newer_major", "notes"}
COMMITTED = {"branch", "commits", "pull_request"}
IMAGES = {"images", "values"}
RUNS = [
    pytest.param("auth", as_it_is, {"auth"}, id="auth"),
    pytest.param("bump", as_it_is, CHART, id="bump"),
    pytest.param("bump", bumped, CHART, id="bump again"),
    pytest.param("commit", as_it_is, COMMITTED, id="commit of nothing"),
    pytest.param("commit", bumped, COMMITTED, id="commit"),
    pytest.param("commit --push", bumped, COMMITTED, id="commit and push"),
    pytest.param("build", as_it_is, IMAGES, id="build"),
    pytest.param("build --no-push", as_it_is, IMAGES, id="build without a push"),
    pytest.param("build", bumped_and_committed, IMAGES, id="build after a bump"),
    pytest.param("release --yes", as_it_is, {"auth", *CHART, *IMAGES, *COMMITTED, "steps"}, id="release"),
    pytest.param("release --yes", released, {"auth", *CHART, *IMAGES, *COMMITTED, "steps"}, id="release again"),
]


def everything(scene: Scene, temporary: Path) -> tuple[object, ...]:
    """Return all that a dry run must leave alone: the clone's own folder to the byte, and the temporary folder too."""
    return scene.world(), files_in(scene.hub.path / ".git"), files_in(temporary)


@pytest.mark.parametrize(("typed", "prepare", "keys"), RUNS)
def test_a_dry_run_prints_the_plan_touches_nothing_and_ends_as_the_real_one(
    typed: str, prepare: Callable[[Scene], None], keys: set[str], scene: Scene
) -> None:
    prepare(scene)
    temporary = scene.folder / "temporary"
    temporary.mkdir()
    before = everything(scene, temporary)
    dry = run_task("--dry", *typed.split(), cwd=scene.hub.path, env={"TMPDIR": str(temporary)})
    as_json = run_task("--dry", *typed.split(), "--json", cwd=scene.hub.path, env={"TMPDIR": str(temporary)})
    assert everything(scene, temporary) == before
    assert (dry.code, dry.err) == (0, "")
    assert dry.out.startswith(f"Plan for {scene.hub.path}\n")
    assert (as_json.code, as_json.err) == (0, dry.out)

    real = run_task(*typed.split(), "--json", cwd=scene.hub.path)
    assert real.code == 0, real
    assert shape(as_json.json) == shape(real.json)
    assert set(real.json) == keys


def shape(told: Any) -> Any:  # noqa: ANN401 - any part of what a task printed as JSON
    """Return the keys of an object, of its objects, and of the objects in its lists."""
    if isinstance(told, dict):
        return {key: shape(value) for key, value in told.items()}
    return [shape(value) for value in told] if isinstance(told, list) else None


def test_a_plan_shows_the_lines_that_change(scene: Scene) -> None:
    plan = [line.strip() for line in run_task("--dry", "release", cwd=scene.hub.path).out.splitlines()]
    assert {f"-FROM {scene.base}:3.2.1", f"+FROM {scene.base}:3.3.8"} <= set(plan)
    assert {"-    version: 3.2.1", "+    version: 3.3.8"} <= set(plan)
    assert {"-      name:", f"+      name: {scene.prefix}/core/hub"} <= set(plan)


def commands(plan: str) -> list[str]:
    """Return a plan's commands: what stands behind ``$``, and the lines below it up to the end of a build."""
    found: list[str] = []
    margin, reading = 0, False
    for line in plan.splitlines():
        before, dollar, command = line.partition("$ ")
        if reading:
            found[-1] += "\n" + line[margin:]
            reading = line[margin:] != ")"
        elif dollar and not before.strip():
            found.append(command)
            margin, reading = len(before), command == "context=$(mktemp -d)"
    return found


def test_a_plans_build_command_can_be_pasted(scene: Scene) -> None:
    (build,) = commands(run_task("--dry", "build", cwd=scene.hub.path).out)
    pasted = run("bash", "-c", build, cwd=scene.hub.path)
    assert pasted.code == 0, pasted
    told = run_task("build", "--json", cwd=scene.hub.path).json
    assert (told["images"][0]["status"], told["values"]["changed"]) == ("present", True)
    assert f"tag: {scene.tag}\n" in scene.hub.read(VALUES)


def test_a_plans_git_commands_can_be_pasted(scene: Scene) -> None:
    bumped(scene)
    switch, *push = commands(run_task("--dry", "commit", "--push", cwd=scene.hub.path).out)
    for command in (switch, "git commit --quiet --all --message=Ours", *push):
        pasted = run("bash", "-c", command, cwd=scene.hub.path)
        assert pasted.code == 0, pasted
    assert scene.hub.remote_git("rev-parse", "bump-z2jh-3.3.8") == scene.hub.git("rev-parse", "HEAD")
    assert run_task("commit", "--push", cwd=scene.hub.path).out == "Nothing to do.\n"
