"""What tests of several places are given: hub repositories of every layout, servers, stand-in programs."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tasks import ns
from tasks.program import HubPress, program
from tasks.rehearsal.registry import Registry, forget_images

from .cli import Result
from .gh import StandInGh
from .helm import HelmServer
from .hubs import ON_GITHUB, Hub, Maker, at, make_hub
from .layouts import make_2i2c_like, make_cal_icor_like
from .machine import HELMS
from .scene import Place, Scene
from .server import Server, misbehaving
from .team import Team, make_team


@pytest.fixture
def hub(tmp_path: Path, helm_repository: HelmServer, request: pytest.FixtureRequest) -> Hub:
    """A hub repository on 3.2.1 that takes its chart from ``helm_repository``.

    In a test marked ``engine`` its base image comes from ``mirror`` and its own image goes to ``registry``: all that
    a release asks answers, on this machine. Elsewhere nobody listens at its registry.
    """
    if not request.node.get_closest_marker("engine"):
        return make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    base, prefix = map(request.getfixturevalue, ("mirror", "prefix"))
    return make_hub(tmp_path / "hub", base=base, registry=prefix, chart_repository=helm_repository.url)


@pytest.fixture
def scene(hub: Hub, tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    """The same hub repository, and what is around it."""
    with_engine = request.node.get_closest_marker("engine")
    return Scene(hub, tmp_path, request.getfixturevalue("registry").address if with_engine else None)


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
        fresh = HubPress(version=program.version, namespace=ns, name="hubpress", binary="hubpress")
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
def cal_icor(tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer) -> Hub:
    return make_cal_icor_like(tmp_path / "cal-icor", base=mirror, registry=prefix, chart_repository=helm_repository.url)


@pytest.fixture
def pilot(tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer) -> Hub:
    return make_2i2c_like(tmp_path / "2i2c", base=mirror, registry=prefix, chart_repository=helm_repository.url)


@pytest.fixture
def make(tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer) -> Maker:
    """Makes a hub repository of the images that a test writes down."""
    return Maker(tmp_path, prefix, mirror, helm_repository.url)


@pytest.fixture
def alone() -> Iterator[Server]:
    """A server that is no registry until it is told what to answer."""
    with misbehaving() as served:
        yield served


@pytest.fixture
def before(registry: Registry) -> Iterator[Server]:
    """The same before the real registry."""
    with misbehaving(registry.address) as served:
        yield served


@pytest.fixture
def place(tmp_path: Path, before: Server, mirror: str, helm_repository: HelmServer) -> Iterator[Place]:
    """A hub repository whose base image comes from ``mirror``, and whose own goes through ``before``."""
    prefix = f"{before.address}/{secrets.token_hex(4)}"
    hub = make_hub(tmp_path / "hub", base=mirror, registry=prefix, chart_repository=helm_repository.url)
    yield Place(hub, tmp_path, before.address, before)
    forget_images(before.address)


@pytest.fixture
def github_hub(hub: Hub) -> Hub:
    """The same with a remote on GitHub by its address."""
    at(hub, ON_GITHUB)
    return hub


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH: git is in it, and neither gh nor docker."""
    folder = tmp_path / "programs"
    folder.mkdir()
    git = shutil.which("git")
    assert git is not None
    (folder / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandInGh:
    """A stand-in for gh, the first on PATH."""
    stand_in = StandInGh.install(tmp_path / "gh")
    monkeypatch.setenv("PATH", str(stand_in.folder), prepend=os.pathsep)
    return stand_in


@pytest.fixture
def team(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A team of the hub repository, which becomes the clone of a fork; its stand-in for gh is first on PATH."""
    made = make_team(hub, tmp_path)
    monkeypatch.setenv("PATH", str(made.gh.folder), prepend=os.pathsep)
    return made


@pytest.fixture(autouse=True)
def real_helm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, isolated: None) -> None:
    """In tests marked ``helm``: a real one on PATH, 4 where a test does not ask for 3 too."""
    del isolated
    if request.node.get_closest_marker("helm"):
        monkeypatch.setenv("PATH", str(HELMS[getattr(request, "param", "4")].parent), prepend=os.pathsep)
