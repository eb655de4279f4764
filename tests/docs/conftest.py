from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.helm import served

from .scenes import Scene


@pytest.fixture(scope="session")
def around(
    registry: Registry, mirror: str, chart_folder: Path, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    with served(chart_folder) as charts:
        yield Scene(registry.address, mirror, charts.url, installed, tmp_path_factory.mktemp("scenes"))
