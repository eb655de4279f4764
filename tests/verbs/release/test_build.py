import secrets
from pathlib import Path

import pytest

from tests.support.cli import run, run_task, succeed
from tests.support.engine import files_of, in_local_store
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT
from tests.support.scene import CHARTPRESS, DOCKERFILE, VALUES, Scene
from tests.support.steps import add_submodule, build, set_image
from tests.support.world import demand_fault, ended, fault, in_registry

pytestmark = pytest.mark.engine

LABEL = "org.opencontainers.image."


def test_an_image_is_pushed_proved_and_written_into_the_values_and_not_built_again(scene: Scene) -> None:
    scene.hub.git("remote", "set-url", "origin", "git@github.com:cal-icor/cal-icor-hubs.git")
    values, base = scene.hub.read(VALUES), in_registry(f"{scene.base}:3.2.1")
    digest = base["manifest"]["digest"]
    plan = run_task("--dry", "build", "--json", cwd=scene.hub.path)
    assert f'"{scene.base}:3.2.1": "docker-image://{scene.base}:3.2.1@{digest}"' in plan.err
    told = build(scene.hub)
    pushed = in_registry(scene.image)
    base_layers = base["image"]["rootfs"]["diff_ids"]
    assert pushed["image"]["rootfs"]["diff_ids"][: len(base_layers)] == base_layers
    assert (pushed["image"]["os"], pushed["image"]["architecture"]) == ("linux", "amd64")
    image = {
        "name": "hub",
        "repository": f"{scene.prefix}/core/hub",
        "tag": scene.tag,
        "digest": pushed["manifest"]["digest"],
        "platforms": ["linux/amd64"],
        "status": "built",
        "base": {"image": f"{scene.base}:3.2.1", "digest": digest, "inherited": True},
        "inputs": pushed["image"]["config"]["Labels"]["io.github.hubpress.inputs"],
    }
    assert told == {"images": [image], "values": {"path": VALUES, "changed": True}}
    unproved = {"digest": None, "base": {**image["base"], "inherited": None}}
    assert plan.json == {"images": [{**image, **unproved}], "values": told["values"]}
    labels = pushed["image"]["config"]["Labels"]
    assert {name.removeprefix(LABEL): value for name, value in labels.items() if name.startswith(LABEL)} == {
        "source": "https://github.com/cal-icor/cal-icor-hubs",
        "revision": scene.hub.git("rev-parse", "HEAD"),
        "version": scene.tag,
        "base.name": f"{scene.base}:3.2.1",
        "base.digest": digest,
    }
    written = values.replace(
        "      name:\n      tag:\n", f"      name: {scene.prefix}/core/hub\n      tag: {scene.tag}\n"
    )
    assert scene.hub.read(VALUES) == written
    scene.hub.git("restore", VALUES)
    assert build(scene.hub) == {"images": [{**image, "status": "present"}], "values": told["values"]}
    assert scene.hub.read(VALUES) == written


def test_a_base_whose_registry_is_out_of_reach_is_taken_from_this_machine(
    prefix: str, mirror: str, helm_repository: HelmServer, tmp_path: Path
) -> None:
    base = f"registry.invalid/{secrets.token_hex(4)}/k8s-hub"
    hub = make_hub(tmp_path / "hub", base=base, registry=prefix, chart_repository=helm_repository.url)
    with in_local_store(f"{base}:3.2.1", f"{mirror}:3.2.1"):
        plan = run_task("--dry", "build", cwd=hub.path).out
        (image,) = build(hub)["images"]
    assert f"{base}:3.2.1 is taken from this machine's image store: registry.invalid cannot be reached" in plan
    assert image["base"] == {"image": f"{base}:3.2.1", "digest": None, "inherited": True}


def test_without_a_push_the_values_and_the_registry_stay_as_they_are(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for own, env, pushes in (("false", {}, False), ("false", {"INVOKE_HUB_PUSH": "1"}, True)):
        scene.hub.write("invoke.yaml", f"hub: {{push: {own}}}\n")
        shown = run_task("--dry", "build", cwd=scene.hub.path, env=env).out
        assert ('"type=registry"' in shown, '"type=docker"' in shown) == (pushes, not pushes)
    (scene.hub.path / "invoke.yaml").unlink()
    monkeypatch.setenv("INVOKE_HUB_PUSH", "true")
    before = scene.world()
    (image,) = build(scene.hub, "--no-push")["images"]
    assert (image["tag"], image["status"], image["digest"]) == (scene.tag, "built", None)
    assert run("docker", "image", "inspect", scene.image, cwd=PROJECT).code == 0
    assert scene.world() == before


@pytest.mark.parametrize(("file", "flag"), [(CHARTPRESS, "--assume-unchanged"), (DOCKERFILE, "--skip-worktree")])
def test_changes_that_git_was_told_not_to_see_are_not_built_under_the_commits_tag(
    scene: Scene, file: str, flag: str
) -> None:
    scene.hub.git("update-index", flag, file)
    scene.hub.write(file, scene.hub.read(file) + "# mine\n")
    for dry in (("--dry",), ()):
        demand_fault(
            run_task(*dry, "build", cwd=scene.hub.path),
            1,
            f"the file has changes that git was told not to see ({file})",
            f"git update-index --no-assume-unchanged -- {file} && git update-index --no-skip-worktree -- {file}; "
            "then commit them, or take them back",
        )


def test_a_stand_in_for_the_base_image_does_not_leave_this_machine(scene: Scene) -> None:
    scene.hub.change(CHARTPRESS, scene.prefix, "registry.invalid/hubs")
    before, base = scene.world(), f"{scene.base}:3.2.1"
    told = "the base image here is a rehearsal's stand-in, not z2jh's hub image ({})"
    own = "push z2jh's own image there, or name it: FROM quay.io/jupyterhub/k8s-hub:VERSION"
    for flags in (("--dry",), ()):
        done = run_task(*flags, "build", cwd=scene.hub.path)
        assert ended(done) == (1, told.format(base), own)
        assert done.out == "" or (flags and " x " in done.out), done
    assert scene.world() == before
    pulled = f"registry.invalid/{secrets.token_hex(4)}/k8s-hub:3.2.1"
    scene.hub.change(DOCKERFILE, base, pulled)
    with in_local_store(pulled, base, is_stand_in=True):
        stopped = ended(run_task("build", cwd=scene.hub.path))
    assert stopped == (1, told.format(pulled), f"docker image rm {pulled}, then: docker pull {pulled}")


# -- what an image holds: what its commit has, however the clone looks meanwhile

CONTENT = {"INVOKE_HUB_TAG": "{chart_version}-{content}"}


def test_chartpress_does_not_build_what_the_tags_commit_does_not_have(hub: Hub, scene: Scene) -> None:
    hub.edit(DOCKERFILE, "COPY requirements.txt /tmp/", "COPY . /ctx/\nCOPY requirements.txt /tmp/")
    set_image(hub, "rebuildOnContextPathChanges: false")
    hub.commit("Copy the whole context, and let no change of it make a tag")
    tag = scene.tag
    hub.put("images/hub/later.txt", "later\n")
    differs = "chartpress builds from the last commit, which has other files than the one that the tag names"
    told = (1, f"{differs} ({scene.prefix}/core/hub:{tag})", "leave out --engine chartpress")
    assert ended(run_task("build", "--engine", "chartpress", cwd=hub.path)) == told
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
    assert ended(run_task("release", "--yes", cwd=hub.path, env=CONTENT)) == (
        1,
        "the image hub has files that are not committed (.gitattributes)",
        "git add -- .gitattributes && git commit -- .gitattributes; a release does not commit them",
    )
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
