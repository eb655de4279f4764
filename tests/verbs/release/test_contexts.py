"""What an image holds, seen from outside: what its commit has, however the clone looks meanwhile."""

import pytest

from tests.support.cli import run_task, succeed
from tests.support.engine import files_of
from tests.support.hubs import Hub
from tests.support.scene import DOCKERFILE, VALUES, Scene
from tests.support.steps import add_submodule, build, set_image
from tests.support.world import fault

pytestmark = pytest.mark.engine
CONTENT = {"INVOKE_HUB_TAG": "{chart_version}-{content}"}


def test_chartpress_does_not_build_what_the_tags_commit_does_not_have(hub: Hub, scene: Scene) -> None:
    hub.edit(DOCKERFILE, "COPY requirements.txt /tmp/", "COPY . /ctx/\nCOPY requirements.txt /tmp/")
    set_image(hub, "rebuildOnContextPathChanges: false")
    hub.commit("Copy the whole context, and let no change of it make a tag")
    tag = scene.tag
    hub.put("images/hub/later.txt", "later\n")
    done = run_task("build", "--engine", "chartpress", cwd=hub.path)
    error, hint = fault(done)
    assert (done.code, hint) == (1, "leave out --engine chartpress")
    assert error == (
        "chartpress builds from the last commit, which has other files than the one that the tag names "
        f"({scene.prefix}/core/hub:{tag})"
    )
    (image,) = build(hub)["images"]
    assert (image["status"], image["tag"]) == ("built", tag)
    files = files_of(f"{image['repository']}:{image['tag']}")
    assert "/ctx/Dockerfile" in files
    assert "/ctx/later.txt" not in files


def test_a_build_in_a_hook_asks_the_clone_that_it_is_for(hub: Hub, scene: Scene) -> None:
    nowhere = f"{scene.folder}/none"
    variables = {"GIT_DIR": nowhere, "GIT_INDEX_FILE": f"{nowhere}/index", "GIT_WORK_TREE": "/"}
    succeed("build", "--engine", "chartpress", cwd=hub.path, env=variables)
    assert scene.tag in hub.read(VALUES)


# -- a release that names the content


def test_a_release_refuses_what_it_would_not_commit(hub: Hub) -> None:
    hub.write(".gitattributes", "*.txt text eol=crlf\n")
    before = hub.snapshot()
    done = run_task("release", "--yes", cwd=hub.path, env=CONTENT)
    error, hint = fault(done)
    assert (done.code, error) == (1, "the image hub has files that are not committed (.gitattributes)")
    assert hint == "git add -- .gitattributes && git commit -- .gitattributes; a release does not commit them"
    assert hub.snapshot() == before


def test_what_is_changed_in_a_submodule_is_committed_there(hub: Hub) -> None:
    add_submodule(hub, "sub", "images/hub/sub")
    hub.write("images/hub/sub/a.txt", "changed\n")
    error, hint = fault(run_task("build", cwd=hub.path))
    assert error == "the image hub has files that are not committed (images/hub/sub)"
    look = "commit or stash what is changed in the submodule: git -C images/hub/sub status"
    assert hint == f"{look}; its tag names the last commit"


def test_what_is_staged_elsewhere_does_not_stop_a_release(hub: Hub) -> None:
    hub.write("notes.txt", "staged\n")
    hub.git("add", "notes.txt")
    succeed("release", "--yes", cwd=hub.path, env=CONTENT)
    assert hub.git("status", "--porcelain") == "A  notes.txt"
