"""What a release changes in the cluster, rendered by the real helm, 3 and 4, from z2jh's real charts."""

from pathlib import Path

import pytest

from tests.support.cli import run_task
from tests.support.hubs import Hub

from .worlds import DEPLOYMENTS, PLANTED

ALL = [f"{name}-{environment}" for name in DEPLOYMENTS for environment in ("prod", "staging")]
# What 3.3.8 changes besides versions: it names the images of its own release.
TO_3_3_8 = [
    "DaemonSet/continuous-image-puller",
    "DaemonSet/hook-image-puller",
    "Deployment/user-scheduler",
    "Job/hook-image-awaiter",
]


@pytest.mark.usefixtures("helm")
def test_a_patch_release_changes_three_images_in_every_deployment(hub: Hub) -> None:
    before = hub.snapshot()
    found = run_task("preview", "--to", "3.3.8", "--json", cwd=hub.path)
    assert found.code == 0, found
    assert [one["name"] for one in found.json["deployments"]] == ALL
    for one in found.json["deployments"]:
        assert one["objects"] == {"added": [], "changed": TO_3_3_8, "removed": []}
        assert one["problems"] == []
    assert found.json["deployments"][1]["values"] == [
        "deployments/school1/config/common.yaml",
        "deployments/school1/config/staging.yaml",
        "deployments/school1/secrets/staging.yaml",
    ]
    assert hub.snapshot() == before
    assert hub.git("status", "--porcelain") == ""


@pytest.mark.usefixtures("helm")
def test_deployments_with_the_same_outcome_are_told_together(hub: Hub) -> None:
    found = run_task("preview", "--to", "3.3.8", cwd=hub.path)
    assert found.out.splitlines()[:10] == [
        "3.2.1 -> 3.3.8, compared with main",
        "",
        f"{', '.join(ALL)}: 4 changed",
        "  DaemonSet/continuous-image-puller, DaemonSet/hook-image-puller",
        "    spec.template.spec.initContainers[image-pull-metadata-block].image",
        "      - quay.io/jupyterhub/k8s-network-tools:3.2.1",
        "      + quay.io/jupyterhub/k8s-network-tools:3.3.8",
        "    spec.template.spec.initContainers[image-pull-singleuser].image",
        "      - quay.io/jupyterhub/k8s-singleuser-sample:3.2.1",
        "      + quay.io/jupyterhub/k8s-singleuser-sample:3.3.8",
    ]
    assert found.out.splitlines()[-1].startswith("not read, since encrypted: deployments/school1/secrets/prod.yaml, ")
    assert run_task("preview", "--to", "3.3.8", cwd=hub.path).out == found.out


@pytest.mark.usefixtures("helm")
def test_no_secret_is_in_what_a_major_release_changes(hub: Hub) -> None:
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    hub.edit("images/hub/Dockerfile", ":3.2.1", ":3.3.8")
    hub.commit("Move to 3.3.8")
    hub.git("push", "--quiet")
    for flags in ((), ("--json",)):
        found = run_task("preview", "--to", "4.0.0-beta.4", *flags, "--deployment", ALL[0], cwd=hub.path)
        assert found.code == 0, found
        assert PLANTED not in found.out + found.err
    assert len(found.json["deployments"][0]["objects"]["changed"]) > len(TO_3_3_8)


@pytest.mark.usefixtures("helm")
@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("    enabled: true", "    enabledd: true", 3, "enabledd"),
        ("    enabled: true", "    enabled: maybe", 3, "boolean"),
        ("  ingress:", "  ingres:", 2, "ingres"),
    ],
)
def test_values_that_the_new_chart_refuses_are_told_with_file_and_line(
    hub: Hub, old: str, new: str, line: int, message: str
) -> None:
    hub.edit("deployments/school3/config/prod.yaml", old, new)
    hub.commit("Misspell a value")
    hub.git("push", "--quiet")
    found = run_task(
        "preview",
        "--to",
        "3.3.8",
        "--json",
        "--deployment",
        "school3-prod",
        "--deployment",
        "school3-staging",
        cwd=hub.path,
    )
    assert found.code == 1, found
    wrong = {one["name"]: one["problems"] for one in found.json["deployments"] if one["problems"]}
    assert list(wrong) == ["school3-prod"]
    (problem,) = wrong["school3-prod"]
    assert (problem["path"], problem["line"]) == ("deployments/school3/config/prod.yaml", line)
    assert message in problem["message"]


@pytest.mark.usefixtures("helm")
def test_a_cluster_that_is_too_old_for_the_release_is_a_fault(hub: Hub) -> None:
    found = run_task("preview", "--to", "4.0.0-beta.4", "--kube-version", "1.27", "--deployment", ALL[0], cwd=hub.path)
    assert found.code == 1, found
    assert "hub/requirements.yaml:4: 4.0.0-beta.4 needs Kubernetes 1.28 or newer, and the cluster has 1.27" in found.out


@pytest.mark.usefixtures("helm")
def test_a_deployment_that_the_base_branch_does_not_have_is_not_compared(small: Hub) -> None:
    small.git("switch", "--quiet", "--create", "new")
    small.write("invoke.yaml", "hub: {deployments: [{name: edx, values: [edx.yaml]}]}\n")
    small.write("edx.yaml", "jupyterhub: {}\n")
    small.commit("Add a deployment")
    found = run_task("preview", "--to", "3.3.8", cwd=small.path)
    assert found.code == 0, found
    assert found.out.splitlines()[2:] == [
        "edx: not compared",
        "  not compared, main cannot be rendered: it has none of the values files",
    ]


def test_without_helm_it_says_how_to_get_it(hub: Hub, without_helm: Path) -> None:
    found = run_task("preview", "--to", "3.3.8", cwd=hub.path, env={"PATH": str(without_helm)})
    assert (found.code, found.out) == (3, "")
    assert found.err.splitlines() == [
        "error: helm is not installed (PATH)",
        "hint: install Helm, for previews and lock files: https://helm.sh/docs/intro/install/",
    ]
