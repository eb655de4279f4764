"""Deployments: the layout of hubploy, those that the settings name, and the chart alone."""

from pathlib import Path

import pytest

from tasks.core.faults import Unusable
from tasks.core.settings import Settings
from tasks.repo.deployments import Deployment, deployments
from tasks.repo.hub import Hub, open_hub_around
from tests.support.layouts import make_cal_icor_like

SOPS = "jupyterhub:\n  hub:\n    cookieSecret: ENC[AES256_GCM,data:c2VjcmV0]\nsops:\n  mac: ENC[AES256_GCM,data:bWFj]\n"
GIT_CRYPT = "\0GITCRYPT\0 and then bytes"
HUBPLOY = {
    "deployments/edx/hubploy.yaml": "images: {}\n",
    "deployments/edx/config/common.yaml": "jupyterhub: {}\n",
    "deployments/edx/config/prod.yaml": "jupyterhub: {}\n",
    "deployments/edx/config/staging.yaml": "jupyterhub: {}\n",
    "deployments/edx/config/notes.md": "no values\n",
    "deployments/edx/secrets/prod.yaml": SOPS,
    "deployments/old/config/prod.yaml": "no hubploy.yaml is beside it\n",
}


def hub_with(path: Path, files: dict[str, str], settings: Settings | None = None) -> Hub:
    """Return a hub repository like cal-icor's that has ``files`` besides."""
    made = make_cal_icor_like(path / "hub")
    for name, text in files.items():
        made.write(name, text)
    if files:
        made.commit("Add the deployments")
    return open_hub_around(made.path, lambda _: settings or Settings())


def test_hubploys_deployments_have_the_common_values_first(tmp_path: Path) -> None:
    config = "deployments/edx/config"
    assert deployments(hub_with(tmp_path, HUBPLOY)) == (
        Deployment(
            "edx-prod",
            (f"{config}/common.yaml", f"{config}/prod.yaml", "deployments/edx/secrets/prod.yaml"),
            "edx-prod",
            "edx-prod",
            "hub",
            "edx",
        ),
        Deployment(
            "edx-staging",
            (f"{config}/common.yaml", f"{config}/staging.yaml"),
            "edx-staging",
            "edx-staging",
            "hub",
            "edx",
        ),
    )


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    hub = hub_with(tmp_path, HUBPLOY)
    assert [one.name for one in deployments(hub, ["edx-staging"])] == ["edx-staging"]
    assert [one.name for one in deployments(hub, ["edx"])] == ["edx-prod", "edx-staging"]
    with pytest.raises(Unusable, match="there is no deployment edx-stagin") as caught:
        deployments(hub, ["edx-stagin"])
    assert caught.value.hint == "did you mean --deployment edx-staging?"
