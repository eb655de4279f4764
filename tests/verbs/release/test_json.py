import re

import pytest

from tests.support.cli import run_task
from tests.support.scene import DOCKERFILE, REQUIREMENTS, VALUES, Scene

BRANCH = "bump-z2jh-3.3.8"
MOVE = "Move z2jh from 3.2.1 to 3.3.8"


@pytest.mark.parametrize("dry", [["--dry"], []], ids=["dry", "real"])
def test_bump_tells_what_moved(scene: Scene, dry: list[str]) -> None:
    told = run_task(*dry, "bump", "--json", cwd=scene.hub.path).json
    assert told == {
        "chart": {
            "name": "jupyterhub",
            "before": "3.2.1",
            "after": "3.3.8",
            "app_version": "4.1.6",
            "repository": scene.charts.url,
        },
        "base": {
            "image_before": "quay.io/jupyterhub/k8s-hub:3.2.1",
            "image_after": "quay.io/jupyterhub/k8s-hub:3.3.8",
        },
        "files": [DOCKERFILE, REQUIREMENTS],
        "newer_major": "4.4.0",
        "notes": [
            "https://z2jh.jupyter.org/en/stable/changelog.html",
            "https://jupyterhub.readthedocs.io/en/stable/reference/changelog.html",
        ],
    }


def test_commit_tells_the_branch_and_the_commit(scene: Scene) -> None:
    run_task("bump", cwd=scene.hub.path)
    dry = run_task("--dry", "commit", "--json", cwd=scene.hub.path).json
    assert dry == {"branch": BRANCH, "commits": [{"hash": None, "subject": MOVE}], "pull_request": None}
    told = run_task("commit", "--json", cwd=scene.hub.path).json
    assert told == {**dry, "commits": [{"hash": scene.hub.git("rev-parse", "HEAD"), "subject": MOVE}]}
    again = run_task("commit", "--json", cwd=scene.hub.path).json
    assert again == {"branch": BRANCH, "commits": [], "pull_request": None}


@pytest.mark.engine
def test_a_dry_build_tells_the_tag_and_no_digest(scene: Scene) -> None:
    told = run_task("--dry", "build", "--json", cwd=scene.hub.path).json
    (image,) = told["images"]
    assert image["base"].pop("digest").startswith("sha256:")
    assert re.fullmatch("[0-9a-f]{64}", image.pop("inputs"))
    assert image == {
        "name": "hub",
        "repository": f"{scene.prefix}/core/hub",
        "tag": scene.tag,
        "digest": None,
        "platforms": ["linux/amd64"],
        "status": "built",
        "base": {"image": f"{scene.base}:3.2.1", "inherited": None},
    }
    assert told["values"] == {"path": VALUES, "changed": True}


@pytest.mark.engine
def test_a_release_tells_all_that_its_steps_do(scene: Scene) -> None:
    told = run_task("release", "--yes", "--push", "--json", cwd=scene.hub.path).json
    named, moved = scene.hub.git("log", "-2", "--pretty=%H").splitlines()
    (image,) = told["images"]
    assert (told["chart"]["after"], told["base"]["image_after"]) == ("3.3.8", f"{scene.base}:3.3.8")
    assert (image["status"], image["tag"]) == ("built", f"0.0.1-0.dev.git.2.h{moved[:7]}")
    assert told["branch"] == BRANCH
    assert told["commits"] == [
        {"hash": moved, "subject": MOVE},
        {"hash": named, "subject": f"Use hub image {image['tag']}"},
    ]
    assert told["pull_request"] is None
    assert [(step["name"], step["status"]) for step in told["steps"]] == [
        ("auth", "skipped"),
        ("bump", "done"),
        ("commit", "done"),
        ("build", "done"),
        ("commit", "done"),
    ]
    assert all(step["seconds"] >= 0 for step in told["steps"])


@pytest.mark.engine
def test_a_dry_release_tells_the_tag_but_for_the_commit_that_is_yet_to_be_made(scene: Scene) -> None:
    told = run_task("--dry", "release", "--json", cwd=scene.hub.path).json
    (image,) = told["images"]
    assert (image["tag"], image["digest"]) == ("0.0.1-0.dev.git.2.h{commit}", None)
    assert [commit["hash"] for commit in told["commits"]] == [None, None]
    assert [step["seconds"] for step in told["steps"]] == [None] * 5
