"""An image whose files are those of another commit now: it gets the tag of today, and is not built again."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.cli import INVOKE, run, run_on_screen, run_task, sh
from tests.support.machine import PROJECT
from tests.support.scene import Scene

pytestmark = pytest.mark.engine
DOCKERFILE, VALUES = "images/hub/Dockerfile", "hub/values.yaml"


def released(scene: Scene) -> None:
    done = run_task("release", "--yes", cwd=scene.hub.path)
    assert done.code == 0, done


def build(scene: Scene, *flags: str, env: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - the JSON that it prints
    done = run_task("build", *flags, "--json", cwd=scene.hub.path, env=env)
    assert done.code == 0, done
    return done.json["images"][0]


def codes(scene: Scene, *flags: str) -> list[str]:
    """Return the codes of what ``check`` finds; that 4.4.0 fixes what 3.3.8 has is no matter here."""
    found = run_task("check", "--json", *flags, cwd=scene.hub.path).json["problems"]
    return [one["code"] for one in found if one["code"] != "security-release"]


def digest(image: str) -> str:
    look = ("docker", "buildx", "imagetools", "inspect", image, "--format", "{{json .Manifest}}")
    return str(json.loads(sh(*look, cwd=PROJECT))["digest"])


def squash(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "main")
    scene.hub.git("merge", "--quiet", "--squash", "bump-z2jh-3.3.8")
    scene.hub.git("commit", "--quiet", "--message", "z2jh 3.3.8 (#1)")


def squash_and_forget(scene: Scene) -> None:
    squash(scene)
    scene.hub.git("branch", "--quiet", "--delete", "--force", "bump-z2jh-3.3.8")
    scene.hub.git("reflog", "expire", "--expire=now", "--all")
    scene.hub.git("gc", "--quiet", "--prune=now")


def rebase(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "main")
    scene.hub.write("notes.txt", "of no image\n")
    scene.hub.commit("Take a note")
    scene.hub.git("switch", "--quiet", "bump-z2jh-3.3.8")
    scene.hub.git("rebase", "--quiet", "main")


def amend(scene: Scene) -> None:
    scene.hub.git("reset", "--quiet", "--soft", "HEAD~2")
    scene.hub.git("commit", "--quiet", "--message", "Both in one")


@pytest.mark.parametrize("rewrite", [squash, squash_and_forget, rebase, amend])
def test_the_same_files_are_known_again(scene: Scene, rewrite: Callable[[Scene], None]) -> None:
    released(scene)
    old = build(scene)
    rewrite(scene)
    assert codes(scene) == []
    shown = run_task("--dry", "build", cwd=scene.hub.path)
    assert f"give {old['repository']}:{old['tag']}@{old['digest']} the tag " in shown.out, shown
    assert "buildx bake" not in shown.out

    new = build(scene)

    assert new["status"] == "retagged"
    assert new["tag"] != old["tag"]
    assert (new["digest"], new["inputs"]) == (old["digest"], old["inputs"])
    assert digest(f"{new['repository']}:{new['tag']}") == digest(f"{old['repository']}:{old['tag']}") == old["digest"]
    assert f"tag: {new['tag']}\n" in scene.hub.read(VALUES)
    scene.hub.git("commit", "--quiet", "--all", "--message", "Use today's tag")
    assert build(scene)["status"] == "present"
    assert codes(scene) == []


def test_chartpress_finds_nothing_to_do_afterwards(scene: Scene) -> None:
    released(scene)
    squash(scene)
    new = build(scene)
    listed = run(sys.executable, "-m", "chartpress", "--list-images", cwd=scene.hub.path)
    assert listed.out.splitlines() == [f"{new['repository']}:{new['tag']}"]


@pytest.mark.parametrize("step", ["build", "release"])
def test_a_release_after_a_squash_goes_on_with_the_image_that_is_there(scene: Scene, step: str) -> None:
    released(scene)
    squash_and_forget(scene)
    done = run_task(step, *(["--yes"] if step == "release" else []), "--json", cwd=scene.hub.path)
    assert done.code == 0, done
    assert done.json["images"][0]["status"] == "retagged"


def change_a_file(scene: Scene) -> None:
    scene.hub.write("images/hub/requirements.txt", "another==1\n")
    scene.hub.commit("Take another package")


def change_a_build_argument(scene: Scene) -> None:
    scene.hub.edit("chartpress.yaml", "        valuesPath:", "        buildArgs: {A: b}\n        valuesPath:")
    scene.hub.commit("Give an argument")


def change_the_mode(scene: Scene) -> None:
    (scene.hub.path / "images/hub/requirements.txt").chmod(0o755)
    scene.hub.commit("Let it be run")


@pytest.mark.parametrize("change", [change_a_file, change_a_build_argument, change_the_mode])
def test_other_inputs_are_built(scene: Scene, change: Callable[[Scene], None]) -> None:
    released(scene)
    squash(scene)
    change(scene)
    assert codes(scene) != []
    assert build(scene)["status"] == "built"


# -- what makes it another image, and a world that moves


@pytest.mark.parametrize("template", ["chartpress", "{chart_version}-{commit}", "z2jh.{commit}.{commits}"])
def test_a_check_without_a_network_knows_the_same_files_by_any_tag(scene: Scene, template: str) -> None:
    scene.hub.write("invoke.yaml", f'hub: {{tag: "{template}"}}\n')
    scene.hub.commit("Name the tags")
    released(scene)
    squash(scene)
    assert codes(scene, "--offline") == codes(scene) == []
    change_a_file(scene)
    assert codes(scene, "--offline") != []


def test_an_image_that_disappears_meanwhile_is_named_and_the_next_run_builds(scene: Scene) -> None:
    released(scene)
    old = build(scene)
    squash_and_forget(scene)
    place = f"http://{scene.registry}/v2/{old['repository'].partition('/')[2]}/manifests/{old['digest']}"
    gone = f"{old['repository']}:{old['tag']}@{old['digest']}"
    answer = run_on_screen(
        *INVOKE,
        "release",
        cwd=scene.hub.path,
        columns=1000,
        meanwhile=lambda: sh("curl", "-sfX", "DELETE", place, cwd=PROJECT),
    )
    assert answer.code == 1
    assert f"the plan no longer holds: the image {gone} is not in the registry any more" in answer.out
    assert build(scene)["status"] == "built"
