"""What a repository's files leave open: said with all the candidates, and settled by one setting."""

from pathlib import Path

import pytest

from tasks.core.faults import Refused
from tasks.core.options import BumpOptions
from tasks.review.bump import plan_bump
from tests.support.calls import opened, raised, refused
from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import REAL_CHARTS, Hub, chart_yaml, make_hub, make_repository
from tests.support.world import each

DOCKERFILE = "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n"
CHARTPRESS = "charts: [{name: hub, images: {hub: {valuesPath: jupyterhub.hub.image}}}]\n"


@pytest.fixture
def two_roots(tmp_path: Path, helm_repository: HelmServer) -> Hub:
    inner = {
        "chartpress.yaml": CHARTPRESS,
        "hub/Chart.yaml": chart_yaml(helm_repository.url),
        "images/hub/Dockerfile": DOCKERFILE,
    }
    folders = ("east", "west")
    return make_repository(
        tmp_path / "hub", {f"{folder}/{name}": text for folder in folders for name, text in inner.items()}
    )


def test_two_folders_with_a_chart_are_both_named_one_that_is_called_after_a_year_as_a_text(
    two_roots: Hub, hubpress: Hubpress
) -> None:
    """The hint was ``hub: {root: 2024}``, and whoever followed it was told that this is not a path."""
    two_roots.git("mv", "east", "2024")
    two_roots.commit("Call it after the year")
    setting = "hub: {root: '2024'}"
    assert refused(hubpress, two_roots, "bump") == (
        2,
        f"there are several chartpress.yaml: 2024, west ({two_roots.path})",
        f"set it in invoke.yaml: {setting}",
    )
    two_roots.put("invoke.yaml", setting)
    assert hubpress(two_roots, "--dry", "bump").code == 0


@pytest.mark.parametrize("written", ["west", "./west/", "/west", "link"])
def test_hub_root_chooses_among_them(written: str, two_roots: Hub, hubpress: Hubpress) -> None:
    (two_roots.path / "link").symlink_to("west")
    two_roots.put("invoke.yaml", f"hub: {{root: {written}}}\n")
    done = hubpress(two_roots, "bump", "--json")
    assert done.json["files"] == ["west/images/hub/Dockerfile", "west/hub/Chart.yaml"]
    assert two_roots.git("diff", "--name-only").splitlines() == ["west/hub/Chart.yaml", "west/images/hub/Dockerfile"]


@pytest.mark.parametrize(
    ("is_link", "hint"),
    [(True, "correct where the link leads: ls -l chartpress.yaml"), (False, "git checkout -- chartpress.yaml")],
)
def test_a_chartpress_yaml_that_only_git_has_is_no_wrong_hub_root(
    hub: Hub, hubpress: Hubpress, *, is_link: bool, hint: str
) -> None:
    (hub.path / "chartpress.yaml").unlink()
    if is_link:
        (hub.path / "chartpress.yaml").symlink_to("nowhere.yaml")
        hub.commit("Link it")
    assert refused(hubpress, hub, "bump") == (2, "the file is missing (chartpress.yaml)", hint)


def test_a_dockerfile_in_a_submodule_is_not_written(
    hub: Hub, hubpress: Hubpress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was, and git then refused the command that was to commit it."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    images = make_repository(hub.path.parent / "images", {"Dockerfile": DOCKERFILE})
    hub.git("rm", "-r", "--quiet", "images/hub")
    hub.git("submodule", "--quiet", "add", str(images.remote), "images/hub")
    hub.commit("Share the image")
    assert refused(hubpress, hub, "bump") == (
        1,
        "the file is in the submodule images/hub (images/hub/Dockerfile)",
        "move it into this repository, or change and commit it there: git -C images/hub status",
    )


@pytest.mark.parametrize(
    ("variables", "error", "hint"),
    [
        ("", "the file is missing (nope/chartpress.yaml)", "chartpress.yaml is in east, west"),
        ("ROOT=no", "the file is missing (no/chartpress.yaml)", "fix INVOKE_HUB_ROOT, or unset it"),
        ("ROOT=east DEPENDENCY=no", "no chart depends on no (east/hub/Chart.yaml)", "INVOKE_HUB_DEPENDENCY"),
    ],
)
def test_a_setting_that_names_what_is_not_there_is_corrected_where_it_stands(
    variables: str, error: str, hint: str, two_roots: Hub, hubpress: Hubpress, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_roots.write("invoke.yaml", "hub: {root: nope}\n")
    for one in variables.split():
        monkeypatch.setenv(*f"INVOKE_HUB_{one}".split("="))
    code, what, how = refused(hubpress, two_roots, "bump")
    assert (code, what, hint in how) == (2, error, True)


def test_a_chart_that_depends_on_something_else_is_told_what_is_missing(tmp_path: Path, hubpress: Hubpress) -> None:
    files = {
        "chartpress.yaml": CHARTPRESS,
        "hub/Chart.yaml": chart_yaml(REAL_CHARTS, "1.0.0", "jupyterhub-ssh"),
        "images/hub/Dockerfile": DOCKERFILE,
    }
    hub = make_repository(tmp_path / "hub", files)
    assert refused(hubpress, hub, "bump") == (
        2,
        "no chart depends on jupyterhub (hub/Chart.yaml)",
        "add jupyterhub to the chart's dependencies, with version and repository",
    )
    hub.put("other/Chart.yaml", chart_yaml(REAL_CHARTS))
    assert refused(hubpress, hub, "bump") == (
        2,
        "no chart depends on jupyterhub (chartpress.yaml)",
        "invoke init tells the lines for other",
    )


@pytest.mark.parametrize("beside", [True, False], ids=["in chartpress.yaml", "without it"])
def test_a_second_chart_that_the_settings_leave_out_is_told_with_what_moves_it(
    hub: Hub, hubpress: Hubpress, *, beside: bool
) -> None:
    hub.put("lab/Chart.yaml", hub.read("hub/Chart.yaml").replace("name: hub", "name: lab"))
    hub.put("lab/requirements.yaml", hub.read("hub/requirements.yaml"))
    if beside:
        hub.put("chartpress.yaml", f"{hub.read('chartpress.yaml')}  - name: lab\n    images: {{}}\n")
    hub.put("invoke.yaml", "hub: {chart: hub}\n")
    pin = "{file: lab/requirements.yaml, path: dependencies.0.version}"
    told = f"in invoke.yaml: hub: {{pins: [{pin}]}}"
    assert "pin-stays" not in hubpress(hub, "check", "--offline").out
    line = f"! lab/requirements.yaml:4 deploys 3.2.1, and stays; to move it too: {told}\n"
    assert line in hubpress(hub, "--dry", "bump").out
    assert hubpress(hub, "bump", "--json").json["files"] == ["images/hub/Dockerfile", "hub/requirements.yaml"]
    problems = hubpress(hub, "check", "--offline", "--json").json["problems"]
    wanted = ("pin-stays", "warning", "lab/requirements.yaml", told)
    assert each(problems, "code severity path hint")[0] == wanted
    hub.put("invoke.yaml", f"hub: {{chart: hub, pins: [{pin}]}}\n")
    assert hubpress(hub, "bump").out.endswith("lab/requirements.yaml: dependencies.0.version 3.2.1 -> 3.3.8\n")


def test_a_fork_of_the_chart_is_named_by_hub_dependency(
    hub: Hub, helm_repository: HelmServer, hubpress: Hubpress
) -> None:
    hub.edit("hub/requirements.yaml", "name: jupyterhub", "name: our-jupyterhub")
    index = (helm_repository.folder / "index.yaml").read_bytes()
    helm_repository.answers["/index.yaml"] = (200, index.replace(b"\n  jupyterhub:\n", b"\n  our-jupyterhub:\n"))
    hub.write("invoke.yaml", "hub: {dependency: our-jupyterhub}\n")
    assert hubpress(hub, "bump").code == 0
    assert "    version: 3.3.8\n" in hub.read("hub/requirements.yaml")


MIRROR = "registry.example:5000/mirrors/quay.io/jupyterhub/k8s-hub-slim"


@pytest.mark.parametrize(
    ("policy", "before", "after"),
    [
        ("keep", f"{MIRROR}:3.2.1", f"{MIRROR}:3.3.8"),
        ("chart", "jupyterhub/k8s-hub:3.2.1", "quay.io/jupyterhub/k8s-hub:3.3.8"),
        ("chart", "jupyterhub/k8s-hub-slim:3.2.1", "quay.io/jupyterhub/k8s-hub-slim:3.3.8"),
    ],
)
def test_hub_base_keeps_the_dockerfiles_repository_or_follows_the_charts(
    hub: Hub, hubpress: Hubpress, policy: str, before: str, after: str
) -> None:
    hub.write("images/hub/Dockerfile", f"FROM {before}\nUSER root\n")
    hub.write("invoke.yaml", f"hub: {{base: {policy}}}\n")
    assert hubpress(hub, "bump").code == 0
    assert hub.read("images/hub/Dockerfile") == f"FROM {after}\nUSER root\n"


# -- the Helm repository


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("oci://ghcr.io/jupyterhub", "oci://ghcr.io/jupyterhub"),
        ("@jupyterhub", "@jupyterhub"),
        ("alias:jupyterhub", "alias:jupyterhub"),
        ("", "no Helm repository"),
    ],
)
def test_an_address_without_an_index_is_answered_with_the_setting_which_leaves_it_as_it_is(
    address: str, named: str, tmp_path: Path, hubpress: Hubpress, helm_repository: HelmServer
) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=f'"{address}"')
    assert refused(hubpress, hub, "bump") == (
        2,
        f"the requirement names {named}, which has no index to read (hub/requirements.yaml:4)",
        "name one that has, in invoke.yaml: hub: {chart_repository: https://hub.jupyter.org/helm-chart/}",
    )
    hub.write("invoke.yaml", f"hub: {{chart_repository: '{helm_repository.url}'}}\n")
    before = hub.read("hub/requirements.yaml")
    assert hubpress(hub, "bump", "--json").json["chart"]["repository"] == helm_repository.url
    assert hub.read("hub/requirements.yaml") == before.replace("version: 3.2.1", "version: 3.3.8")


def test_a_chart_that_is_a_folder_of_the_repository_is_looked_at_and_not_moved(
    tmp_path: Path, helm_repository: HelmServer, hubpress: Hubpress, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, what = make_hub(tmp_path / "hub", chart_repository="file://../jupyterhub"), "the chart is a folder of this"
    monkeypatch.setenv("INVOKE_HUB_CHART_REPOSITORY", helm_repository.url)
    assert refused(hubpress, hub, "bump") == (
        2,
        f"{what} repository, file://../jupyterhub, which a release cannot move (hub/requirements.yaml:4)",
        "write the Helm repository there: repository: https://hub.jupyter.org/helm-chart/",
    )
    assert "security-release" in [one["code"] for one in hubpress(hub, "status", "--json").json["problems"]]


def test_who_asked_for_it_is_told_what_that_means(
    hub: Hub, helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.core.http.is_loopback", lambda _: False)
    step, _ = plan_bump(opened(hub, chart_repository=helm_repository.url), BumpOptions())
    assert next(iter(step.warnings())) == (
        "the Helm repository is read over plain http: anyone on the network path can change it"
    )
    assert helm_repository.requests
    assert "plain http is allowed on this machine only" in raised(Refused, plan_bump, opened(hub), BumpOptions())
