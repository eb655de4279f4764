from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from invoke.program import Program

from tasks import ns
from tasks.program import program

from ..lab.cli import Result, sh
from ..lab.hubs import Hub, make_hub
from ..lab.layouts import make_2i2c_like, make_cal_icor_like
from ..lab.machine import PROJECT
from .several import Maker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.rehearsal.registry import Registry

    from ..lab.helm import HelmServer

# Read before the tests move into homes of their own: pip's settings, and what it has fetched already.
_PIPS_OWN = {
    "HOME": str(Path.home()),
    "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config")),
    "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
}


class Hubpress(Protocol):
    """Runs the command ``hubpress`` within this process."""

    def __call__(self, hub: Hub | Path, *arguments: str) -> Result:
        """Run it in a hub's folder."""


@pytest.fixture
def hubpress(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Hubpress:
    """The command within this process: what a table of many rows can afford."""

    def run(hub: Hub | Path, *arguments: str) -> Result:
        monkeypatch.chdir(hub.path if isinstance(hub, Hub) else hub)
        capfd.readouterr()
        # A program of its own for each run: Invoke keeps a run's configuration in it.
        fresh = Program(version=program.version, namespace=ns, name="hubpress", binary="hubpress")
        try:
            fresh.run(["hubpress", *arguments])
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capfd.readouterr()
        return Result(code, said.out, said.err)

    return run


@pytest.fixture
def prefix(registry: Registry) -> str:
    """What a test's images begin with: the registry, and a path that is the test's alone."""
    return f"{registry.address}/{secrets.token_hex(4)}"


@pytest.fixture
def plain(tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer) -> Hub:
    """A hub repository with one chart and one image, on 3.2.1."""
    return make_hub(tmp_path / "hub", base=mirror, registry=prefix, chart_repository=helm_repository.url)


@pytest.fixture
def cal_icor(tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer) -> Hub:
    """A hub repository like cal-icor's, on 3.2.1."""
    hub = make_cal_icor_like(tmp_path / "cal-icor", registry=prefix, chart_repository=helm_repository.url)
    return _moved_to(hub, "images/hub/Dockerfile", "jupyterhub/k8s-hub", mirror)


@pytest.fixture
def pilot(tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer) -> Hub:
    """A hub repository like 2i2c's, on 3.2.1."""
    hub = make_2i2c_like(tmp_path / "2i2c", registry=prefix, chart_repository=helm_repository.url)
    return _moved_to(hub, "helm-charts/images/hub/Dockerfile", "quay.io/jupyterhub/k8s-hub", mirror)


@pytest.fixture
def make(tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer) -> Maker:
    """Makes a hub repository of the images that a test writes down."""
    return Maker(tmp_path, prefix, mirror, helm_repository.url)


def _moved_to(hub: Hub, dockerfile: str, base: str, mirror: str) -> Hub:
    """Take the base image from the mirror on this machine, as if it had been so from the first commit on."""
    hub.edit(dockerfile, f"FROM {base}:", f"FROM {mirror}:")
    hub.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    hub.git("push", "--quiet", "--force")
    return hub


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built once for all workers."""
    folder = _shared_folder(tmp_path_factory) / "hubpress-wheel"
    with _alone(folder.with_suffix(".lock")):
        if not folder.exists():
            made = tmp_path_factory.mktemp("wheel")
            _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(made), str(PROJECT))
            shutil.copytree(made, folder)
    (built,) = folder.glob("hubpress-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The programs of a virtual environment that has the wheel, what it needs, and nothing else."""
    folder = _shared_folder(tmp_path_factory) / "hubpress-installed"
    with _alone(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            sh(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder), cwd=folder.parent)
            _pip("--python", str(folder / "bin" / "python"), "install", str(wheel))
            (folder / "ready").touch()
    return folder / "bin"


def _shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that this run's workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def _pip(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _PIPS_OWN.items():
            patch.setenv(name, value)
        sh(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, cwd=PROJECT)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one worker in at a time."""
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
