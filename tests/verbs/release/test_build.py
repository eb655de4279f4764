from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks.rehearsal.stand_in import stand_ins
from tests.support.scene import CHARTPRESS, DOCKERFILE, VALUES, Scene
from tests.support.world import images_in

from ...support.cli import run, run_task, sh
from ...support.hubs import Hub, make_hub, make_repository
from ...support.machine import PROJECT
from ...support.real import CAL_ICOR
from ...support.registry import sign_in
from .bad_machines import tag_on_another_base

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ...support.helm import HelmServer

pytestmark = pytest.mark.engine

LABEL = "org.opencontainers.image."
# What the stand-in's pip says when it is run, and not taken from BuildKit's cache.
PIP_RAN = "stand-in: written down, not installed"


def build(scene: Scene, *flags: str) -> Any:  # noqa: ANN401 - the JSON that the task prints
    result = run_task("build", *flags, "--json", cwd=scene.hub.path, env=scene.env)
    assert result.code == 0, result
    return result.json


def in_registry(image: str) -> Any:  # noqa: ANN401 - the JSON that buildx prints
    """Return what a registry says of an image, asked without this project's help."""
    return json.loads(sh("docker", "buildx", "imagetools", "inspect", image, "--format", "{{json .}}", cwd=PROJECT))


def test_an_image_is_pushed_proved_and_written_into_the_values(scene: Scene) -> None:
    values = scene.hub.read(VALUES)
    told = build(scene)
    pushed, base = in_registry(scene.image), in_registry(f"{scene.base}:3.2.1")
    base_layers = base["image"]["rootfs"]["diff_ids"]
    assert pushed["image"]["rootfs"]["diff_ids"][: len(base_layers)] == base_layers
    assert (pushed["image"]["os"], pushed["image"]["architecture"]) == ("linux", "amd64")
    assert told["images"] == [
        {
            "name": "hub",
            "repository": f"{scene.prefix}/core/hub",
            "tag": scene.tag,
            "digest": pushed["manifest"]["digest"],
            "platforms": ["linux/amd64"],
            "status": "built",
            "base": {"image": f"{scene.base}:3.2.1", "digest": base["manifest"]["digest"], "inherited": True},
            "inputs": pushed["image"]["config"]["Labels"]["io.github.hubpress.inputs"],
        }
    ]
    assert told["values"] == {"path": VALUES, "changed": True}
    assert scene.hub.read(VALUES) == values.replace(
        "      name:\n      tag:\n", f"      name: {scene.prefix}/core/hub\n      tag: {scene.tag}\n"
    )


def test_a_pushed_image_says_what_it_is_and_what_it_is_built_on(scene: Scene) -> None:
    scene.hub.git("remote", "set-url", "origin", "git@github.com:cal-icor/cal-icor-hubs.git")
    build(scene)
    labels = in_registry(scene.image)["image"]["config"]["Labels"]
    assert {name.removeprefix(LABEL): value for name, value in labels.items() if name.startswith(LABEL)} == {
        "source": "https://github.com/cal-icor/cal-icor-hubs",
        "revision": scene.hub.git("rev-parse", "HEAD"),
        "version": scene.tag,
        "base.name": f"{scene.base}:3.2.1",
        "base.digest": in_registry(f"{scene.base}:3.2.1")["manifest"]["digest"],
    }


def test_the_base_is_pinned_to_the_digest_that_its_registry_answers_with(scene: Scene) -> None:
    digest = in_registry(f"{scene.base}:3.2.1")["manifest"]["digest"]
    plan = run_task("--dry", "build", cwd=scene.hub.path).out
    assert f'"{scene.base}:3.2.1": "docker-image://{scene.base}:3.2.1@{digest}"' in plan


def test_a_base_whose_registry_is_out_of_reach_is_taken_from_this_machine(
    registry: Registry, helm_repository: HelmServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base = "registry.invalid/jupyterhub/k8s-hub"
    prefix = f"{registry.address}/local-base"
    hub = make_hub(tmp_path / "hub", base=base, registry=prefix, chart_repository=helm_repository.url)
    scene = Scene(hub, helm_repository, tmp_path, request)
    with stand_ins((f"{base}:3.2.1",)):
        plan = run_task("--dry", "build", cwd=hub.path).out
        (image,) = build(scene)["images"]
    assert f"{base}:3.2.1 is taken from this machine's image store: registry.invalid cannot be reached" in plan
    assert image["base"] == {"image": f"{base}:3.2.1", "digest": None, "inherited": True}


def test_what_the_registry_has_is_proved_and_not_built_again(scene: Scene) -> None:
    (first,) = build(scene)["images"]
    scene.hub.git("restore", VALUES)
    result = run_task("build", "--json", cwd=scene.hub.path)
    (second,) = result.json["images"]
    assert second == {**first, "status": "present"}
    assert "load build definition" not in result.err
    assert result.json["values"] == {"path": VALUES, "changed": True}
    assert f"      tag: {scene.tag}\n" in scene.hub.read(VALUES)


def test_a_third_build_has_nothing_to_do(scene: Scene) -> None:
    build(scene)
    before = scene.world()
    assert build(scene)["values"]["changed"] is False
    assert scene.world() == before


def test_force_builds_over_a_tag_that_exists(scene: Scene) -> None:
    tag_on_another_base(scene)
    other = in_registry(scene.image)["manifest"]["digest"]
    (image,) = build(scene, "--force")["images"]
    assert (image["status"], image["base"]["inherited"]) == ("built", True)
    assert in_registry(scene.image)["manifest"]["digest"] == image["digest"] != other


@pytest.mark.parametrize(
    ("flags", "env"), [(["--no-push"], {}), ([], {"INVOKE_HUB_PUSH": "false"})], ids=["flag", "variable"]
)
def test_without_a_push_the_values_and_the_registry_stay_as_they_are(
    scene: Scene, flags: list[str], env: dict[str, str]
) -> None:
    before = scene.world()
    scene.env.update(env)
    (image,) = build(scene, *flags)["images"]
    assert (image["tag"], image["status"], image["digest"]) == (scene.tag, "built", None)
    assert run("docker", "image", "inspect", scene.image, cwd=PROJECT).code == 0
    assert scene.world() == before


def test_steps_are_taken_from_the_cache_unless_that_is_not_wanted(scene: Scene) -> None:
    # A step of its own, which no other test can have left in the cache.
    scene.change(DOCKERFILE, "RUN pip install", f"RUN : {scene.prefix}; pip install")
    runs = [run_task("build", "--force", *flags, cwd=scene.hub.path) for flags in ((), (), ("--no-cache",))]
    assert [(result.code, PIP_RAN in result.err) for result in runs] == [(0, True), (0, False), (0, True)]


def test_a_platform_and_a_builder_that_are_named_are_used(scene: Scene) -> None:
    plan = run_task("--dry", "build", "--platform", "linux/amd64", "--builder", "default", cwd=scene.hub.path).out
    assert "for linux/amd64, native on the builder default" in map(str.strip, plan.splitlines())
    assert '(cd "$context" && docker --context default buildx bake --file -' in plan
    (image,) = build(scene, "--platform", "linux/amd64", "--builder", "default")["images"]
    assert (image["status"], image["platforms"]) == ("built", ["linux/amd64"])


def test_an_image_is_pushed_with_dockers_own_login(scene: Scene, locked_registry: Registry) -> None:
    scene.change(CHARTPRESS, scene.prefix, f"{locked_registry.address}/hubs")
    sign_in(locked_registry.address, "somebody", "else")
    (image,) = build(scene)["images"]
    assert (image["repository"], image["status"]) == (f"{locked_registry.address}/hubs/core/hub", "built")


@pytest.fixture
def cal_icor(tmp_path: Path, registry: Registry, mirror: str) -> Hub:
    """The real files of cal-icor's repository, its images on this machine: postgres has no folder."""
    files = {path.relative_to(CAL_ICOR).as_posix(): path.read_text() for path in CAL_ICOR.rglob("*.yaml")}
    real = "us-central1-docker.pkg.dev/cal-icor-hubs"
    files[CHARTPRESS] = files[CHARTPRESS].replace(real, f"{registry.address}/cal-icor")
    dockerfile = f"FROM {mirror}:3.3.8\nRUN python3 -m pip install --no-cache oauthenticator==17.1.0\n"
    return make_repository(tmp_path / "hub", {**files, DOCKERFILE: dockerfile})


def test_a_build_changes_two_lines_of_cal_icors_values_and_not_one_other_byte(
    cal_icor: Hub, registry: Registry
) -> None:
    before = cal_icor.snapshot()
    result = run_task("build", "--json", cwd=cal_icor.path)
    assert result.code == 0, result
    hub, postgres = result.json["images"]
    assert (hub["name"], hub["status"], postgres["name"], postgres["status"]) == ("hub", "built", "postgres", "skipped")
    assert (list(postgres), list(postgres["base"])) == (list(hub), list(hub["base"]))
    name = f"{registry.address}/cal-icor/core/jupyterhub-hub"
    assert f"{name.partition('/')[2]}:{hub['tag']}" in images_in(registry.address)
    old, new = "    image:\n      name:\n      tag:\n", f"    image:\n      name: {name}\n      tag: {hub['tag']}\n"
    assert before[VALUES].count(old.encode()) == 1
    assert cal_icor.snapshot() == {**before, VALUES: before[VALUES].replace(old.encode(), new.encode())}
