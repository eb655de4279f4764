from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .front import Front, front

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.rehearsal.registry import Registry


@pytest.fixture
def alone() -> Iterator[Front]:
    """A server that is no registry until it is told what to answer."""
    with front() as served:
        yield served


@pytest.fixture
def before(registry: Registry) -> Iterator[Front]:
    """The same before the real registry."""
    with front(registry.address) as served:
        yield served
