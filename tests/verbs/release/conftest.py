from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry, forget_images
from tests.support.registry import private_registry


@pytest.fixture
def locked_registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry that lets in somebody else alone."""
    with private_registry(tmp_path / "locked", {"somebody": "else"}) as served:
        yield served
        forget_images(served.address)
