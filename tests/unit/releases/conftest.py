from pathlib import Path

import pytest

from tasks.releases.index import Index, read_index
from tests.support import charts

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def excerpt() -> str:
    """Eleven entries of the real index, and one of each other chart in it."""
    return (DATA / "index.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def index(excerpt: str) -> Index:
    return read_index(excerpt.encode(), "https://charts.test/index.yaml")


@pytest.fixture(scope="session")
def real_index() -> Index:
    return read_index(charts.real_index(), "https://charts.test/index.yaml")
