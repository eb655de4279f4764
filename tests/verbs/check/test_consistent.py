"""``check`` has nothing to say of consistent repositories, whatever they look like and wherever they come from."""

from pathlib import Path

import pytest

from tests.support.cli import succeed
from tests.support.helm import RELEASES, HelmServer
from tests.support.hubs import Hub
from tests.support.layouts import make_2i2c_like, make_cal_icor_like

from .places import DOCKERFILE, REQUIREMENTS, check, consistent, digest_of

DEV = next(release for release in RELEASES if release.image_tag.startswith("4.3.3-0.dev"))


def built(hub: Hub) -> None:
    """Commit a repository's files, build its images, and commit the values that name them."""
    hub.commit("Take the mirror's base")
    succeed("build", cwd=hub.path)
    hub.commit("Use the images")


def consistent_in_every_way(hub: Hub) -> None:
    consistent(hub, "--offline")
    consistent(hub)


@pytest.mark.engine
def test_a_dev_release_whose_base_tag_is_not_the_charts_version(released: Hub) -> None:
    succeed("bump", "--to", DEV.version, cwd=released.path)
    assert f":{DEV.image_tag}\n" in released.read(DOCKERFILE)
    assert f" {DEV.version}\n" in released.read(REQUIREMENTS)
    built(released)
    consistent_in_every_way(released)


@pytest.mark.engine
def test_a_repository_like_2i2cs(tmp_path: Path, prefix: str, mirror: str, charts: HelmServer) -> None:
    hub = make_2i2c_like(tmp_path / "2i2c", version="3.3.8", registry=prefix, chart_repository=charts.url)
    hub.edit("helm-charts/images/hub/Dockerfile", "FROM quay.io/jupyterhub/k8s-hub:", f"FROM {mirror}:")
    built(hub)
    assert found(hub) == []


@pytest.mark.engine
def test_a_repository_like_cal_icors(tmp_path: Path, prefix: str, mirror: str, charts: HelmServer) -> None:
    hub = make_cal_icor_like(tmp_path / "cal-icor", version="3.3.8", registry=prefix, chart_repository=charts.url)
    hub.edit(DOCKERFILE, "FROM jupyterhub/k8s-hub:", f"FROM {mirror}:")
    built(hub)
    proxy = "jupyterhub.proxy.chp.image.tag is 4.6.2, but jupyterhub 3.3.8 has 4.6.1"
    assert found(hub) == [("image-override", "warning", proxy)]
    hub.write("invoke.yaml", "hub: {accept: [{code: image-override, path: hub/*}]}\n")
    assert found(hub) == [("image-override", "accepted", proxy)]


def found(hub: Hub) -> list[tuple[str, str, str]]:
    """Return what ``check`` finds in a repository whose pins it cannot compare, after checking that it is green."""
    result = check(hub, "--json")
    assert (result.code, result.json["ok"]) == (0, True), result
    offline = ("the last commit", "quay.io/")
    (unchecked,) = (one for one in result.json["not_checked"] if not one["message"].startswith(offline))
    assert unchecked["message"].startswith("pins against the packages of ")
    assert unchecked["hint"].startswith("docker info; docker pull ")
    return [(one["code"], one["severity"], one["message"]) for one in result.json["problems"]]


@pytest.mark.engine
@pytest.mark.parametrize("tagged", [":3.3.8", ""], ids=["tag and digest", "digest alone"])
def test_a_base_that_is_pinned_by_its_digest(released: Hub, mirror: str, tagged: str) -> None:
    released.change(DOCKERFILE, f"{mirror}:3.3.8", f"{mirror}{tagged}@{digest_of(f'{mirror}:3.3.8')}")
    succeed("build", cwd=released.path)
    released.commit("Use the image")
    consistent_in_every_way(released)


def test_files_and_git_ask_nobody(settled: Hub, charts: HelmServer) -> None:
    """Nobody listens at its registry."""
    asked = len(charts.requests)
    consistent(settled, "--offline")
    assert len(charts.requests) == asked


def test_what_three_images_of_one_dockerfile_share_is_said_once(tmp_path: Path) -> None:
    hub = make_2i2c_like(tmp_path / "2i2c", version="3.3.8")
    hub.change("helm-charts/basehub/Chart.yaml", '"3.3.8"', '"3.3.7"')
    result = check(hub, "--offline", "--json")
    codes = [problem["code"] for problem in result.json["problems"]]
    assert (result.code, codes.count("base-not-of-release")) == (1, 1)
