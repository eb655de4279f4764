"""Several images: their bases must agree, and what they share is said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...support.hubs import Hub
from ...support.layouts import make_2i2c_like
from .places import check

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = "images/hub/Dockerfile", "images/db/Dockerfile"


def problems(hub: Hub) -> list[dict[str, str]]:
    result = check(hub, "--offline", "--json")
    assert result.code == 1, result
    found: list[dict[str, str]] = result.json["problems"]
    return found


def test_what_three_images_of_one_dockerfile_share_is_said_once(tmp_path: Path) -> None:
    hub = make_2i2c_like(tmp_path / "2i2c", version="3.3.8")
    hub.edit("helm-charts/basehub/Chart.yaml", '"3.3.8"', '"3.3.7"')
    hub.commit("Move the chart back")
    codes = [problem["code"] for problem in problems(hub)]
    assert codes.count("base-not-of-release") == 1
