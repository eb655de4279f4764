"""Values that the pinned chart refuses, found by ``check`` and ``status`` with the real helm, 3 and 4."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import run_task
from tests.support.hubs import Hub

PROD = "deployments/school1/config/prod.yaml"
BY_REFERENCE = "fix it there; the chart's values: https://z2jh.jupyter.org/en/stable/resources/reference.html"


def invalid(hub: Hub, task: str = "check", **env: str) -> list[dict[str, Any]]:
    found = run_task(task, "--json", cwd=hub.path, env=env)
    return [one for one in found.json["problems"] if one["code"] == "values-invalid"]


def place(problem: dict[str, Any]) -> str:
    return f"{problem['path']}:{problem['line']}"


@pytest.mark.usefixtures("helm")
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
    assert invalid(small, "status") == [problem]


@pytest.mark.usefixtures("helm")
def test_a_value_that_all_share_is_told_once(small: Hub) -> None:
    small.edit("hub/values.yaml", "jupyterhub:\n", "jupyterhub:\n  cul: {}\n")
    (problem,) = invalid(small)
    assert problem["message"].startswith("jupyterhub 3.2.1 refuses the values of school1-prod, school1-staging: ")


@pytest.mark.usefixtures("helm")
def test_a_values_file_that_the_settings_name_and_that_is_missing(small: Hub) -> None:
    small.write("invoke.yaml", "hub: {deployments: [{name: edx, values: [edx.yaml]}]}\n")
    (problem,) = invalid(small)
    assert problem["path"] == "edx.yaml"
    assert problem["message"] == "jupyterhub 3.2.1 refuses the values of edx: the values file is missing"


@pytest.mark.usefixtures("helm")
def test_a_chart_whose_folder_has_another_name(small: Hub) -> None:
    small.edit("hub/Chart.yaml", "name: hub", "name: our-hub")
    small.write("hub/values.schema.json", '{"properties": {"ours": {"type": "boolean"}}}')
    small.edit("hub/values.yaml", "jupyterhub:\n", "ours: 1\njupyterhub:\n  cul: {}\n")
    found = {place(problem) for problem in invalid(small)}
    assert found == {"hub/values.yaml:4", "hub/values.yaml:6"}


@pytest.mark.usefixtures("helm")
def test_a_cluster_that_is_too_old_for_the_pinned_release(small: Hub) -> None:
    (problem,) = invalid(small, INVOKE_HUB_KUBERNETES="1.22")
    assert place(problem) == "hub/requirements.yaml:4"
    assert problem["message"].endswith(": 3.2.1 needs Kubernetes 1.23 or newer, and the cluster has 1.22")
    assert invalid(small, INVOKE_HUB_KUBERNETES="1.23") == []


@pytest.mark.helm
def test_without_helm_it_is_named_as_not_checked(small: Hub, without_helm: Path) -> None:
    small.edit(PROD, "  ingress:", "  ingres:")
    found = run_task("check", "--json", cwd=small.path, env={"PATH": str(without_helm)})
    assert {
        "message": "whether jupyterhub 3.2.1 takes the values: helm is not installed (PATH)",
        "hint": "install Helm, for previews and lock files: https://helm.sh/docs/intro/install/",
    } in found.json["not_checked"]
    assert invalid(small, PATH=str(without_helm), INVOKE_HUB_PREVIEW="false") == []
    assert run_task("check", "--offline", "--json", cwd=small.path).json["not_checked"] == []
