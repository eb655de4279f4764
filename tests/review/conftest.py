from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from ..support.hubs import Hub, make_hub
from .standin_gh import StandInGh

if TYPE_CHECKING:
    from pathlib import Path

    from ..support.helm import HelmServer

ON_GITHUB = "https://github.com/org/hubs.git"


@pytest.fixture
def hub(tmp_path: Path, helm_repository: HelmServer) -> Hub:
    """A hub repository on 3.2.1 whose remote is on GitHub by its address, and a bare repository on this disk."""
    made = make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    at(made, ON_GITHUB)
    return made


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH: git is in it, and neither gh nor docker."""
    folder = tmp_path / "programs"
    folder.mkdir()
    git = shutil.which("git")
    assert git is not None
    (folder / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def gh(programs: Path) -> StandInGh:
    """A stand-in for gh, the first on PATH."""
    stand_in = StandInGh(programs.with_name("gh"))
    stand_in.install()
    os.environ["PATH"] = f"{stand_in.folder}{os.pathsep}{programs}"
    return stand_in


def at(hub: Hub, address: str) -> None:
    """Give the hub's remote another address; git still finds it where it is."""
    hub.git("remote", "set-url", "origin", address)
    hub.git("config", f"url.{hub.remote}.insteadOf", address)
