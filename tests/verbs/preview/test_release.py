"""What the plan of a release says of its changes in the cluster, rendered by the real helm, 3 and 4."""

import shutil
from pathlib import Path

import pytest

from tests.support.cli import Result, run_task
from tests.support.hubs import Hub
from tests.support.world import fault

pytestmark = pytest.mark.engine
DOCKER = shutil.which("docker")
INTENDED = "if this is intended, in invoke.yaml: hub: {accept:"
REFUSED = "deployments/school1/config/prod.yaml:2"


def planned(hub: Hub, *flags: str) -> Result:
    return run_task("--dry", "release", "--to", "3.3.8", *flags, cwd=hub.path)


@pytest.mark.helm
def test_it_says_what_changes_right_before_the_question(buildable: Hub) -> None:
    buildable.edit("deployments/school1/config/prod.yaml", "  ingress:", "  ingres:")
    plan = planned(buildable)
    assert plan.code == 0, plan
    assert [line.strip() for line in plan.out.splitlines()[-4:]] == [
        "! the hub image changes too, and the hub restarts",
        f"! not committed, so not in this preview: {REFUSED.removesuffix(':2')}",
        "! in the cluster, school1-prod, school1-staging: 4 changed",
        "! the differences: invoke preview --to 3.3.8",
    ]


@pytest.mark.helm
def test_refused_values_are_a_warning_before_the_question_and_stop_a_release_that_nobody_is_asked_about(
    buildable: Hub,
) -> None:
    buildable.change("deployments/school1/config/prod.yaml", "  ingress:", "  ingres:")
    buildable.git("push", "--quiet")
    asked = planned(buildable)
    assert asked.code == 0, asked
    assert f"! 3.3.8 refuses {REFUSED}: jupyterhub: " in asked.out
    before = buildable.snapshot()
    done = run_task("release", "--to", "3.3.8", "--yes", "--json", cwd=buildable.path)
    assert done.code == 1, done
    assert (done.json["where"], done.json["code"]) == (REFUSED, 1)
    assert buildable.snapshot() == before
    assert planned(buildable, "--yes").code == 1
    buildable.put("invoke.yaml", "hub: {accept: [{code: values-invalid, path: deployments/school1/*}]}\n")
    buildable.git("push", "--quiet")
    assert planned(buildable, "--yes").code == 0


@pytest.mark.helm
def test_a_cluster_that_is_too_old_is_not_accepted_with_the_values_that_the_chart_refuses(buildable: Hub) -> None:
    buildable.put("invoke.yaml", 'hub: {kubernetes: "1.22", accept: [values-invalid]}\n')
    buildable.git("push", "--quiet")
    told = "3.3.8 needs Kubernetes 1.23 or newer, and the cluster has 1.22"
    asked = planned(buildable)
    assert asked.code == 0, asked
    assert "! in the cluster, school1-prod, school1-staging: the cluster's Kubernetes is too old" in asked.out
    assert f"! hub/requirements.yaml:4: {told}" in asked.out
    refused = planned(buildable, "--yes")
    hint = f"upgrade the cluster, or correct hub.kubernetes; {INTENDED} [kubernetes-too-old]}}"
    assert (refused.code, *fault(refused)) == (1, f"{told} (hub/requirements.yaml:4)", hint)


@pytest.mark.helm
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
