from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.repo.files import Committed
from tasks.tools.git import Git
from tests.support.calls import opened
from tests.support.hubs import make_repository

DOCKERFILES = {f"images/{name}/Dockerfile": "FROM python:3.12\n" for name in ("a", "b", "c")}
HUB_DOCKERFILE = {"images/hub/Dockerfile": "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n"}


def test_the_dockerfiles_of_a_commit_are_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = opened(make_repository(tmp_path / "hub", DOCKERFILES | HUB_DOCKERFILE))
    read, show_all = [], Git.show_all

    def recorded(git: Git, paths: Sequence[str], revision: str) -> dict[str, bytes | None]:
        read.extend([paths] if paths else [])
        return show_all(git, paths, revision)

    monkeypatch.setattr(Git, "show_all", recorded)
    committed = replace(hub, files=Committed(hub.git))
    assert committed.dockerfiles == [*HUB_DOCKERFILE]
    assert read == [[*DOCKERFILES, *HUB_DOCKERFILE]]
