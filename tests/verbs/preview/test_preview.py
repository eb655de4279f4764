"""What a release changes in the cluster, rendered by the real helm, 3 and 4, from z2jh's real charts."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.charts import write_real_repository
from tests.support.cli import Result, run_task, succeed
from tests.support.gh import StandInGh
from tests.support.hubs import NO_REGISTRY, ON_GITHUB, Hub, at, make_repository
from tests.support.layouts import make_2i2c_like, make_cal_icor_like
from tests.support.machine import HELMS
from tests.support.steps import move
from tests.support.world import demand_fault, ended, nothing_written

pytestmark = pytest.mark.helm

PLANTED = "planted-where-nobody-may-see-it"
VALUES = f"""\
jupyterhub:
  hub:
    extraEnv:
      OAUTH_CLIENT_SECRET: {PLANTED}-1
    config:
      GenericOAuthenticator:
        client_secret: {PLANTED}-2
    extraConfig:
      10-auth: |
        c.Authenticator.api_token = "{PLANTED}-3"
  singleuser:
    extraEnv:
      SERVICE_PASSWORD: {PLANTED}-4
"""
DOCKER = shutil.which("docker")
RESTARTS = "the hub image changes too, and the hub restarts"
PROD, STAGING = "deployments/school1/config/prod.yaml", "deployments/school1/config/staging.yaml"
DASKHUB = """\
apiVersion: v2
name: daskhub
version: 0.1.0
dependencies:
- {name: basehub, version: 0.1.0, repository: "file://../basehub"}
"""
CLUSTER = """\
name: carbonplan
hubs:
  - {name: prod, helm_chart: daskhub, helm_chart_values_files: [prod.values.yaml, enc-prod.secret.values.yaml]}
"""
# What 3.3.8 changes besides versions: it names the images of its own release.
TO_3_3_8 = [
    "DaemonSet/continuous-image-puller",
    "DaemonSet/hook-image-puller",
    "Deployment/user-scheduler",
    "Job/hook-image-awaiter",
]


@pytest.fixture
def small(tmp_path: Path) -> Hub:
    """A repository like cal-icor's on 3.2.1, with a school's deployments, and z2jh's real charts in a folder."""
    charts = write_real_repository(tmp_path / "charts")
    made, folder = make_cal_icor_like(tmp_path / "hub", chart_repository=charts.as_uri()), "deployments/school1"
    made.write(f"{folder}/hubploy.yaml", "images: {}\n")
    made.write(f"{folder}/config/common.yaml", VALUES)
    for environment in ("prod", "staging"):
        ingress = f"  ingress:\n    enabled: true\n    hosts: [school1.{environment}.example.org]\n"
        made.write(f"{folder}/config/{environment}.yaml", f"jupyterhub:\n{ingress}")
        encrypted = "jupyterhub:\n  hub:\n    cookieSecret: ENC[AES256_GCM,data:eA==]\nsops:\n  mac: ENC[AES256_GCM]\n"
        made.write(f"{folder}/secrets/{environment}.yaml", encrypted)
    made.commit("Add the deployments")
    made.git("push", "--quiet")
    return made


@pytest.fixture
def buildable(small: Hub, prefix: str, mirror: str) -> Hub:
    """The same with a base image and a registry that answer."""
    small.write("chartpress.yaml", small.read("chartpress.yaml").replace(f"{NO_REGISTRY}/", f"{prefix}/"))
    small.change("images/hub/Dockerfile", "FROM jupyterhub/k8s-hub:", f"FROM {mirror}:")
    small.git("push", "--quiet")
    return small


def test_no_secret_is_in_what_a_major_release_changes(small: Hub) -> None:
    move(small)
    small.commit("Move to 3.3.8")
    small.git("push", "--quiet")
    for flags in ((), ("--json",)):
        with nothing_written(small):
            found = succeed("preview", "--to", "4.0.0-beta.4", *flags, "--deployment", "school1-prod", cwd=small.path)
        assert PLANTED not in found.out + found.err
    assert len(found.json["deployments"][0]["objects"]["changed"]) > len(TO_3_3_8)


@pytest.mark.parametrize("real_helm", HELMS, indirect=True)
def test_values_that_the_new_chart_refuses_are_told_with_file_and_line(small: Hub) -> None:
    small.change(PROD, "    enabled: true", "    enabled: maybe")
    small.git("push", "--quiet")
    found = run_task("preview", "--to", "3.3.8", "--json", cwd=small.path)
    assert found.code == 1, found
    wrong = {one["name"]: one["problems"] for one in found.json["deployments"] if one["problems"]}
    assert list(wrong) == ["school1-prod"]
    (problem,) = wrong["school1-prod"]
    assert (place(problem), "boolean" in problem["message"]) == (f"{PROD}:3", True), problem


@pytest.mark.parametrize("real_helm", HELMS, indirect=True)
def test_values_that_z2jhs_own_notes_refuse_are_told_with_the_reason_and_the_line(small: Hub) -> None:
    """The notes begin with empty lines and a frame."""
    small.put(PROD, "jupyterhub:\n  hub:\n    fsGid: 1000\n")
    (problem,) = invalid(small)
    assert place(problem) == "deployments/school1/config/prod.yaml:3"
    told = "CHANGED: hub.fsGid must as of version 2.0.0 be configured via hub.podSecurityContext.fsGroup."
    assert problem["message"].endswith(told)


def test_a_base_branch_whose_release_was_withdrawn_is_told(small: Hub) -> None:
    small.change("hub/requirements.yaml", "version: 3.2.1", "version: 3.2.2")
    small.git("push", "--quiet")
    small.change("hub/requirements.yaml", "version: 3.2.2", "version: 3.3.8")
    done = run_task("preview", cwd=small.path)
    assert done.code == 0, done
    assert "not compared, main cannot be rendered: the Helm repository has no release 3.2.2\n" in done.out


def test_a_release_that_is_called_like_a_key_shows_no_secret(small: Hub) -> None:
    """Its name has a placeholder in the differences, in keys and images not."""
    template = "kind: {}\nmetadata: {{name: one}}\ndata:\n  a: {}\n  image: quay.io/data/hub:v{}\n"
    small.write("invoke.yaml", "hub: {deployments: [{name: data, values: [hub/values.yaml]}]}\n")
    for number in ("1", "2"):
        small.write("hub/templates/secret.yaml", template.format("Secret", f"c2Vj{number}Q==", ""))
        small.put("hub/templates/map.yaml", template.format("ConfigMap", "x", number))
        if number == "1":
            small.git("push", "--quiet")
    shown = run_task("preview", cwd=small.path).out
    assert "  + quay.io/data/hub:v2\n" in shown
    assert "c2Vj" not in shown


@pytest.mark.parametrize("real_helm", HELMS, indirect=True)
def test_what_a_template_of_ones_own_lacks_says_or_writes_is_told_whole(small: Hub) -> None:
    small.put("hub/templates/c.yaml", 'kind: ConfigMap\na: {{ include "nowhere.x" . }}\n')
    (problem,) = invalid(small)
    assert place(problem) == "hub/templates/c.yaml:2"
    assert 'no template "nowhere.x" associated' in problem["message"]
    small.put("hub/templates/c.yaml", '{{ fail "\\n\\nAsk the operators first." }}\n')
    assert invalid(small)[0]["message"].rstrip(".").endswith("Ask the operators first")
    small.put("hub/templates/c.yaml", "kind: ConfigMap\nmetadata: {name: a, name: b\n")
    assert place(invalid(small)[0]) == "hub/templates/c.yaml:2"


def test_a_chart_beside_the_hubs_is_rendered_as_committed(small: Hub) -> None:
    before = small.read("hub/requirements.yaml")
    indent = before[: before.index("- name")].rpartition("\n")[2]
    small.put(
        "hub/requirements.yaml", f"{before}{indent}- {{name: lib, version: 0.1.0, repository: 'file://../lib'}}\n"
    )
    done = run_task("preview", cwd=small.path)
    demand_fault(done, 2, "lib is not committed at file://../lib (hub/requirements.yaml:6)", "commit that chart")
    small.write("lib/Chart.yaml", "{apiVersion: v2, name: lib, version: 0.1.0}\n")
    small.put("lib/templates/map.yaml", "kind: ConfigMap\nmetadata: {name: before}\n")
    small.git("push", "--quiet")
    small.git("switch", "--quiet", "--create", "ours")
    small.change("lib/templates/map.yaml", "before", "after")
    prod, *_ = succeed("preview", "--to", "3.3.8", "--json", cwd=small.path).json["deployments"]
    assert (prod["objects"]["added"], prod["objects"]["removed"]) == (["ConfigMap/after"], ["ConfigMap/before"])


def test_a_cluster_that_is_too_old_for_the_release_is_a_fault(small: Hub) -> None:
    found = run_task("preview", "--to", "4.0.0-beta.4", "--kube-version", "1.27", cwd=small.path)
    assert found.code == 1, found
    assert "hub/requirements.yaml:4: 4.0.0-beta.4 needs Kubernetes 1.28 or newer, and the cluster has 1.27" in found.out


def test_a_deployment_that_the_base_branch_does_not_have_is_not_compared(small: Hub) -> None:
    small.git("switch", "--quiet", "--create", "new")
    small.write("invoke.yaml", "hub: {deployments: [{name: edx, values: [edx.yaml]}]}\n")
    small.put("edx.yaml", "jupyterhub: {}\n")
    found = succeed("preview", "--to", "3.3.8", cwd=small.path)
    assert found.out.splitlines()[2:] == [
        "edx: not compared",
        "  not compared, main cannot be rendered: it has none of the values files",
        "",
        "the hub image changes too, and the hub restarts",
    ]


def test_values_that_are_not_committed_are_named(small: Hub) -> None:
    small.edit(PROD, "  ingress:", "  ingres:")
    small.write("edx.yaml", "jupyterhub: {}\n")
    small.write(
        "invoke.yaml", f"hub: {{deployments: [{{name: prod, values: [{PROD}]}}, {{name: edx, values: [edx.yaml]}}]}}"
    )
    found = succeed("preview", "--to", "3.3.8", cwd=small.path)
    lines = found.out.splitlines()
    assert lines[2] == "prod: 4 changed"
    assert lines[-6:-2] == ["edx: not compared", "  not compared, edx.yaml is not committed", "", RESTARTS]
    assert lines[-1] == f"not committed, so not in this preview: {PROD}, edx.yaml"
    small.commit("Misspell a value")
    assert run_task("preview", "--to", "3.3.8", cwd=small.path).code == 1


@pytest.mark.parametrize("told", ["by cluster.yaml", "by the setting", "by cluster.yaml, for the setting's values"])
def test_a_deployment_of_a_chart_that_wraps_the_hubs_is_rendered_with_that(tmp_path: Path, told: str) -> None:
    charts = write_real_repository(tmp_path / "charts")
    hub = make_2i2c_like(tmp_path / "hub", chart_repository=charts.as_uri())
    daskhub, carbonplan = "helm-charts/daskhub", "config/clusters/carbonplan"
    hub.write(f"{daskhub}/Chart.yaml", DASKHUB)
    hub.write(f"{daskhub}/values.yaml", "basehub:\n  jupyterhub:\n    cull: {enabled: true}\n")
    hub.write(f"{daskhub}/templates/one.yaml", "kind: ConfigMap\nmetadata: {name: dask}\n")
    hub.write(f"{carbonplan}/prod.values.yaml", "basehub:\n  jupyterhub:\n    hub:\n      allowNamedServer: true\n")
    values, name = f"values: [{carbonplan}/prod.values.yaml]", "carbonplan-prod"
    if "cluster.yaml" in told:
        hub.write(f"{carbonplan}/cluster.yaml", CLUSTER)
    if "setting" in told:
        chart = f", chart: {daskhub}" if told == "by the setting" else ""
        hub.write("invoke.yaml", f"hub: {{deployments: [{{name: {name}, {values}{chart}}}]}}\n")
    hub.commit("Add a deployment of another chart")
    hub.git("push", "--quiet")
    found = run_task("preview", "--to", "3.3.8", cwd=hub.path)
    assert found.code == 1, found
    place_of_it = f"{carbonplan}/prod.values.yaml:4"
    assert found.out.splitlines()[2:4] == [
        f"{name}: the new chart refuses the values",
        f"  {place_of_it}: basehub.jupyterhub.hub: additional properties 'allowNamedServer' not allowed",
    ]
    (problem,) = invalid(hub)
    assert place(problem) == f"{carbonplan}/prod.values.yaml:4"
    hub.change(f"{carbonplan}/prod.values.yaml", "allowNamedServer:", "allowNamedServers:")
    hub.git("push", "--quiet")
    found = succeed("preview", "--to", "3.3.8", "--deployment", name, cwd=hub.path)
    assert found.out.splitlines()[2].endswith(" changed")
    absent = f"not committed, so not in this preview: {carbonplan}/enc-prod.secret.values.yaml"
    assert (found.out.splitlines()[-1] == absent) == (told == "by cluster.yaml")


def test_a_chart_whose_own_dependencies_do_not_answer_leaves_the_other_deployments(tmp_path: Path) -> None:
    charts = write_real_repository(tmp_path / "charts")
    hub = make_2i2c_like(tmp_path / "hub", chart_repository=charts.as_uri())
    gateway = "dependencies:\n- {name: dask-gateway, version: 1.0.0, repository: 'http://127.0.0.1:1/'}\n"
    hub.write("helm-charts/daskhub/Chart.yaml", DASKHUB.replace("dependencies:\n", gateway))
    hub.put("invoke.yaml", "hub: {deployments: [{name: dask, chart: daskhub}, {name: base}]}\n")
    hub.git("push", "--quiet")
    lines = run_task("preview", "--to", "3.3.8", cwd=hub.path).out.splitlines()
    assert lines[2:3] == ["dask: not compared"]
    assert lines[3].startswith("  not compared, helm pull dask-gateway: ")
    assert [line for line in lines if line.startswith("base: ")] == ["base: 4 changed"]
    not_checked = [one["message"] for one in run_task("status", "--json", cwd=hub.path).json["not_checked"]]
    assert any(one.startswith("whether jupyterhub 3.2.1 takes the values of dask: helm pull") for one in not_checked)


def test_deployments_of_other_charts_are_named_and_not_rendered_as_the_hubs(tmp_path: Path) -> None:
    charts = write_real_repository(tmp_path / "charts")
    hub = make_2i2c_like(tmp_path / "hub", chart_repository=charts.as_uri())
    cluster = "config/clusters/carbonplan"
    own = "  - {name: old, helm_chart: basehub, chart_override: old.yaml, helm_chart_values_files: []}\n"
    outer = "  - {name: outer, helm_chart: outer, helm_chart_values_files: [outer.values.yaml]}\n"
    hub.put(f"{cluster}/cluster.yaml", f"name: carbonplan\nhubs:\n{own}{outer}")
    hub.git("push", "--quiet")
    lines = succeed("preview", "--to", "3.3.8", cwd=hub.path).out.splitlines()
    told = (line for line in lines if line.startswith(("carbonplan", "  not compared")))
    assert list(told) == [
        "carbonplan-old: not compared",
        f"  not compared, {cluster}/old.yaml gives its chart other dependencies",
        "carbonplan-outer: not compared",
        "  not compared, its chart outer does not depend on the hub's directly",
    ]
    told = run_task("preview", "--to", "3.3.8", "--json", cwd=hub.path).json["deployments"]
    assert [one["name"] for one in told if one["objects"] is None] == ["carbonplan-old", "carbonplan-outer"]
    status = run_task("status", "--json", cwd=hub.path).json
    assert [one for one in status["not_checked"] if "takes the values" in one["message"]] == []


def test_a_version_of_kubernetes_that_is_none(small: Hub) -> None:
    for wrong in ("abc", "1.2x", "1"):
        found = run_task("preview", "--kube-version", wrong, cwd=small.path)
        what = f"'{wrong}' is not a version of Kubernetes (--kube-version)"
        demand_fault(found, 2, what, "--kube-version 1.30")


INSTALL = "install Helm, for previews and lock files: https://helm.sh/docs/intro/install/"


@pytest.mark.usefixtures("programs")
def test_without_helm_it_says_how_to_get_it(small: Hub) -> None:
    demand_fault(run_task("preview", cwd=small.path), 3, "helm is not installed (PATH)", INSTALL)


# -- values that the pinned chart refuses, found by ``check`` and ``status`` with the real helm, 3 and 4


BY_REFERENCE = "fix it there; the chart's values: https://z2jh.jupyter.org/en/stable/resources/reference.html"


def invalid(hub: Hub, task: str = "status", **env: str) -> list[dict[str, Any]]:
    return found_here(hub, "values-invalid", task, **env)


def found_here(hub: Hub, code: str, task: str = "status", **env: str) -> list[dict[str, Any]]:
    found = run_task(task, "--json", cwd=hub.path, env=env)
    return [one for one in found.json["problems"] if one["code"] == code]


def place(problem: dict[str, Any]) -> str:
    return f"{problem['path']}:{problem['line']}"


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        pytest.param("  ingress:", "  ingres:", f"{PROD}:2", "ingres", id="an unknown key"),
        pytest.param("enabled: true", "enabled: maybe", f"{PROD}:3", "boolean", id="a wrong type"),
        pytest.param("jupyterhub:\n", "jupyterhub:\n  hub: [\n", PROD, "", id="no YAML"),
    ],
)
def test_a_value_that_the_chart_refuses_is_a_fault_before_it_is_committed(
    small: Hub, old: str, new: str, path: str, words: str
) -> None:
    assert invalid(small) == []
    small.edit(PROD, old, new)
    (problem,) = invalid(small)
    assert place(problem).startswith(path)
    assert problem["message"].startswith("jupyterhub 3.2.1 refuses the values of school1-prod: ")
    assert words in problem["message"]
    assert (problem["severity"], problem["hint"]) == ("fault", BY_REFERENCE)
    assert invalid(small, "check") == [problem]


def test_a_value_that_all_share_is_told_once(small: Hub) -> None:
    small.edit("hub/values.yaml", "jupyterhub:\n", "jupyterhub:\n  cul: {}\n")
    (problem,) = invalid(small)
    assert problem["message"].startswith("jupyterhub 3.2.1 refuses the values of school1-prod, school1-staging: ")


def test_a_cluster_that_is_too_old_for_the_pinned_release(small: Hub) -> None:
    (problem,) = found_here(small, "kubernetes-too-old", INVOKE_HUB_KUBERNETES="1.22")
    assert place(problem) == "hub/requirements.yaml:4"
    assert problem["message"] == "3.2.1 needs Kubernetes 1.23 or newer, and the cluster has 1.22"
    assert problem["hint"] == "upgrade the cluster, or correct hub.kubernetes"
    assert invalid(small, INVOKE_HUB_KUBERNETES="1.22") == []
    assert found_here(small, "kubernetes-too-old", INVOKE_HUB_KUBERNETES="v1.23.4-gke.1") == []


@pytest.mark.usefixtures("programs")
def test_without_helm_it_is_named_as_not_checked(small: Hub) -> None:
    small.edit(PROD, "  ingress:", "  ingres:")
    found = run_task("check", "--json", cwd=small.path)
    assert {
        "message": "whether jupyterhub 3.2.1 takes the values: helm is not installed (PATH)",
        "hint": INSTALL,
    } in found.json["not_checked"]
    assert invalid(small, INVOKE_HUB_PREVIEW="false") == []
    assert run_task("check", "--offline", "--json", cwd=small.path).json["not_checked"] == []


# -- what a pull request says of a release's changes in the cluster, rendered by the real helm, 3 and 4


EXPECTED = Path(__file__).with_name("expected")
PRESENT = "pull request present: https://github.com/org/hubs/pull/1\n"


@pytest.fixture
def gh(small: Hub, gh: StandInGh) -> StandInGh:
    """The same; the hub's remote is on GitHub."""
    at(small, ON_GITHUB)
    return gh


def test_it_says_what_changes_for_each_group_of_deployments(small: Hub, gh: StandInGh) -> None:
    succeed("bump", "--to", "3.3.8", cwd=small.path)
    done = succeed("commit", "--pr", cwd=small.path)
    (request,) = gh.requests
    cluster = request["body"].partition("### What changes in the cluster\n")[2].partition("### Before deploying\n")[0]
    assert cluster == (EXPECTED / "patch.md").read_text(encoding="utf-8")
    assert PLANTED not in request["body"] + done.out + done.err
    assert run_task("commit", "--pr", cwd=small.path).out == PRESENT


def test_it_names_the_values_that_the_new_chart_refuses(small: Hub, gh: StandInGh) -> None:
    small.change(PROD, "  ingress:", "  ingres:")
    succeed("bump", "--to", "3.3.8", cwd=small.path)
    succeed("commit", "--pr", cwd=small.path)
    (request,) = gh.requests
    lines = request["body"].splitlines()
    at_line = lines.index("- school1-prod: the new chart refuses the values")
    assert lines[at_line + 1].startswith("  - `deployments/school1/config/prod.yaml:2` jupyterhub: ")
    assert "ingres" in lines[at_line + 1]
    assert "- [ ] The values that the new chart refuses are corrected." in lines


@pytest.mark.parametrize("real_helm", HELMS, indirect=True)
def test_z2jhs_own_chart_is_rendered_with_the_values_of_helm_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOKE_HUB_CHART_REPOSITORY", write_real_repository(tmp_path / "charts").as_uri())
    files = {
        "Makefile": "deploy:\n\thelm upgrade hub jupyterhub/jupyterhub --version 3.2.1 -n jhub -f config.yaml\n",
        "config.yaml": "hub: {image: {name: reg.example.edu/hub, tag: 1.2.0}}\nsingleuser:\n  memory: {limit: 3G}\n",
        "image/Dockerfile": "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n",
    }
    alone = make_repository(tmp_path / "hub", files)
    refused = run_task("preview", cwd=alone.path)
    entry = "{name: hub, values: [config.yaml], namespace: jhub}"
    assert (refused.code, refused.err.splitlines()[1]) == (
        2,
        f"hint: name them in invoke.yaml: hub: {{deployments: [{entry}]}}",
    )
    alone.put("invoke.yaml", f"hub: {{deployments: [{entry}]}}\n")
    found = run_task("preview", "--to", "3.3.8", "--json", cwd=alone.path)
    (one,) = found.json["deployments"]
    assert (one["name"], one["values"], one["problems"]) == ("hub", ["config.yaml"], [])
    assert one["objects"] == {"added": [], "changed": TO_3_3_8, "removed": []}


# -- what the plan of a release says of its changes in the cluster


INTENDED = "if this is intended, in invoke.yaml: hub: {accept:"
REFUSED = f"{PROD}:2"


def planned(hub: Hub, *flags: str) -> Result:
    return run_task("--dry", "release", "--to", "3.3.8", *flags, cwd=hub.path)


@pytest.mark.engine
def test_refused_values_are_a_warning_before_the_question_and_stop_a_release_that_nobody_is_asked_about(
    buildable: Hub,
) -> None:
    buildable.change(PROD, "  ingress:", "  ingres:")
    buildable.git("push", "--quiet")
    buildable.edit(STAGING, "  ingress:", "  ingres:")
    asked = planned(buildable)
    assert asked.code == 0, asked
    assert f"! 3.3.8 refuses {REFUSED}: jupyterhub: " in asked.out
    assert f"! not committed, so not in this preview: {STAGING}\n" in asked.out
    before = buildable.snapshot()
    done = run_task("release", "--to", "3.3.8", "--yes", "--json", cwd=buildable.path)
    assert done.code == 1, done
    assert (done.json["where"], done.json["code"]) == (REFUSED, 1)
    assert buildable.snapshot() == before
    assert planned(buildable, "--yes").code == 1
    buildable.put("invoke.yaml", "hub: {accept: [{code: values-invalid, path: deployments/school1/*}]}\n")
    buildable.git("push", "--quiet")
    assert planned(buildable, "--yes").code == 0


@pytest.mark.engine
def test_a_cluster_that_is_too_old_is_not_accepted_with_the_values_that_the_chart_refuses(buildable: Hub) -> None:
    buildable.put("invoke.yaml", 'hub: {kubernetes: "1.22", accept: [values-invalid]}\n')
    buildable.git("push", "--quiet")
    told = "3.3.8 needs Kubernetes 1.23 or newer, and the cluster has 1.22"
    asked = planned(buildable)
    assert asked.code == 0, asked
    assert "! in the cluster, school1-prod, school1-staging: the cluster's Kubernetes is too old" in asked.out
    assert f"! hub/requirements.yaml:4: {told}" in asked.out
    hint = f"upgrade the cluster, or correct hub.kubernetes; {INTENDED} [kubernetes-too-old]}}"
    assert ended(planned(buildable, "--yes")) == (1, f"{told} (hub/requirements.yaml:4)", hint)


@pytest.mark.engine
def test_without_helm_it_says_on_one_line_that_nothing_is_looked_at(
    buildable: Hub, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "docker").symlink_to(str(DOCKER))
    plan = planned(buildable)
    assert plan.code == 0, plan
    said = "! the changes in the cluster were not checked: helm is not installed (PATH)"
    assert plan.out.splitlines()[-1].strip() == said
    monkeypatch.setenv("INVOKE_HUB_PREVIEW", "false")
    assert "in the cluster" not in planned(buildable).out
