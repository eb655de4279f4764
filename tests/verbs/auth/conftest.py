import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs stand before all others."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def hub_at(tmp_path: Path, mirror: str, helm_repository: HelmServer) -> Callable[[str], Hub]:
    """Makes a hub repository on 3.2.1 whose image goes to a registry; its base can be had by everybody."""

    def make(address: str) -> Hub:
        prefix = f"{address}/{secrets.token_hex(4)}"
        return make_hub(tmp_path / "hub", base=mirror, registry=prefix, chart_repository=helm_repository.url)

    return make
