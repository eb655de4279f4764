import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.helm import served

from .harness import Harness
from .stage import Around, Stage


@pytest.fixture(scope="session")
def around(registry: Registry, mirror: str, chart_folder: Path, guards: Path) -> Iterator[Around]:
    """What a release reaches out to."""
    with served(chart_folder) as charts:
        yield Around(registry, mirror, charts.url, guards)


@pytest.fixture(scope="session")
def harness(around: Around, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """What hurts one release at a time, in one place for all tests of a worker, and knows one that nobody hurts."""
    return Harness(Stage(tmp_path_factory.mktemp("stage"), around, secrets.token_hex(4)))
