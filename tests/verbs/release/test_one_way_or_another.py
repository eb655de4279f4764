import sys
from pathlib import Path

import pytest

from tasks.rehearsal.registry import forget_images, free_port, registry
from tests.support.cli import sh, succeed
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT
from tests.support.world import images_in

pytestmark = pytest.mark.engine

STEPS = ("auth", "bump", "commit", "build", "commit")


def chain(hub: Hub) -> None:
    succeed(*STEPS, cwd=hub.path)


def release(hub: Hub) -> None:
    make(hub, "release", "--yes")


def make_each(hub: Hub) -> None:
    for step in STEPS:
        make(hub, step)


def make(hub: Hub, target: str, *flags: str) -> None:
    """Run a target of the project's own Makefile on ``hub``, with the Python that runs this test."""
    arguments = " ".join((*flags, "--repo", str(hub.path)))
    ready = ("--old-file=.venv/.ready", f"invoke={sys.executable} -m invoke")
    sh("make", "-C", str(PROJECT), *ready, target, f"ARGS={arguments}", cwd=PROJECT)


def test_every_way_ends_in_the_same_branch_commits_files_and_image(
    mirror: str, helm_repository: HelmServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time with an empty registry of the same address."""
    for variable in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(variable, "2026-06-10T10:00:00Z")
    port, outcomes = free_port(), []
    for way in (chain, release, make_each):
        with registry(tmp_path / f"{way.__name__}-registry", port=port) as served:
            prefix = f"{served.address}/hubs"
            hub = make_hub(tmp_path / way.__name__, base=mirror, registry=prefix, chart_repository=helm_repository.url)
            way(hub)
            looks = (("log", "--decorate=short", "--pretty=%H%d %s", "main..HEAD"), ("status", "--porcelain"))
            outcomes.append(([hub.git(*look) for look in looks], hub.snapshot(), list(images_in(served.address))))
            forget_images(served.address)
    assert outcomes[0] == outcomes[1] == outcomes[2]
