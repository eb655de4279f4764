import json
from pathlib import Path
from typing import Any

import pytest

from tasks.rehearsal.registry import Registry
from tasks.rehearsal.stand_in import stand_ins
from tests.support.cli import run, run_task, sh
from tests.support.helm import HelmServer
from tests.support.hubs import make_hub
from tests.support.machine import PROJECT
from tests.support.registry import sign_in
from tests.support.scene import CHARTPRESS, VALUES, Scene

from .bad_machines import tag_on_another_base

pytestmark = pytest.mark.engine

LABEL = "org.opencontainers.image."


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
    assert result.json["values"] == {"path": VALUES, "changed": True}
    assert f"      tag: {scene.tag}\n" in scene.hub.read(VALUES)


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


def test_an_image_is_pushed_with_dockers_own_login(scene: Scene, locked_registry: Registry) -> None:
    scene.change(CHARTPRESS, scene.prefix, f"{locked_registry.address}/hubs")
    sign_in(locked_registry.address, "somebody", "else")
    (image,) = build(scene)["images"]
    assert (image["repository"], image["status"]) == (f"{locked_registry.address}/hubs/core/hub", "built")
