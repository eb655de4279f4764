"""Several images: their bases must agree, and what they share is said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...support.helm import RELEASES
from ...support.hubs import Hub, make_repository
from ...support.layouts import make_2i2c_like
from .places import check, consistent

if TYPE_CHECKING:
    from pathlib import Path

DEV = next(release for release in RELEASES if release.image_tag.startswith("4.3.3-0.dev"))
FIRST, SECOND = "images/hub/Dockerfile", "images/db/Dockerfile"
CHARTPRESS = """\
charts:
- name: hub
  imagePrefix: 127.0.0.1:1/core/
  images:
    hub: {valuesPath: jupyterhub.hub.image}
    db: {valuesPath: db}
"""
BASE = "quay.io/jupyterhub/k8s-hub"


def two_images(folder: Path, version: str, first: str, second: str) -> Hub:
    """Make a hub repository with two images on the bases ``first`` and ``second``, both in the values."""
    hub = make_repository(
        folder / "hub",
        {
            "chartpress.yaml": CHARTPRESS,
            "hub/Chart.yaml": "apiVersion: v2\nname: hub\nversion: 0.0.1\n"
            f"dependencies:\n- {{name: jupyterhub, version: {version}, repository: 'http://127.0.0.1:1/'}}\n",
            "hub/values.yaml": "",
            FIRST: f"FROM {first}\n",
            SECOND: f"FROM {second}\n",
        },
    )
    tag = f"0.0.1-0.dev.git.1.h{hub.git('log', '-1', '--pretty=%h')}"
    named = "{{name: 127.0.0.1:1/core/{}, tag: {}}}\n"
    hub.write("hub/values.yaml", f"jupyterhub: {{hub: {{image: {named.format('hub', tag).strip()}}}}}\n")
    hub.write("hub/values.yaml", f"{hub.read('hub/values.yaml')}db: {named.format('db', tag)}")
    hub.commit("Use the images")
    return hub


def problems(hub: Hub) -> list[dict[str, str]]:
    result = check(hub, "--offline", "--json")
    assert result.code == 1, result
    found: list[dict[str, str]] = result.json["problems"]
    return found


def test_one_of_two_images_of_a_dev_release_was_left_behind(tmp_path: Path) -> None:
    """Which one is right, only the index knows."""
    hub = two_images(tmp_path, DEV.version, DEV.hub_image, f"{BASE}:3.3.8")
    assert problems(hub) == [
        {
            "code": "base-images-differ",
            "path": f"{SECOND}:1",
            "message": f"the base image is {BASE}:3.3.8, but {FIRST} has {DEV.hub_image}",
            "hint": f"invoke bump --to {DEV.version}",
            "severity": "fault",
        }
    ]


def test_one_of_two_images_of_a_stable_release_was_left_behind(tmp_path: Path) -> None:
    """Which one is right, the release's version tells: the right one is not accused."""
    hub = two_images(tmp_path, "3.3.8", f"{BASE}:3.3.7", f"{BASE}:3.3.8")
    assert problems(hub) == [
        {
            "code": "base-not-of-release",
            "path": f"{FIRST}:1",
            "message": f"the base image is {BASE}:3.3.7, but jupyterhub 3.3.8 uses 3.3.8",
            "hint": "invoke bump --to 3.3.8",
            "severity": "fault",
        }
    ]


def test_a_base_with_a_digest_alone_differs_from_none(tmp_path: Path) -> None:
    digest = f"{BASE}@sha256:{'5' * 64}"
    consistent(two_images(tmp_path, DEV.version, digest, DEV.hub_image), "--offline")


def test_what_three_images_of_one_dockerfile_share_is_said_once(tmp_path: Path) -> None:
    hub = make_2i2c_like(tmp_path / "2i2c", version="3.3.8")
    hub.edit("helm-charts/basehub/Chart.yaml", '"3.3.8"', '"3.3.7"')
    hub.commit("Move the chart back")
    codes = [problem["code"] for problem in problems(hub)]
    assert codes.count("base-not-of-release") == 1
