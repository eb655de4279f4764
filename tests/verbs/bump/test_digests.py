"""A base image that is pinned by digest gets the new tag's digest, as its registry tells it."""

from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.calls import refused
from tests.support.cli import run_task, sh, succeed
from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import Maker, chart_yaml, make_repository
from tests.support.world import images_in, labels

pytestmark = pytest.mark.engine

ONE = "hub: {valuesPath: jupyterhub.hub.image}\n"


@pytest.fixture
def digests(registry: Registry, mirror: str) -> dict[str, str]:
    del mirror
    found = images_in(registry.address, "mirror/")
    return {name.partition(":")[2]: digest for name, digest in found.items()}


def test_the_new_tags_digest_is_written(make: Maker, hubpress: Hubpress, mirror: str, digests: dict[str, str]) -> None:
    old, new = (f"{mirror}:{tag}@{digests[tag]}" for tag in ("3.2.1", "3.3.8"))
    hub = make(ONE, {"images/hub/Dockerfile": f'ARG HUB="{old}"\nFROM $HUB AS hub\nFROM busybox\nFROM {old}\n'})
    done = hubpress(hub, "bump", "--json")
    assert hub.read("images/hub/Dockerfile") == f'ARG HUB="{new}"\nFROM $HUB AS hub\nFROM busybox\nFROM {new}\n'
    assert done.json["base"] == {"image_before": old, "image_after": new}
    assert hubpress(hub, "bump", "--json").json["files"] == []


def test_a_digest_of_another_release_that_an_edit_by_hand_left_is_mended(
    make: Maker, hubpress: Hubpress, mirror: str, digests: dict[str, str]
) -> None:
    hub = make(ONE, {"images/hub/Dockerfile": f"FROM {mirror}:3.3.8@{digests['3.2.1']}\n"})
    assert "images/hub/Dockerfile" in hubpress(hub, "bump", "--to", "3.3.8", "--json").json["files"]
    assert hub.read("images/hub/Dockerfile") == f"FROM {mirror}:3.3.8@{digests['3.3.8']}\n"


def test_a_digest_whose_tag_the_mirror_lacks_stays_where_the_tag_stays(
    make: Maker, hubpress: Hubpress, prefix: str, digests: dict[str, str]
) -> None:
    hub = make(ONE, {"images/hub/Dockerfile": f"FROM {prefix}/k8s-hub:3.3.8@{digests['3.3.8']}\n"})
    assert hubpress(hub, "bump", "--to", "3.3.8", "--json").json["files"] == ["hub/Chart.yaml"]


def test_a_new_tag_that_its_registry_does_not_have_moves_nothing(
    make: Maker, hubpress: Hubpress, mirror: str, prefix: str, digests: dict[str, str]
) -> None:
    own = f"{prefix}/k8s-hub"
    hub = make(ONE, {"images/hub/Dockerfile": f"FROM {own}:3.2.1@{digests['3.2.1']}\n"})
    sh("docker", "buildx", "imagetools", "create", "--tag", f"{own}:3.2.1", f"{mirror}:3.2.1", cwd=hub.path)
    assert refused(hubpress, hub, "bump") == (
        1,
        f"the base image does not exist ({own}:3.3.8)",
        f"docker buildx imagetools inspect {own}:3.3.8",
    )


def test_a_release_of_a_repository_without_chartpress_yaml(
    tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer
) -> None:
    name = f"{prefix}/site-hub"
    hub = make_repository(
        tmp_path / "hub",
        {
            "hub/Chart.yaml": chart_yaml(helm_repository.url),
            "hub/values.yaml": f"jupyterhub:\n  hub:\n    image:\n      name: {name}\n      tag: pr-499\n",
            "images/site-hub/Dockerfile": f"FROM {mirror}:3.2.1\nCOPY logo.svg /logo.svg\n",
            "images/site-hub/logo.svg": "<svg/>\n",
        },
    )
    told = succeed("release", "--yes", "--json", cwd=hub.path)
    (image,) = told.json["images"]
    assert (image["name"], image["status"], image["base"]["inherited"]) == ("site-hub", "built", True)
    subjects = [commit["subject"] for commit in told.json["commits"]]
    assert subjects == ["Move z2jh from 3.2.1 to 3.3.8", f"Use hub image {image['tag']}"]
    assert labels(f"{name}:{image['tag']}")["org.opencontainers.image.base.name"] == f"{mirror}:3.3.8"
    assert run_task("status", cwd=hub.path).out.startswith("invoke release has nothing to do.\n")
    checked = run_task("check", cwd=hub.path)
    # 4.4.0 has fixes that 3.3.8 lacks.
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "No faults, 1 warning."), checked
