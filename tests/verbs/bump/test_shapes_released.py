"""Repositories of each shape, released for real."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.cli import run_task, succeed
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_repository
from tests.support.world import images_in, labels

pytestmark = pytest.mark.engine

# «CHARTS», «BASE» and «NAME» stand for the Helm repository, the base image and the hub image.
IMAGE = {
    "images/site-hub/Dockerfile": "FROM «BASE»:3.2.1\nCOPY logo.svg /logo.svg\n",
    "images/site-hub/logo.svg": "<svg/>\n",
}
CHART = """\
apiVersion: v2
name: hub
version: 0.0.1
dependencies:
- name: jupyterhub
  version: 3.2.1
  repository: «CHARTS»
"""
VALUES = "jupyterhub:\n  hub:\n    image:\n      name: «NAME»\n      tag: pr-499\n"
HUB = {"hub/Chart.yaml": CHART, "hub/values.yaml": VALUES, **IMAGE}
ALONE = {"Dockerfile": IMAGE["images/site-hub/Dockerfile"], "logo.svg": "<svg/>\n"}
SETTINGS = "hub:\n  chart_repository: «CHARTS»\n  images: [{context: ., name: «NAME»}]\n"
CONFIG = """\
charts:
- name: hub
  images:
    site-hub:
      imageName: «NAME»
      valuesPath: jupyterhub.hub.image
"""
ARGUMENTS = '      buildArgs: {Z2JH: 3.2.1, OTHER: "3.2.1"}\n'
HELM_RELEASE = """\
kind: HelmRelease
spec:
  chart:
    spec: {chart: jupyterhub, version: '3.2.1'}  # not 3.2.0
"""


class Shape(NamedTuple):
    """A repository's files, and the lines that a release changes besides those of Dockerfile, chart and values."""

    files: dict[str, str]
    moves: dict[str, list[str]] = {}  # noqa: RUF012 - nobody changes it


MOVED = {
    "images/site-hub/Dockerfile": ["-FROM «BASE»:3.2.1", "+FROM «BASE»:3.3.8"],
    "hub/Chart.yaml": ["-  version: 3.2.1", "+  version: 3.3.8"],
}
BUILT = {"hub/values.yaml": ["-      tag: pr-499", "+      tag: «TAG»"]}
MOVED_ALONE = {"Dockerfile": MOVED["images/site-hub/Dockerfile"]}
SHAPES = {
    "no chartpress.yaml": Shape(HUB, {**MOVED, **BUILT}),
    "a HelmRelease beside the image": Shape(
        {
            **ALONE,
            "clusters/a/hub.yaml": HELM_RELEASE,
            "invoke.yaml": f"{SETTINGS}  pins: [{{file: 'clusters/**/*.yaml', path: spec.chart.spec.version}}]\n",
        },
        {
            **MOVED_ALONE,
            "clusters/a/hub.yaml": [
                "-    spec: {chart: jupyterhub, version: '3.2.1'}  # not 3.2.0",
                "+    spec: {chart: jupyterhub, version: '3.3.8'}  # not 3.2.0",
            ],
        },
    ),
    "build arguments": Shape(
        {
            **HUB,
            "chartpress.yaml": CONFIG + ARGUMENTS,
            "images/site-hub/Dockerfile": "ARG Z2JH\nFROM «BASE»:${Z2JH}\nCOPY logo.svg /\n",
        },
        {
            "chartpress.yaml": [
                '-      buildArgs: {Z2JH: 3.2.1, OTHER: "3.2.1"}',
                '+      buildArgs: {Z2JH: 3.3.8, OTHER: "3.2.1"}',
            ],
            "hub/Chart.yaml": MOVED["hub/Chart.yaml"],
            **BUILT,
        },
    ),
}


class World(NamedTuple):
    """A repository of a shape, and what stands for the marks in it."""

    hub: Hub
    shape: Shape
    texts: dict[str, str]

    def filled(self, text: str, **more: str) -> str:
        """Return ``text`` with the marks replaced."""
        for mark, value in {**self.texts, **more}.items():
            text = text.replace(f"«{mark}»", value)
        return text

    def moves(self, **more: str) -> dict[str, list[str]]:
        """Return the changed lines of each file, as git shows them."""
        return {file: [self.filled(line, **more) for line in lines] for file, lines in self.shape.moves.items()}


@pytest.fixture(params=SHAPES)
def world(
    request: pytest.FixtureRequest, tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer
) -> World:
    shape, hub = SHAPES[request.param], Hub(tmp_path / "hub", tmp_path / "hub.git")
    made = World(hub, shape, {"CHARTS": helm_repository.url, "BASE": mirror, "NAME": f"{prefix}/site-hub"})
    make_repository(hub.path, {file: made.filled(text) for file, text in shape.files.items()})
    return made


def changed_lines(diff: str) -> dict[str, list[str]]:
    """Return the lines that a diff changes, by file."""
    found: dict[str, list[str]] = {}
    for part in diff.split("diff --git ")[1:]:
        _, _, name = part.partition("\n+++ b/")
        file, _, lines = name.partition("\n")
        found[file] = [line for line in lines.splitlines() if line.startswith(("-", "+"))]
    return found


def test_a_release_moves_builds_and_commits_it(world: World, registry: Registry) -> None:
    hub, name = world.hub, world.texts["NAME"]
    told = succeed("release", "--yes", "--json", cwd=hub.path)
    (image,) = told.json["images"]
    assert (image["name"], image["status"], image["base"]["inherited"]) == ("site-hub", "built", True)
    assert changed_lines(hub.git("diff", "-U0", "main", "HEAD")) == world.moves(TAG=image["tag"])
    has_values = "hub/values.yaml" in world.shape.moves
    assert [commit["subject"] for commit in told.json["commits"]] == [
        "Move z2jh from 3.2.1 to 3.3.8",
        *([f"Use hub image {image['tag']}"] if has_values else []),
    ]
    assert list(images_in(registry.address, name.partition("/")[2])) == [f"{name.partition('/')[2]}:{image['tag']}"]
    assert labels(f"{name}:{image['tag']}")["org.opencontainers.image.base.name"] == f"{world.texts['BASE']}:3.3.8"
    again = run_task("release", "--yes", cwd=hub.path)
    assert (again.code, again.out.splitlines()[-1][:12]) == (0, "  base      "), again
    assert run_task("status", cwd=hub.path).out.startswith("invoke release has nothing to do.\n")
    assert "- : " not in run_task("release", "--dry", cwd=hub.path).out
    checked = run_task("check", cwd=hub.path)
    # 4.4.0 has fixes that 3.3.8 lacks.
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "No faults, 1 warning."), checked
