import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tasks.rehearsal.registry import Registry, forget_images
from tasks.rehearsal.registry import registry as throwaway_registry
from tests.support import machine
from tests.support.helm import HelmServer, chart_repository, served
from tests.support.processes import shared_folder
from tests.support.registry import put_mirror

pytest_plugins = ["tests.support.fixtures", "tests.support.installed"]

machine.stay_in_memory()
machine.stay_on_this_machine()
machine.hear_interrupts()
# A busy machine is no fault of what is tested.
settings.register_profile("hubpress", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hubpress")

MARKERS = ("cosign", "engine", "gcloud", "gh", "helm")


def pytest_configure(config: pytest.Config) -> None:
    """Compile once what the programs of the tests are made of, and know the warnings of older Pythons."""
    if config.pluginmanager.hasplugin("cacheprovider"):
        machine.keep_compiled(config.cache.mkdir("compiled"))
    # http.client left what a proxy says that opens no tunnel to the garbage collector until Python 3.11.
    if sys.version_info < (3, 11):
        config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose outside programs are not here; in CI that is a failure."""
    for marker in MARKERS:
        if item.get_closest_marker(marker):
            machine.demand(machine.missing_for(marker))


@pytest.fixture(scope="session")
def guards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return machine.write_guards(tmp_path_factory.mktemp("guards"))


@pytest.fixture(scope="session", autouse=True)
def isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what serves many tests out of the user's own home too."""
    with pytest.MonkeyPatch.context() as patch:
        machine.move_in(tmp_path_factory.mktemp("home"), patch)
        yield


@pytest.fixture(autouse=True)
def isolated(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    guards: Path,
) -> None:
    """Give the test a home of its own; gcloud and its like are guarded, but in tests marked ``gcloud``.

    Nothing looks at the rendered chart, but in tests marked ``helm``.
    """
    machine.move_in(tmp_path_factory.mktemp("home"), monkeypatch)
    if request.node.get_closest_marker("helm"):
        monkeypatch.delenv("INVOKE_HUB_PREVIEW")
    if not request.node.get_closest_marker("gcloud"):
        monkeypatch.setenv("PATH", str(guards), prepend=os.pathsep)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that lets everybody in, shared by the tests of one worker."""
    machine.demand(machine.missing_for("engine"))
    with throwaway_registry(tmp_path_factory.mktemp("registry")) as served_registry:
        yield served_registry
        forget_images(served_registry.address)


@pytest.fixture(scope="session")
def mirror(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A mirror of z2jh's hub images, ``127.0.0.1:PORT/mirror/k8s-hub``: stand-ins that a registry really holds."""
    return put_mirror(registry, shared_folder(tmp_path_factory) / "hubpress-mirror")


@pytest.fixture(scope="session")
def chart_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's chart repository as files; read it, never write to it."""
    folder = tmp_path_factory.mktemp("charts")
    chart_repository(folder)
    return folder


@pytest.fixture
def helm_repository(chart_folder: Path) -> Iterator[HelmServer]:
    """The lab's chart repository on a port of 127.0.0.1."""
    with served(chart_folder) as server:
        yield server
