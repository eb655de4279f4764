from __future__ import annotations

from pathlib import Path

import pytest

from tasks.releases.index import Index, read_index

SHARED = Path(__file__).parents[3] / "shared" / "z2jh"
DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def excerpt() -> str:
    """Eleven entries of the real index, and one of each other chart in it."""
    return (DATA / "index.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def index(excerpt: str) -> Index:
    return read_index(excerpt.encode(), "https://charts.test/index.yaml")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the whole real index and some of its archives."""
    if not SHARED.is_dir():
        pytest.skip(f"the real index is not here: {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def real_index(shared: Path) -> Index:
    return read_index((shared / "index.yaml").read_bytes(), "https://charts.test/index.yaml")
