"""``check`` has nothing to say of consistent repositories, whatever they look like and wherever they come from."""

import json
from pathlib import Path

import pytest

from tests.support.cli import run_task, sh
from tests.support.helm import RELEASES, HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.layouts import make_2i2c_like, make_cal_icor_like

from .places import DOCKERFILE, REQUIREMENTS, check, consistent

pytestmark = pytest.mark.engine

DEV = next(release for release in RELEASES if release.image_tag.startswith("4.3.3-0.dev"))


@pytest.fixture
def fresh(tmp_path: Path, prefix: str, mirror: str, charts: HelmServer) -> Hub:
    """A hub repository on 3.2.1, nothing built yet."""
    return make_hub(tmp_path / "hub", base=mirror, registry=prefix, chart_repository=charts.url)


def release(hub: Hub, *flags: str) -> None:
    result = run_task("release", "--yes", *flags, cwd=hub.path)
    assert result.code == 0, result


def consistent_in_every_way(hub: Hub) -> None:
    consistent(hub, "--offline")
    consistent(hub)


def test_after_the_merge_commit_of_its_pull_request(released: Hub) -> None:
    assert len(released.git("log", "-1", "--pretty=%P").split()) == 2
    consistent_in_every_way(released)


def test_in_a_fresh_clone_of_the_merged_repository(released: Hub, tmp_path: Path) -> None:
    sh("git", "clone", "--quiet", str(released.remote), "fresh", cwd=tmp_path)
    consistent_in_every_way(Hub(tmp_path / "fresh", released.remote))


def test_a_dev_release_whose_base_tag_is_not_the_charts_version(fresh: Hub) -> None:
    release(fresh, "--to", DEV.version)
    assert f":{DEV.image_tag}\n" in fresh.read(DOCKERFILE)
    assert f" {DEV.version}\n" in fresh.read(REQUIREMENTS)
    consistent_in_every_way(fresh)


def test_a_repository_like_2i2cs(tmp_path: Path, prefix: str, mirror: str, charts: HelmServer) -> None:
    hub = make_2i2c_like(tmp_path / "2i2c", registry=prefix, chart_repository=charts.url)
    hub.edit("helm-charts/images/hub/Dockerfile", "FROM quay.io/jupyterhub/k8s-hub:", f"FROM {mirror}:")
    hub.commit("Take the mirror's base")
    release(hub)
    assert found(hub) == []


def test_a_repository_like_cal_icors(tmp_path: Path, prefix: str, mirror: str, charts: HelmServer) -> None:
    hub = make_cal_icor_like(tmp_path / "cal-icor", registry=prefix, chart_repository=charts.url)
    hub.edit(DOCKERFILE, "FROM jupyterhub/k8s-hub:", f"FROM {mirror}:")
    hub.commit("Take the mirror's base")
    release(hub)
    proxy = "jupyterhub.proxy.chp.image.tag is 4.6.2, but jupyterhub 3.3.8 has 4.6.1"
    assert found(hub) == [("image-override", "warning", proxy)]
    hub.write("invoke.yaml", "hub: {accept: [{code: image-override, path: hub/*}]}\n")
    assert found(hub) == [("image-override", "accepted", proxy)]


def found(hub: Hub) -> list[tuple[str, str, str]]:
    """Return what ``check`` finds in a repository whose pins it cannot compare, after checking that it is green."""
    result = check(hub, "--json")
    assert (result.code, result.json["ok"]) == (0, True), result
    offline = ("the last commit", "whether quay.io has ")
    (unchecked,) = (one for one in result.json["not_checked"] if not one["message"].startswith(offline))
    assert unchecked["message"].startswith("pins against the packages of ")
    assert unchecked["hint"].startswith("docker pull ")
    return [(one["code"], one["severity"], one["message"]) for one in result.json["problems"]]


@pytest.mark.parametrize("tagged", [":3.3.8", ""], ids=["tag and digest", "digest alone"])
def test_a_base_that_is_pinned_by_its_digest(released: Hub, mirror: str, tagged: str) -> None:
    seen = sh("docker", "buildx", "imagetools", "inspect", f"{mirror}:3.3.8", "--format={{json .}}", cwd=released.path)
    digest = json.loads(seen)["manifest"]["digest"]
    released.edit(DOCKERFILE, f"{mirror}:3.3.8", f"{mirror}{tagged}@{digest}")
    released.commit("Pin the base")
    assert run_task("build", cwd=released.path).code == 0
    released.commit("Use the image")
    consistent_in_every_way(released)


@pytest.mark.parametrize("template", ["{chart_version}-{content}", "{chart_version}-{commit}"])
def test_tags_of_ones_own_template(fresh: Hub, template: str) -> None:
    fresh.write("invoke.yaml", f"hub:\n  tag: '{template}'\n")
    fresh.commit("Name the images our way")
    release(fresh)
    consistent_in_every_way(fresh)


def test_files_and_git_ask_nobody(settled: Hub, charts: HelmServer) -> None:
    """Nobody listens at its registry."""
    asked = len(charts.requests)
    consistent(settled, "--offline")
    assert len(charts.requests) == asked
