from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal.registry import forget_images

from ..support.hubs import make_hub
from .front import Front, front
from .place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ..support.helm import HelmServer


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


@pytest.fixture
def place(tmp_path: Path, before: Front, mirror: str, helm_repository: HelmServer) -> Iterator[Place]:
    """A hub repository whose base image comes from ``mirror``, and whose own goes through ``before``."""
    prefix = secrets.token_hex(4)
    registry = f"{before.address}/{prefix}"
    hub = make_hub(tmp_path / "hub", base=mirror, registry=registry, chart_repository=helm_repository.url)
    yield Place(hub, before, f"{prefix}/core/hub")
    forget_images(before.address)
