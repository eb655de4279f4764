from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .scenes import Around

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ..support.helm import HelmServer


@pytest.fixture
def around(registry: Registry, mirror: str, helm_repository: HelmServer, installed: Path) -> Around:
    return Around(registry.address, mirror, helm_repository.url, installed)
