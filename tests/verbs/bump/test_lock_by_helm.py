"""The lock file of a chart of each kind, side by side with the real helm, 3 and 4."""

import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.calls import refused
from tests.support.cli import run, sh
from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_repository
from tests.support.machine import HELMS

pytestmark = pytest.mark.helm

DOCKERFILE, CHART = "images/hub/Dockerfile", "hub/Chart.yaml"


class Chart(NamedTuple):
    """A chart of an apiVersion: the file of its dependencies, the lock that helm writes, one that it only reads."""

    api: str
    file: str
    lock: str
    other_lock: str


CHARTS = [
    Chart("v1", "hub/requirements.yaml", "hub/requirements.lock", "hub/Chart.lock"),
    Chart("v2", "hub/Chart.yaml", "hub/Chart.lock", "hub/requirements.lock"),
]


@pytest.fixture(autouse=True)
def known(real_helm: None, monkeypatch: pytest.MonkeyPatch, helm_repository: HelmServer, tmp_path: Path) -> None:
    """Let helm know the repository as a user's would."""
    del real_helm
    monkeypatch.setenv("GIT_EDITOR", "sh -c 'echo Lock it >\"$1\"' -")
    sh("helm", "repo", "add", "z2jh", helm_repository.url, cwd=tmp_path)


@pytest.fixture(params=CHARTS, ids=lambda chart: f"{chart.api} {chart.file[4:]}")
def chart(request: pytest.FixtureRequest) -> Chart:
    found: Chart = request.param
    return found


@pytest.fixture
def hub(chart: Chart, tmp_path: Path, helm_repository: HelmServer) -> Hub:
    """A hub repository on 3.2.1, without a lock; the archives that helm fetches are ignored."""
    files = {
        "chartpress.yaml": "charts: [{name: hub, images: {hub: }}]\n",
        DOCKERFILE: "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n",
        ".gitignore": "/hub/charts/\n",
        CHART: f"apiVersion: {chart.api}\nname: hub\nversion: 0.0.1\n",
    }
    dependency = f"dependencies:\n- name: jupyterhub\n  version: 3.2.1\n  repository: {helm_repository.url}\n"
    return make_repository(tmp_path / "hub", {**files, chart.file: files.get(chart.file, "") + dependency})


def locked_by_helm(hub: Hub, name: str, chart: Chart) -> None:
    """Let helm lock the chart, and commit the lock under this name."""
    sh("helm", "dependency", "update", "hub", cwd=hub.path)
    hub.git("add", "--all")
    if name != chart.lock:
        hub.git("mv", chart.lock, name)
    hub.commit("Lock it")


def codes(hubpress: Hubpress, hub: Hub) -> list[str]:
    problems = hubpress(hub, "check", "--offline", "--json").json["problems"]
    return [problem["code"] for problem in problems if problem["severity"] == "fault"]


@pytest.mark.parametrize("real_helm", HELMS, indirect=True)
def test_the_lock_moves_with_the_requirement_in_one_commit(chart: Chart, hub: Hub, hubpress: Hubpress) -> None:
    locked_by_helm(hub, chart.lock, chart)
    files = [DOCKERFILE, chart.file, chart.lock]
    assert hubpress(hub, "bump", "--json").json["files"] == files
    assert "\n  version: 3.3.8\n" in hub.read(chart.lock)
    assert hubpress(hub, "commit").code == 0
    assert hub.git("show", "--name-only", "--pretty=").splitlines() == sorted(files)
    assert (hub.git("status", "--short"), codes(hubpress, hub)) == ("", [])
    # Helm itself finds the lock in step with the requirement.
    sh("helm", "dependency", "build", "hub", cwd=hub.path)
    assert [path.name for path in (hub.path / "hub/charts").iterdir()] == ["jupyterhub-3.3.8.tgz"]
    hub.edit(chart.file, "version: 3.3.8", "version: 3.3.7")
    assert "lock-differs" in codes(hubpress, hub)
    assert run("helm", "dependency", "build", "hub", cwd=hub.path).code == 1


def test_the_lock_that_helm_does_not_write_is_refused_with_a_command_that_leads_on(
    chart: Chart, hub: Hub, hubpress: Hubpress
) -> None:
    locked_by_helm(hub, chart.other_lock, chart)
    code, _, hint = refused(hubpress, hub, "bump")
    commands = f"git rm {chart.other_lock} && helm dependency update hub && git add {chart.lock} && git commit"
    assert (code, hint) == (1, commands)
    assert codes(hubpress, hub) == []
    hub.edit(chart.file, "version: 3.2.1", "version: 3.3.8")
    assert "lock-differs" in codes(hubpress, hub)
    hub.git("checkout", "--quiet", chart.file)
    for command in hint.split(" && "):
        sh(*shlex.split(command), cwd=hub.path)
    assert hubpress(hub, "bump", "--json").json["files"] == [DOCKERFILE, chart.file, chart.lock]


def test_helm_tidies_no_archive_away_and_finds_the_chart_beside(chart: Chart, hub: Hub, hubpress: Hubpress) -> None:
    hub.write("common/Chart.yaml", "apiVersion: v2\nname: common\nversion: 0.1.0\n")
    hub.write("hub/charts/inner/Chart.yaml", "apiVersion: v2\nname: inner\nversion: 1.0.0\n")
    common = "- {name: common, version: ~0.1, repository: file://../common"
    inner = "- {name: inner, version: 1.0.0, repository: file://./charts/inner}"
    hub.edit(chart.file, "dependencies:\n", f"dependencies:\n{common}}}\n{common}, alias: second}}\n{inner}\n")
    locked_by_helm(hub, chart.lock, chart)
    hub.write("hub/charts/own-1.0.0.tgz", "an archive of ours")
    hub.git("add", "--force", "hub/charts/own-1.0.0.tgz", "hub/charts/inner")
    hub.change("common/Chart.yaml", "0.1.0", "0.1.5")
    assert f"{chart.lock}: helm may also move common ~0.1\n" in hubpress(hub, "bump", "--dry").out
    assert hubpress(hub, "bump").err.splitlines() == [
        f"{chart.lock}: helm also moved common 0.1.5",
        "hub/charts has jupyterhub-3.2.1.tgz; before you deploy from here: helm dependency update hub",
    ]
    assert hub.git("status", "--short").split() == ["M", chart.lock, "M", chart.file, "M", DOCKERFILE]


def test_a_copy_of_the_chart_has_its_lock_refreshed_too(chart: Chart, hub: Hub, hubpress: Hubpress) -> None:
    locked_by_helm(hub, chart.lock, chart)
    files = dict.fromkeys((CHART, chart.file, chart.lock))
    for file in files:
        hub.write(file.replace("hub/", "copy/"), hub.read(file))
    hub.put(".gitignore", "charts/\n")
    assert hubpress(hub, "bump").code == 0
    for file in files:
        assert hub.read(file.replace("hub/", "copy/")).split("generated")[0] == hub.read(file).split("generated")[0]
