import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.charts import write_real_repository
from tests.support.hubs import NO_REGISTRY, Hub
from tests.support.layouts import make_cal_icor_like

from .worlds import DEPLOYMENTS, add_deployments


@pytest.fixture
def without_helm(tmp_path: Path) -> Path:
    """A folder for PATH that has git, and no helm."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git") or "")
    return programs


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A repository like cal-icor's on 3.2.1, with deployments, and z2jh's real charts in a folder."""
    return deployed(tmp_path, DEPLOYMENTS)


@pytest.fixture
def small(tmp_path: Path) -> Hub:
    """The same with one school's deployments."""
    return deployed(tmp_path, DEPLOYMENTS[:1])


def deployed(folder: Path, names: Sequence[str]) -> Hub:
    charts = write_real_repository(folder / "charts")
    made = make_cal_icor_like(folder / "hub", chart_repository=charts.as_uri())
    add_deployments(made, names)
    return made


@pytest.fixture
def buildable(small: Hub, prefix: str, mirror: str) -> Hub:
    """The same with a base image and a registry that answer."""
    small.write("chartpress.yaml", small.read("chartpress.yaml").replace(f"{NO_REGISTRY}/", f"{prefix}/"))
    small.edit("images/hub/Dockerfile", "FROM jupyterhub/k8s-hub:", f"FROM {mirror}:")
    small.commit("Use a registry and a base image that answer")
    small.git("push", "--quiet")
    return small
