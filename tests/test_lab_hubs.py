from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .lab.cli import run
from .lab.hubs import Hub, make_hub
from .lab.layouts import make_2i2c_like, make_cal_icor_like

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAKERS = {"ours": make_hub, "cal-icor": make_cal_icor_like, "2i2c": make_2i2c_like}


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Hub:
    make: Callable[..., Hub] = MAKERS[request.param]
    return make(tmp_path / "hub", registry="127.0.0.1:1/lab")


def test_a_hub_is_a_clean_clone_of_a_remote_whose_default_branch_it_knows(made: Hub) -> None:
    assert made.git("status", "--porcelain") == ""
    assert made.git("rev-parse", "--abbrev-ref", "HEAD@{upstream}") == "origin/main"
    assert made.git("rev-parse", "--abbrev-ref", "origin/HEAD") == "origin/main"
    assert made.remote_git("rev-parse", "HEAD") == made.git("rev-parse", "HEAD")


def test_chartpress_reads_every_hub(made: Hub) -> None:
    (config,) = made.path.glob("**/chartpress.yaml")
    listed = run(sys.executable, "-m", "chartpress", "--list-images", cwd=config.parent)
    assert listed.code == 0, listed
    assert all(line.startswith("127.0.0.1:1/lab/") for line in listed.out.splitlines())


def test_a_hub_stands_on_the_release_it_was_made_for(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", version="3.3.8", base="jupyterhub/k8s-hub")
    assert "FROM jupyterhub/k8s-hub:3.3.8\n" in hub.read("images/hub/Dockerfile")
    assert "    version: 3.3.8\n" in hub.read("hub/requirements.yaml")


def test_commits_are_made_by_the_labs_operator_alone(hub: Hub) -> None:
    hub.edit("hub/values.yaml", "256M", "512M")
    short = hub.commit("Give users more memory")
    assert hub.subjects() == ["Give users more memory", "Set up the hub"]
    assert hub.git("show", "--no-patch", "--pretty=%h %an <%ae>") == f"{short} Robin Operator <robin@hub.example>"


def test_an_edit_that_would_hit_nothing_fails(hub: Hub) -> None:
    with pytest.raises(AssertionError, match=r"stands 0 times in hub/values\.yaml"):
        hub.edit("hub/values.yaml", "nothing like it", "")


@pytest.mark.engine
def test_a_hub_in_an_engine_test_pushes_to_the_labs_registry(hub: Hub) -> None:
    prefix = hub.read("chartpress.yaml").partition("imagePrefix: ")[2].partition("/")[0]
    argv = ("curl", "-fsS", f"http://{prefix}/v2/")
    assert subprocess.run(argv, capture_output=True, check=True).stdout == b"{}"
