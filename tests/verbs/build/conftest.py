import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import machine
from tests.support.engine import Engine, missing_for_second_engine, second_engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A second engine."""
    machine.demand(missing_for_second_engine())
    # A socket's path may have 107 characters; pytest's own folders are longer than that.
    with tempfile.TemporaryDirectory(prefix="hubpress-") as folder, second_engine(Path(folder)) as running:
        yield running
