from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal.registry import forget_images

from ...support.hubs import Hub, make_hub
from ...support.registry import private_registry
from .scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ...support.helm import HelmServer


@pytest.fixture
def hub(tmp_path: Path, helm_repository: HelmServer, request: pytest.FixtureRequest) -> Hub:
    """A hub repository on 3.2.1 that takes its chart from ``helm_repository``.

    In a test marked ``engine`` its base image comes from ``mirror`` and its own image goes to ``registry``: all that
    a release asks answers, on this machine. Elsewhere nobody listens at its registry.
    """
    if not request.node.get_closest_marker("engine"):
        return make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    prefix = f"{request.getfixturevalue('registry').address}/{secrets.token_hex(4)}"
    base = request.getfixturevalue("mirror")
    return make_hub(tmp_path / "hub", base=base, registry=prefix, chart_repository=helm_repository.url)


@pytest.fixture
def scene(hub: Hub, helm_repository: HelmServer, tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    """The same hub repository, and what is around it."""
    return Scene(hub, helm_repository, tmp_path, request)


@pytest.fixture
def locked_registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry that lets in somebody else alone."""
    with private_registry(tmp_path / "locked", {"somebody": "else"}) as served:
        yield served
        forget_images(served.address)
