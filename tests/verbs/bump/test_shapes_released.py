"""Repositories without chartpress.yaml, released for real: with a chart, and the image alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ...support.cli import run_task
from ...support.hubs import Hub, make_repository
from ...support.world import images_in, labels

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ...support.helm import HelmServer

pytestmark = pytest.mark.engine

DOCKERFILE = "FROM {base}:3.2.1\nCOPY logo.svg /logo.svg\n"
CHART = """\
apiVersion: v2
name: hub
version: 0.0.1
dependencies:
- name: jupyterhub
  version: 3.2.1
  repository: {charts}
"""
VALUES = "jupyterhub:\n  hub:\n    image:\n      name: {name}\n      tag: pr-499\n"


@pytest.fixture(params=["no chartpress.yaml", "the image alone"])
def shaped(
    request: pytest.FixtureRequest, tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer
) -> Hub:
    name = f"{prefix}/site-hub"
    image = {"Dockerfile": DOCKERFILE.format(base=mirror), "logo.svg": "<svg/>\n"}
    if request.param == "the image alone":
        settings = f"hub:\n  chart_repository: {helm_repository.url}\n  images: [{{context: ., name: {name}}}]\n"
        return make_repository(tmp_path / "hub", {**image, "invoke.yaml": settings})
    files = {f"images/site-hub/{path}": text for path, text in image.items()}
    chart = {"hub/Chart.yaml": CHART.format(charts=helm_repository.url), "hub/values.yaml": VALUES.format(name=name)}
    return make_repository(tmp_path / "hub", {**files, **chart})


def test_a_rehearsal_releases_it_and_leaves_it_as_it_is(shaped: Hub, registry: Registry) -> None:
    before, there = shaped.snapshot(), images_in(registry.address)
    told = run_task("rehearse", "--json", cwd=shaped.path)
    assert told.code == 0, told
    (image,) = told.json["images"]
    assert (image["name"], image["status"], image["base"]["inherited"]) == ("site-hub", "built", True)
    assert image["repository"].startswith(f"{told.json['registry']}/")
    subjects = [commit["subject"] for commit in told.json["commits"]]
    has_chart = "hub/Chart.yaml" in before
    assert subjects == ["Move z2jh from 3.2.1 to 3.3.8", *([f"Use hub image {image['tag']}"] if has_chart else [])]
    assert (shaped.snapshot(), images_in(registry.address)) == (before, there)


def test_a_release_moves_builds_and_commits_it(shaped: Hub, prefix: str, registry: Registry, mirror: str) -> None:
    told = run_task("release", "--yes", "--json", cwd=shaped.path)
    assert told.code == 0, told
    image = f"{prefix}/site-hub:{told.json['images'][0]['tag']}"
    assert list(images_in(registry.address, prefix.partition("/")[2])) == [image.partition("/")[2]]
    assert labels(image)["org.opencontainers.image.base.name"] == f"{mirror}:3.3.8"
    again = run_task("release", "--yes", cwd=shaped.path)
    assert (again.code, again.out.splitlines()[-1][:12]) == (0, "  base      "), again
    checked = run_task("check", cwd=shaped.path)
    # 4.4.0 has fixes that 3.3.8 lacks.
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "No faults, 1 warning."), checked
