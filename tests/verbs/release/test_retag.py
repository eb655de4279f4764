"""An image whose files are those of another commit now: it gets the tag of today, and is not built again."""

import pytest

from tests.support.cli import INVOKE, run_on_screen, run_task, sh, succeed
from tests.support.machine import PROJECT
from tests.support.scene import Scene
from tests.support.steps import build

pytestmark = pytest.mark.engine


def released(scene: Scene) -> None:
    succeed("release", "--yes", cwd=scene.hub.path)


def codes(scene: Scene, *flags: str) -> list[str]:
    """Return the codes of what ``check`` finds; that 4.4.0 fixes what 3.3.8 has is no matter here."""
    found = run_task("check", "--json", *flags, cwd=scene.hub.path).json["problems"]
    return [one["code"] for one in found if one["code"] != "security-release"]


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


def test_a_release_goes_on_after_a_rebase_with_the_image_that_is_there(scene: Scene) -> None:
    released(scene)
    rebase(scene)
    done = succeed("release", "--yes", "--json", cwd=scene.hub.path)
    assert done.json["images"][0]["status"] == "retagged"


# -- what makes it another image, and a world that moves


def test_a_check_without_a_network_knows_the_same_files_by_any_tag_and_others_are_built(scene: Scene) -> None:
    scene.hub.put("invoke.yaml", "hub: {tag: 'z2jh.{commit}.{commits}'}\n")
    released(scene)
    squash(scene)
    assert codes(scene, "--offline") == codes(scene) == []
    scene.hub.put("images/hub/requirements.txt", "another==1\n")
    assert codes(scene, "--offline") != []
    assert build(scene.hub)["images"][0]["status"] == "built"


def test_an_image_that_disappears_meanwhile_is_named_and_the_next_run_builds(scene: Scene) -> None:
    released(scene)
    (old,) = build(scene.hub)["images"]
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
    assert build(scene.hub)["images"][0]["status"] == "built"
