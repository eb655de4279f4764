from pathlib import Path

import pytest

from tests.support.hubs import Hub, make_hub
from tests.support.steps import move


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A hub repository on 3.2.1; no task here asks its Helm repository or its registry."""
    return make_hub(tmp_path / "hub")


@pytest.fixture
def moved(hub: Hub) -> Hub:
    """The hub as ``bump`` leaves it: on 3.3.8, nothing committed."""
    move(hub)
    return hub
