"""``init`` gives a chart repository its hub image, and never overwrites a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.cli import Result, run_task
from tests.lab.hubs import Hub, make_repository

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.rehearsal.registry import Registry
    from tests.lab.helm import HelmServer

CHART = """\
apiVersion: v2
name: hub
version: 0.1.0
dependencies:
  - name: jupyterhub
    version: "3.2.1"
    repository: {url}
"""
PREFIX = "127.0.0.1:1/ours/"
WRITTEN = ["images/hub/Dockerfile", "images/hub/requirements.txt", "chartpress.yaml", "Makefile", "hub/values.yaml"]


def chart_repository(path: Path, url: str, values: str | None = "jupyterhub:\n  hub:\n    config: {}\n") -> Hub:
    files = {"hub/Chart.yaml": CHART.format(url=url)}
    return make_repository(path, files if values is None else {**files, "hub/values.yaml": values})


def init(hub: Hub, *flags: str) -> Result:
    return run_task("init", "--prefix", PREFIX, *flags, cwd=hub.path)


@pytest.fixture
def bare(tmp_path: Path, helm_repository: HelmServer) -> Hub:
    return chart_repository(tmp_path / "bare", helm_repository.url)


def test_a_chart_without_a_hub_image_gets_one_for_its_pinned_release(bare: Hub) -> None:
    result = init(bare, "--json")
    assert (result.code, result.json) == (0, {"files": WRITTEN, "kept": []})
    assert "\nFROM quay.io/jupyterhub/k8s-hub:3.2.1\n" in bare.read("images/hub/Dockerfile")
    assert bare.read("hub/values.yaml") == (
        "jupyterhub:\n  hub:\n    image:\n      name:\n      tag:\n    config: {}\n"
    )
    assert bare.read("chartpress.yaml") == (
        "charts:\n  - name: hub\n    chartPath: hub\n    imagePrefix: 127.0.0.1:1/ours/\n"
        "    images:\n      hub:\n        valuesPath: jupyterhub.hub.image\n"
    )


def test_the_second_time_there_is_nothing_to_do(bare: Hub) -> None:
    assert init(bare).code == 0
    before = bare.snapshot()
    again = init(bare)
    assert (again.code, again.out) == (0, "Nothing to do.\n")
    assert bare.snapshot() == before


def test_the_plan_comes_first_and_touches_nothing(bare: Hub) -> None:
    before = bare.snapshot()
    result = init(bare, "--dry")
    assert result.code == 0
    assert "+FROM quay.io/jupyterhub/k8s-hub:3.2.1" in result.out
    assert bare.snapshot() == before


def test_a_file_that_is_there_stays_as_it_is(bare: Hub) -> None:
    bare.write("Makefile", "all:\n\ttrue\n")
    bare.write("images/hub/Dockerfile", "FROM scratch\n")
    result = init(bare, "--json")
    assert result.json["kept"] == ["images/hub/Dockerfile", "Makefile"]
    assert (bare.read("Makefile"), bare.read("images/hub/Dockerfile")) == ("all:\n\ttrue\n", "FROM scratch\n")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(None, "jupyterhub:\n  hub:\n    image:\n      name:\n      tag:\n", id="no values.yaml"),
        pytest.param("", "jupyterhub:\n  hub:\n    image:\n      name:\n      tag:\n", id="an empty one"),
        pytest.param(
            "etc: 1",
            "jupyterhub:\n  hub:\n    image:\n      name:\n      tag:\netc: 1",
            id="other keys, no newline at the end",
        ),
        pytest.param(
            "# ours\njupyterhub:\n    proxy: {}\n",
            "# ours\njupyterhub:\n    hub:\n      image:\n        name:\n        tag:\n    proxy: {}\n",
            id="wide indent, no hub",
        ),
    ],
)
def test_values_get_the_image_s_keys(
    tmp_path: Path, helm_repository: HelmServer, values: str | None, expected: str
) -> None:
    hub = chart_repository(tmp_path / "hub", helm_repository.url, values)
    assert init(hub).code == 0
    assert hub.read("hub/values.yaml") == expected


def test_without_a_chart_nothing_is_written(tmp_path: Path) -> None:
    hub = make_repository(tmp_path / "hub", {"README.md": "# Nothing\n"})
    result = init(hub)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: no chart here depends on jupyterhub (")
    assert list(hub.snapshot()) == ["README.md"]


def test_where_the_image_goes_is_asked_for_when_the_remote_does_not_tell(bare: Hub) -> None:
    result = run_task("init", cwd=bare.path)
    assert result.code == 2
    assert result.err.splitlines()[1].startswith("hint: say it: invoke init --prefix ")


@pytest.mark.engine
@pytest.mark.usefixtures("stand_in")
def test_what_init_wrote_can_be_released(tmp_path: Path, helm_repository: HelmServer, registry: Registry) -> None:
    hub = chart_repository(tmp_path / "hub", helm_repository.url)
    assert run_task("init", "--prefix", f"{registry.address}/init/", cwd=hub.path).code == 0
    hub.commit("Give the chart its hub image")
    result = run_task("release", "--yes", cwd=hub.path)
    assert result.code == 0, result
    assert hub.subjects()[1] == "Move z2jh from 3.2.1 to 3.3.8"
