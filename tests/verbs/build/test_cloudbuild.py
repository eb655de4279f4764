"""Google Cloud Build, as far as it goes without Google: the real gcloud sends the request, a stand-in builds it."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.core.names import Reference
from tasks.image.engines import google_project
from tasks.rehearsal.registry import Registry
from tests.support.cli import Result, run, run_task, succeed
from tests.support.hubs import Hub, make_hub

from .google import Google, google

EXPECTED = Path(__file__).with_name("expected")
FLAGS = ("--builder", "cloudbuild")


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with google(tmp_path / "google") as stand_in:
        for name, value in stand_in.env.items():
            monkeypatch.setenv(name, value)
        yield stand_in


@pytest.fixture
def hub(tmp_path: Path, registry: Registry, mirror: str) -> Hub:
    """A hub whose Dockerfile copies a file that git ignores although it is committed."""
    made = make_hub(tmp_path / "hub", registry=f"{registry.address}/{tmp_path.name.lower()}", base=mirror)
    made.write("images/hub/Dockerfile", f"FROM {mirror}:3.2.1\nUSER root\nCOPY . /srv/\n")
    made.write("images/hub/kept.txt", "committed\n")
    made.commit("Build in the cloud")
    made.write(".gitignore", "kept.txt\n")
    made.write(".gcloudignore", "images\n")
    made.commit("Ignore what is committed")
    made.write("images/hub/notes.txt", "not committed\n")
    (made.path / ".git/info/exclude").write_text("notes.txt\n")
    return made


def build(hub: Hub, *flags: str) -> Result:
    return run_task("build", *FLAGS, *flags, cwd=hub.path)


# -- with the real gcloud


@pytest.mark.engine
@pytest.mark.gcloud
def test_cloud_build_gets_the_committed_context_and_what_it_makes_is_proved_and_written(
    hub: Hub, cloud: Google, mirror: str
) -> None:
    hub.write("images/hub/settings.local", "ignored by git\n")
    hub.write(".git/info/exclude", f"{hub.read('.git/info/exclude')}*.local\n")
    done = build(hub, "--json")
    assert done.code == 0, f"{done}{(cloud.folder / 'log').read_text()}"
    (image,) = done.json["images"]
    assert (image["status"], image["platforms"], image["base"]["inherited"]) == ("built", ["linux/amd64"], True)
    assert f"tag: {image['tag']}\n" in hub.read("hub/values.yaml")
    committed = hub.git("ls-tree", "-r", "--name-only", "HEAD", "images/hub").splitlines()
    assert cloud.uploaded == sorted(["bake.json", *(f"context/{path}" for path in committed)])
    assert "context/images/hub/kept.txt" in cloud.uploaded
    sent = {name: value for name, value in cloud.build.items() if name != "source"}
    definition = (cloud.workspace / "bake.json").read_text()
    for once, always in {
        image["base"]["digest"]: "BASE-DIGEST",
        image["tag"]: "TAG",
        hub.git("log", "-1", "--pretty=%H", "--", "images/hub"): "COMMIT",
        mirror: "MIRROR/k8s-hub",
        image["repository"]: "REGISTRY/core/hub",
        image["inputs"]: "INPUTS",
    }.items():
        definition = definition.replace(once, always)
    assert sent == json.loads((EXPECTED / "cloudbuild.json").read_text())
    assert f"{definition}\n" == (EXPECTED / "bake.json").read_text()
    again = build(hub, "--json")
    assert again.json["images"][0]["status"] == "present"


@pytest.mark.engine
@pytest.mark.gcloud
def test_a_plan_can_be_pasted(hub: Hub, cloud: Google) -> None:
    plan = succeed("--dry", "build", *FLAGS, cwd=hub.path)
    lines = plan.out.splitlines()
    begin = next(index for index, line in enumerate(lines) if "$ request=$(mktemp -d)" in line)
    end = next(index for index, line in enumerate(lines) if "gcloud builds submit " in line)
    margin = lines[begin].index("$ ")
    script = "\n".join([lines[begin][margin + 2 :], *(line[margin:] for line in lines[begin + 1 : end + 1])])
    pasted = run("bash", "-eo", "pipefail", "-c", script, cwd=hub.path)
    assert pasted.code == 0, pasted
    assert build(hub, "--json").json["images"][0]["status"] == "present"
    assert cloud.ended == "SUCCESS"


@pytest.mark.engine
@pytest.mark.gcloud
def test_a_build_that_fails_over_there_is_a_fault_and_leaves_the_values(hub: Hub, cloud: Google, mirror: str) -> None:
    hub.write("images/hub/Dockerfile", f"FROM {mirror}:3.2.1\nUSER root\nRUN --network=none exit 3\n")
    hub.commit("Break it")
    before = hub.snapshot()
    failed = build(hub)
    assert failed.code == 3, failed
    assert failed.err.splitlines()[-2].startswith(
        "error: the build failed on Cloud Build: (gcloud.builds.submit) build 1 "
    )
    assert cloud.ended == "FAILURE"
    assert hub.snapshot() == before


@pytest.mark.engine
@pytest.mark.gcloud
def test_an_account_that_may_not_build_is_denied(hub: Hub, cloud: Google) -> None:
    cloud.denial = "The caller does not have permission"
    denied = build(hub)
    assert denied.code == 4, denied
    error, hint = denied.err.splitlines()[-2:]
    assert error.startswith("error: Cloud Build denied it: (gcloud.builds.submit) ")
    assert hint.startswith("hint: gcloud auth list; the account needs the role cloudbuild.builds.editor")


# -- what gcloud says


@pytest.mark.engine
@pytest.mark.parametrize(
    ("words", "code", "error", "hint"),
    [
        pytest.param(
            "(gcloud.builds.submit) \nThe build is running, and logs are being written to the default logs bucket.\n"
            "ERROR: This tool can only stream logs if you are Viewer/Owner of the project.",
            3,
            "the build goes on, and gcloud cannot show its log: This tool can only stream logs",
            "wait for it: gcloud builds list --ongoing; then run the same command again, it finds the image",
            id="log",
        ),
        pytest.param(
            "(gcloud.builds.submit) You do not currently have an active account selected.",
            4,
            "not signed in: (gcloud.builds.submit) You do not",
            "gcloud auth login",
            id="nobody signed in",
        ),
        pytest.param(
            "(gcloud.builds.submit) There was a problem refreshing your current auth tokens: Reauthentication failed.",
            4,
            "not signed in: (gcloud.builds.submit) There was a problem",
            "gcloud auth login",
            id="session ended",
        ),
        pytest.param(
            "gcloud crashed (CommunicationError): Failed to connect: Max retries exceeded with url: /v1/projects",
            4,
            "Cloud Build does not answer: gcloud crashed",
            "gcloud builds list",
            id="offline",
        ),
        pytest.param(
            '(gcloud.builds.submit) build 403a401 completed with status "TIMEOUT"',
            3,
            "the build failed on Cloud Build: ",
            "its log above says why; again: gcloud builds list --limit=1",
            id="too slow",
        ),
        pytest.param(
            "(gcloud.builds.submit) Odd.", 3, "(gcloud.builds.submit) Odd.", "see gcloud's output", id="other"
        ),
    ],
)
def test_what_gcloud_says_is_one_error_and_one_hint(  # noqa: PLR0913, PLR0917 - the table's columns
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, code: int, error: str, hint: str
) -> None:
    program = tmp_path / "path" / "gcloud"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("standin_gcloud.py")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("STAND_IN_SAYS", f"Creating temporary archive...\nERROR: {words}\n")
    failed = build(hub)
    assert failed.code == code, failed
    assert failed.err.splitlines()[-2].startswith(f"error: {error}")
    assert failed.err.splitlines()[-1].startswith(f"hint: {hint}")


# -- what it cannot do


@pytest.mark.parametrize(
    ("image", "project"),
    [
        ("us-central1-docker.pkg.dev/cal-icor-hubs/core/hub:1", "cal-icor-hubs"),
        ("gcr.io/cal-icor-hubs/hub:1", "cal-icor-hubs"),
        ("quay.io/cal-icor/hub:1", None),
    ],
)
def test_a_registry_of_googles_names_the_project(image: str, project: str | None) -> None:
    assert google_project(Reference.parse(image)) == project
