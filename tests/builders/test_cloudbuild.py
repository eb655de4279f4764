"""Google Cloud Build: the exact request, as far as it goes without Google. A stand-in for gcloud notes it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tasks.build import BuildWish
from tasks.faults import Denied, ProgramFailed, Refused
from tasks.hubrepo.layout import Hub as OpenHub
from tasks.hubrepo.layout import open_hub
from tasks.image.building import Build
from tasks.image.cloudbuild import CloudBuild
from tasks.image.job import ImageJob
from tasks.image.naming import history_of, name_image
from tasks.image.proof import Base
from tasks.settings import Settings
from tasks.tools.builder import CLOUD_BUILD, Builder
from tasks.tools.found import FoundImage
from tasks.tools.git import Git
from tests.lab.cli import run_task
from tests.lab.hubs import make_hub

REGISTRY = "us-central1-docker.pkg.dev/cal-icor-hubs"
DIGEST = f"sha256:{'a' * 64}"


@dataclass(frozen=True)
class StandIn:
    """The stand-in for gcloud.

    Attributes:
        note: the file that it writes.
    """

    note: Path

    def asked(self) -> dict[str, Any]:
        """Return what it was asked."""
        found: dict[str, Any] = json.loads(self.note.read_text())
        return found


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    program = tmp_path / "bin" / "gcloud"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("standin_gcloud.py")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("STAND_IN_NOTE", str(tmp_path / "note.json"))
    return StandIn(tmp_path / "note.json")


@pytest.fixture
def hub(tmp_path: Path) -> OpenHub:
    made = make_hub(tmp_path / "hub", registry=REGISTRY)
    made.write(".gitignore", "requirements.txt\n")
    made.commit("Ignore what is committed")
    return open_hub(Settings(), Git.around(made.path))


def planned(hub: OpenHub) -> Build:
    """Return the build of the hub's image, its base's registry having answered."""
    (image,) = hub.images
    base = Base(image.base.reference, FoundImage(DIGEST, {}))
    job = ImageJob(image, name_image(hub, history_of(hub), image), base, "linux/amd64", "linux/amd64")
    return Build(hub, BuildWish(builder=CLOUD_BUILD), (job,), True, Builder(CLOUD_BUILD), CloudBuild())


def test_the_request_is_the_commit_and_the_same_bake_definition(hub: OpenHub, gcloud: StandIn) -> None:
    build = planned(hub)

    assert CloudBuild().build(build) == {}

    asked = gcloud.asked()
    source = asked["argv"][2]
    assert asked["argv"] == [
        "builds",
        "submit",
        source,
        f"--config={source}/hubpress-cloudbuild.json",
        "--ignore-file=hubpress-gcloudignore",
        "--project=cal-icor-hubs",
        "--quiet",
    ]
    assert json.loads(asked["uploaded"]["hubpress-cloudbuild.json"]) == {
        "steps": [
            {
                "name": "gcr.io/cloud-builders/docker",
                "args": ["buildx", "bake", "--file", "/workspace/hubpress-bake.json"],
            }
        ],
        "timeout": "3600s",
    }
    reference = str(build.jobs[0].reference)
    target = json.loads(asked["uploaded"]["hubpress-bake.json"])["target"]["hub"]
    assert target["tags"] == [reference]
    assert target["platforms"] == ["linux/amd64"]
    assert target["output"] == ["type=registry"]
    assert target["contexts"] == {
        "quay.io/jupyterhub/k8s-hub:3.2.1": f"docker-image://quay.io/jupyterhub/k8s-hub:3.2.1@{DIGEST}"
    }
    assert asked["uploaded"]["hubpress-gcloudignore"] == ".git\n"


def test_what_is_uploaded_is_the_last_commit_and_not_what_lies_around(hub: OpenHub, gcloud: StandIn) -> None:
    (hub.git.folder / "notes.txt").write_text("not committed\n")

    CloudBuild().build(planned(hub))

    uploaded = gcloud.asked()["uploaded"]
    assert "notes.txt" not in uploaded
    assert "images/hub/requirements.txt" in uploaded


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        pytest.param(
            'ERROR: (gcloud.builds.submit) build 1f2e completed with status "FAILURE"', ProgramFailed, id="build"
        ),
        pytest.param("ERROR: (gcloud.builds.submit) PERMISSION_DENIED: The caller lacks a role", Denied, id="denied"),
    ],
)
def test_what_gcloud_says_is_the_fault(
    hub: OpenHub, gcloud: StandIn, monkeypatch: pytest.MonkeyPatch, words: str, fault: type[Exception]
) -> None:
    monkeypatch.setenv("STAND_IN_SAYS", f"Creating temporary archive...\n{words}\n")

    with pytest.raises(fault, match=r"gcloud\.builds\.submit"):
        CloudBuild().build(planned(hub))

    assert gcloud.note.exists()


def test_nothing_can_be_left_on_this_machine(hub: OpenHub) -> None:
    with pytest.raises(Refused, match="Cloud Build has no image to leave here"):
        CloudBuild.fit_for(hub, BuildWish(push=False, builder=CLOUD_BUILD))


def test_the_runbook_s_own_commands_run_here_alone(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")

    refused = run_task("build", "--engine", "chartpress", "--builder", "cloudbuild", cwd=hub.path)

    assert refused.code in {1, 4}, refused
