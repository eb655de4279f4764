"""Several images: their bases must agree, and what they share is said once."""

from pathlib import Path

import pytest

from tests.support.cli import run_task
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.layouts import make_2i2c_like
from tests.support.registry import push_stand_in

from .places import check, consistent, push_in_place_of


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


@pytest.mark.engine
def test_a_base_that_was_pushed_anew_and_the_build_that_follows(
    tmp_path: Path, prefix: str, charts: HelmServer
) -> None:
    base = f"{prefix}/base/k8s-hub"
    push_stand_in(f"{base}:3.3.8")
    hub = make_hub(tmp_path / "hub", version="3.3.8", base=base, registry=prefix, chart_repository=charts.url)
    assert run_task("build", cwd=hub.path).code == 0
    hub.commit("Use the image")
    consistent(hub)
    push_in_place_of(f"{base}:3.3.8", tmp_path, f"FROM {base}:3.3.8\nCOPY Dockerfile /new\n")
    (problem,) = check(hub, "--json").json["problems"]
    assert (problem["code"], problem["severity"], problem["hint"]) == ("base-moved", "warning", "invoke build --force")
    assert run_task("build", "--force", cwd=hub.path).code == 0
    consistent(hub)
