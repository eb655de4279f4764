from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.helm import served

from .harness import Harness
from .stage import Stage


@pytest.fixture(scope="session")
def harness(
    registry: Registry, mirror: str, chart_folder: Path, guards: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Harness]:
    """What hurts one release at a time, in one place for all tests of a worker, and knows one that nobody hurts."""
    with served(chart_folder) as charts:
        yield Harness(Stage(tmp_path_factory.mktemp("stage"), registry, mirror, charts.url, guards))
