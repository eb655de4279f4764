"""Deployments: the layout of hubploy, those that the settings name, and the chart alone."""

from pathlib import Path

import pytest

from tasks.core.faults import Unusable
from tasks.repo.deployments import Deployment, deployments, unused_images
from tasks.repo.hub import Hub
from tests.support.calls import opened, raised
from tests.support.hubs import make_repository
from tests.support.layouts import make_2i2c_like, make_cal_icor_like

SOPS = "jupyterhub:\n  hub:\n    cookieSecret: ENC[AES256_GCM,data:c2VjcmV0]\nsops:\n  mac: ENC[AES256_GCM,data:bWFj]\n"
HUBPLOY = {
    "deployments/edx/hubploy.yaml": "images: {}\n",
    "deployments/edx/config/common.yaml": "jupyterhub: {}\n",
    "deployments/edx/config/prod.yaml": "jupyterhub: {}\n",
    "deployments/edx/config/staging.yaml": "jupyterhub: {}\n",
    "deployments/edx/config/notes.md": "no values\n",
    "deployments/edx/secrets/prod.yaml": SOPS,
    "deployments/old/config/prod.yaml": "no hubploy.yaml is beside it\n",
}


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A hub repository like cal-icor's that has these files besides."""
    made = make_cal_icor_like(tmp_path / "hub")
    for name, text in HUBPLOY.items():
        made.write(name, text)
    made.commit("Add the deployments")
    return opened(made)


def edx(environment: str, *values: str) -> Deployment:
    name = f"edx-{environment}"
    return Deployment(name, tuple(f"deployments/edx/{file}.yaml" for file in values), name, name, "hub", "edx")


def test_hubploys_deployments_have_the_common_values_first(hub: Hub) -> None:
    assert deployments(hub) == (
        edx("prod", "config/common", "config/prod", "secrets/prod"),
        edx("staging", "config/common", "config/staging"),
    )


def test_an_unknown_name_is_answered_with_the_nearest(hub: Hub) -> None:
    assert [one.name for one in deployments(hub, ["edx-staging"])] == ["edx-staging"]
    assert [one.name for one in deployments(hub, ["edx"])] == ["edx-prod", "edx-staging"]
    error, hint = raised(Unusable, deployments, hub, ["edx-stagin"]).splitlines()
    assert error.startswith("error: there is no deployment edx-stagin")
    assert hint == "hint: did you mean --deployment edx-staging?"


def test_images_are_called_unused_where_values_could_name_one_and_name_none(tmp_path: Path) -> None:
    """Check and the plan of a build, which may be for some of them only, ask the same."""
    clusters = opened(make_2i2c_like(tmp_path / "2i2c"))
    others = [image for image in clusters.images if image.spec.key == "unlisted-choice-experiment"]
    assert [*unused_images(clusters, others)] == ["unlisted-choice-experiment"]
    assert unused_images(clusters, clusters.images) == {}
    alone = make_repository(tmp_path / "alone", {"Dockerfile": "FROM quay.io/jupyterhub/k8s-hub:3.3.8\n"})
    alone.put("invoke.yaml", "hub: {images: [{context: ., name: reg.example.edu/hub}]}\n")
    assert unused_images(opened(alone), opened(alone).images) == {}
