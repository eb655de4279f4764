from pathlib import Path

import pytest

from tests.support.charts import write_real_repository
from tests.support.hubs import NO_REGISTRY, Hub
from tests.support.layouts import make_cal_icor_like

from .worlds import add_deployments


@pytest.fixture
def small(tmp_path: Path) -> Hub:
    """A repository like cal-icor's on 3.2.1, with a school's deployments, and z2jh's real charts in a folder."""
    charts = write_real_repository(tmp_path / "charts")
    made = make_cal_icor_like(tmp_path / "hub", chart_repository=charts.as_uri())
    add_deployments(made)
    return made


@pytest.fixture
def buildable(small: Hub, prefix: str, mirror: str) -> Hub:
    """The same with a base image and a registry that answer."""
    small.write("chartpress.yaml", small.read("chartpress.yaml").replace(f"{NO_REGISTRY}/", f"{prefix}/"))
    small.edit("images/hub/Dockerfile", "FROM jupyterhub/k8s-hub:", f"FROM {mirror}:")
    small.commit("Use a registry and a base image that answer")
    small.git("push", "--quiet")
    return small
