from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.helm import HelmServer

from .scenes import Around


@pytest.fixture
def around(registry: Registry, mirror: str, helm_repository: HelmServer, installed: Path) -> Around:
    return Around(registry.address, mirror, helm_repository.url, installed)
