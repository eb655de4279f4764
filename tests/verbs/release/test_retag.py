"""An image whose files are those of another commit now: it gets the tag of today, and is not built again."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ...support.cli import INVOKE, run, run_on_screen, run_task, sh
from ...support.machine import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

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
    return [one["code"] for one in run_task("check", "--json", *flags, cwd=scene.hub.path).json["problems"]]


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


def cherry_pick(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--create", "other", "main")
    scene.hub.git("commit", "--quiet", "--allow-empty", "--message", "Something before")
    scene.hub.git("cherry-pick", "bump-z2jh-3.3.8~1")


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


def test_a_picked_commit_is_found_by_the_tags_of_the_history(scene: Scene) -> None:
    released(scene)
    old = build(scene)
    cherry_pick(scene)
    assert "tag:" in scene.hub.read(VALUES)
    assert old["tag"] not in scene.hub.read(VALUES)
    new = build(scene)
    assert (new["status"], new["digest"]) == ("retagged", old["digest"])


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


def test_a_commit_in_a_build_argument_makes_another_image(scene: Scene) -> None:
    scene.hub.edit("chartpress.yaml", "        valuesPath:", '        buildArgs: {A: "{TAG}"}\n        valuesPath:')
    scene.hub.commit("Give the tag")
    released(scene)
    squash(scene)
    assert build(scene)["status"] == "built"


@pytest.mark.parametrize("flags", [("--force",), ("--no-push",)])
def test_who_asks_for_a_build_gets_one(scene: Scene, flags: tuple[str, ...]) -> None:
    released(scene)
    squash(scene)
    assert build(scene, *flags)["status"] == "built"


# -- a tag that does not tell commits apart


def test_a_number_of_commits_is_taken_for_the_image_when_the_inputs_agree(scene: Scene) -> None:
    env = {"INVOKE_HUB_TAG": "{chart_version}-{commits}"}
    first = build(scene, env=env)
    scene.hub.git("checkout", "--quiet", "--", VALUES)
    scene.hub.git("commit", "--quiet", "--amend", "--message", "The same files in another commit")
    assert build(scene, env=env)["status"] == "present"
    scene.hub.git("checkout", "--quiet", "--", VALUES)
    scene.hub.write("images/hub/requirements.txt", "fix==1\n")
    scene.hub.git("commit", "--quiet", "--all", "--amend", "--message", "Other files, the same count")
    before = scene.hub.snapshot()
    done = run_task("build", cwd=scene.hub.path, env=env)
    assert (done.code, done.err.splitlines()) == (
        1,
        [
            f"error: the tag is there, for an image of other files ({first['repository']}:{first['tag']})",
            "hint: put {commit} into hub.tag, or overwrite it: invoke build --force",
        ],
    )
    assert scene.hub.snapshot() == before
    assert digest(f"{first['repository']}:{first['tag']}") == first["digest"]


# -- what makes it another image, and a world that moves


def test_other_attributes_above_make_another_image(scene: Scene) -> None:
    released(scene)
    squash(scene)
    scene.hub.write(".gitattributes", "*.txt text eol=crlf\n")
    scene.hub.git("add", ".gitattributes")
    scene.hub.git("commit", "--quiet", "--amend", "--no-edit")
    assert codes(scene, "--offline") == codes(scene) != []
    assert build(scene)["status"] == "built"


def test_attributes_that_came_after_the_tags_commit_change_nothing(scene: Scene) -> None:
    released(scene)
    squash(scene)
    scene.hub.write(".gitattributes", "*.txt text eol=crlf\n")
    scene.hub.commit("Write lines in another way")
    assert codes(scene, "--offline") == codes(scene) == []
    assert build(scene)["status"] == "retagged"


@pytest.mark.parametrize("template", ["chartpress", "{chart_version}-{commit}", "z2jh.{commit}.{commits}"])
def test_a_check_without_a_network_knows_the_same_files_by_any_tag(scene: Scene, template: str) -> None:
    scene.hub.write("invoke.yaml", f'hub: {{tag: "{template}"}}\n')
    scene.hub.commit("Name the tags")
    released(scene)
    squash(scene)
    assert codes(scene, "--offline") == codes(scene) == []
    change_a_file(scene)
    assert codes(scene, "--offline") != []


def test_a_check_says_what_a_build_would_build(scene: Scene) -> None:
    scene.hub.edit("chartpress.yaml", "        valuesPath:", '        buildArgs: {A: "{TAG}"}\n        valuesPath:')
    scene.hub.commit("Give the tag")
    released(scene)
    squash(scene)
    assert codes(scene, "--offline") == codes(scene) != []


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


def test_an_image_tells_its_inputs_by_a_label(scene: Scene) -> None:
    image = build(scene)
    look = ("docker", "buildx", "imagetools", "inspect", f"{image['repository']}:{image['tag']}")
    told = json.loads(sh(*look, "--format", "{{json .Image.Config.Labels}}", cwd=PROJECT))
    assert told["io.github.hubpress.inputs"] == image["inputs"]
