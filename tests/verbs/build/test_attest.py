"""What a build attests about the images it pushes, on an engine with the containerd image store and on one without."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import run_task, sh, succeed
from tests.support.engine import Engine, make_context, missing_for_second_engine, second_engine
from tests.support.hubs import Hub
from tests.support.machine import demand
from tests.support.steps import build

pytestmark = pytest.mark.engine
UNREACHABLE = 4


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    demand(missing_for_second_engine())
    with second_engine(tmp_path_factory.mktemp("attesting"), attests=True) as running:
        yield running


@pytest.fixture
def attesting(engine: Engine) -> str:
    make_context("attesting", engine)
    return "attesting"


@pytest.fixture
def hub(hub: Hub, mirror: str) -> Hub:
    dockerfile = f"FROM {mirror}:3.2.1\nUSER root\nRUN --network=none echo made > /srv/made\n"
    hub.write("images/hub/Dockerfile", dockerfile)
    hub.put("invoke.yaml", "hub: {attest: [provenance]}\n")
    return hub


def build_attested(hub: Hub, *flags: str) -> dict[str, Any]:
    """Build an attested image, and a second time where the registry broke; return its part of the report.

    An engine with the containerd image store pushes an index and all that it holds under one tag, side by side. The
    registry of Debian (distribution 2.8) writes a tag in place: it answers 500 to who asks for it in that moment.
    """
    done = run_task("build", "--json", *flags, cwd=hub.path)
    if done.code == UNREACHABLE:
        done = succeed("build", "--json", *flags, cwd=hub.path)
    assert done.code == 0, done
    (image,) = done.json["images"]
    return dict(image)


def index_of(image: dict[str, Any]) -> dict[str, Any]:
    name = f"{image['repository']}@{image['digest']}"
    return dict(json.loads(sh("docker", "buildx", "imagetools", "inspect", "--raw", name, cwd=Path.cwd())))


def platform_images(index: dict[str, Any]) -> list[str]:
    return [one["digest"] for one in index["manifests"] if one["platform"]["os"] != "unknown"]


def test_an_attested_image_is_proved_retagged_and_found_consistent(hub: Hub, attesting: str) -> None:
    first = build_attested(hub, "--builder", attesting)
    image = build_attested(hub, "--builder", attesting, "--force")
    index = index_of(image)
    # Each build has another index around the same image.
    assert first["digest"] != image["digest"]
    assert platform_images(index_of(first)) == platform_images(index)
    statements = [one for one in index["manifests"] if one["platform"]["os"] == "unknown"]
    assert [one["annotations"]["vnd.docker.reference.type"] for one in statements] == ["attestation-manifest"]
    assert (image["status"], image["platforms"], image["base"]["inherited"]) == ("built", ["linux/amd64"], True)
    hub.commit("Use the image")
    shown = run_task("status", "--json", cwd=hub.path)
    assert shown.json["images"][0]["in_registry"] is True

    assert build(hub)["images"][0]["status"] == "present"

    hub.git("commit", "--quiet", "--amend", "--message", "Say it otherwise", "--allow-empty")
    hub.put("images/hub/Dockerfile", hub.read("images/hub/Dockerfile") + "# a comment\n")
    hub.git("revert", "--no-edit", "HEAD")
    (retagged,) = build(hub)["images"]
    assert (retagged["status"], retagged["digest"]) == ("retagged", image["digest"])
    assert index_of(retagged) == index


def test_without_the_setting_there_is_one_manifest_on_any_engine(hub: Hub, attesting: str) -> None:
    hub.write("invoke.yaml", "hub: {}\n")
    (image,) = build(hub, "--builder", attesting)["images"]
    assert "manifests" not in index_of(image)


def test_the_plan_shows_what_buildx_is_asked_for(hub: Hub, attesting: str) -> None:
    for setting, attest in (
        ("provenance-max", ["type=provenance,mode=max"]),
        # The scanner that makes an SBOM comes from Docker Hub: what it makes is not tested, only what is asked for.
        ("sbom", ["type=provenance,disabled=true", "type=sbom"]),
        ("provenance,sbom", ["type=provenance,mode=min", "type=sbom"]),
    ):
        plan = succeed("--dry", "build", "--builder", attesting, cwd=hub.path, env={"INVOKE_HUB_ATTEST": setting})
        definition = plan.out.partition("<<'END'\n")[2].partition("END")[0]
        assert json.loads(definition)["target"]["hub"]["attest"] == attest


def test_cloud_build_that_cannot_attest_says_so(hub: Hub) -> None:
    done = run_task("build", "--builder", "cloudbuild", cwd=hub.path)
    assert (done.code, "Cloud Build's builder cannot attest images" in done.err) == (1, True), done
