import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.cli import succeed
from tests.support.helm import RELEASES, HelmServer, chart_repository, served
from tests.support.hubs import Hub, copied, make_hub

from .places import pin


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelmServer]:
    """A chart repository whose 3.3.8 is the newest release, so that it lacks no fix of a newer one."""
    folder = tmp_path_factory.mktemp("charts")
    chart_repository(folder, [release for release in RELEASES if release.version != "4.4.0"])
    with served(folder) as server:
        yield server


@pytest.fixture
def settled(tmp_path: Path, charts: HelmServer) -> Hub:
    """A consistent hub repository on 3.3.8, as far as files and git tell: its image was never built."""
    hub = make_hub(tmp_path / "hub", version="3.3.8", chart_repository=charts.url)
    pin(hub)
    return hub


@pytest.fixture(scope="session")
def released_once(tmp_path_factory: pytest.TempPathFactory, charts: HelmServer, registry: Registry, mirror: str) -> Hub:
    """A hub repository that a release moved from 3.2.1 to 3.3.8, merged into ``main``."""
    prefix = f"{registry.address}/{secrets.token_hex(4)}"
    folder = tmp_path_factory.mktemp("released")
    hub = make_hub(folder / "hub", base=mirror, registry=prefix, chart_repository=charts.url)
    succeed("release", "--yes", cwd=hub.path)
    hub.git("switch", "--quiet", "main")
    hub.git("merge", "--quiet", "--no-ff", "--no-edit", "bump-z2jh-3.3.8")
    hub.git("push", "--quiet")
    return hub


@pytest.fixture
def released(released_once: Hub, tmp_path: Path) -> Hub:
    """The same, for one test alone."""
    return copied(released_once, Hub(tmp_path / "hub", tmp_path / "hub.git"))
