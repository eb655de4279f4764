import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.rehearsal.registry import forget_images, free_port, registry
from tests.support.cli import run, succeed
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT
from tests.support.world import images_in

pytestmark = pytest.mark.engine

# Commits made at one time are equal to the hash if their trees, messages and parents are.
AT_ONE_TIME = {"GIT_AUTHOR_DATE": "2026-06-10T10:00:00Z", "GIT_COMMITTER_DATE": "2026-06-10T10:00:00Z"}
STEPS = ("auth", "bump", "commit", "build", "commit")


@dataclass(frozen=True)
class Outcome:
    """What a release leaves behind."""

    branch: str
    head: str
    subjects: tuple[str, ...]
    files: Mapping[str, bytes]
    status: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a release can be made again and again, each time with an empty registry of the same address."""

    folder: Path
    base: str
    charts: HelmServer
    port: int

    def outcome_of(self, name: str, way: Callable[[Hub], None]) -> Outcome:
        """Make a hub, release it in some way, and return what is there then."""
        with self._registry(name) as address, pytest.MonkeyPatch.context() as patch:
            for variable, value in AT_ONE_TIME.items():
                patch.setenv(variable, value)
            prefix = f"{address}/hubs"
            hub = make_hub(self.folder / name, base=self.base, registry=prefix, chart_repository=self.charts.url)
            way(hub)
            return look_at(hub, tuple(images_in(address)))

    @contextmanager
    def _registry(self, name: str) -> Iterator[str]:
        with registry(self.folder / f"{name}-registry", port=self.port) as there:
            try:
                yield there.address
            finally:
                forget_images(there.address)


def look_at(hub: Hub, images: tuple[str, ...]) -> Outcome:
    return Outcome(
        hub.git("branch", "--show-current"),
        hub.git("rev-parse", "HEAD"),
        tuple(hub.subjects("main..HEAD")),
        hub.snapshot(),
        hub.git("status", "--porcelain"),
        images,
    )


@pytest.fixture
def place(mirror: str, helm_repository: HelmServer, tmp_path: Path) -> Place:
    return Place(tmp_path, mirror, helm_repository, free_port())


def chain(hub: Hub) -> None:
    succeed(*STEPS, cwd=hub.path)


def make_release(hub: Hub) -> None:
    make(hub, "release", "--yes")


def make_each(hub: Hub) -> None:
    for step in STEPS:
        make(hub, step)


def test_every_way_ends_in_the_same_branch_commits_files_and_image(place: Place) -> None:
    chained, released, each_made = (place.outcome_of(way.__name__, way) for way in (chain, make_release, make_each))
    assert chained == released
    assert each_made == released


def make(hub: Hub, target: str, *flags: str) -> None:
    """Run a target of the project's own Makefile on ``hub``, with the Python that runs this test."""
    arguments = " ".join((*flags, "--repo", str(hub.path)))
    ready = ("--old-file=.venv/.ready", f"invoke={sys.executable} -m invoke")
    result = run("make", "-C", str(PROJECT), *ready, target, f"ARGS={arguments}", cwd=PROJECT)
    assert result.code == 0, result
