import pytest

from tests.support.hubs import Hub
from tests.support.steps import move


@pytest.fixture
def moved(hub: Hub) -> Hub:
    """The hub as ``bump`` leaves it: on 3.3.8, nothing committed."""
    move(hub)
    return hub
