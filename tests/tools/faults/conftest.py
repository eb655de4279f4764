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
def stage(around: Around, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A place for one release at a time, the same for all tests of one worker."""
    return Stage(tmp_path_factory.mktemp("stage"), around, secrets.token_hex(4))


@pytest.fixture(scope="session")
def harness(stage: Stage) -> Harness:
    """What hurts a release there, and knows what becomes of one that nobody hurts."""
    return Harness(stage)
