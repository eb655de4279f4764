from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal.registry import forget_images

from ...support.registry import private_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.rehearsal.registry import Registry


@pytest.fixture
def locked_registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry that lets in somebody else alone."""
    with private_registry(tmp_path / "locked", {"somebody": "else"}) as served:
        yield served
        forget_images(served.address)
