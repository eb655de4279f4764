from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from ..support.hubs import Hub, make_hub
from .recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from ..support.helm import HelmServer


@pytest.fixture
def hub(tmp_path: Path, helm_repository: HelmServer, request: pytest.FixtureRequest) -> Hub:
    """A hub repository on 3.2.1.

    In a test marked ``engine`` its base image comes from ``mirror`` and its own image goes to ``registry``; elsewhere
    nobody listens at its registry.
    """
    if not request.node.get_closest_marker("engine"):
        return make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    prefix = f"{request.getfixturevalue('registry').address}/{secrets.token_hex(4)}"
    base = request.getfixturevalue("mirror")
    return make_hub(tmp_path / "hub", base=base, registry=prefix, chart_repository=helm_repository.url)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    """Programs that write down how they are called."""
    return Recorder.before(tmp_path / "recorder")
