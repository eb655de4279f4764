from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Protocol

import pytest
from invoke.program import Program

from tasks import ns
from tasks.program import program

from ..support.cli import Result
from ..support.hubs import Hub, make_hub
from ..support.layouts import make_2i2c_like, make_cal_icor_like
from .several import Maker

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ..support.helm import HelmServer


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
