"""Google Cloud Build, as far as it goes without Google: the real gcloud sends the request, a stand-in builds it."""

import hashlib
import io
import json
import subprocess
import tarfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tasks.core.names import Reference
from tasks.tools.command import Output
from tasks.tools.logins import cloud_build_fault, google_project
from tests.support.cli import Result, run_task, sh, succeed
from tests.support.hubs import Hub
from tests.support.server import Asked, misbehaving, reply
from tests.support.world import commands, fault, nothing_written

PROJECT = "cal-icor-hubs"
BUCKET = f"{PROJECT}_cloudbuild"
# https://cloud.google.com/build/docs/cloud-builders: the entry point of each image that a step may name.
PROGRAMS = {"gcr.io/cloud-builders/docker": "docker"}


@dataclass
class Google:
    """What the stand-in is, and what it was asked."""

    address: str
    folder: Path
    denial: str = ""
    build: dict[str, Any] = field(default_factory=dict)
    ended: str = ""

    @property
    def env(self) -> dict[str, str]:
        """The variables by which gcloud asks it, as somebody who is signed in."""
        (self.folder / "token").write_text("ya29.made-up")
        return {
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(self.folder / "token"),
            "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDBUILD": f"{self.address}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.address}/storage/v1/",
        }

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def uploaded(self) -> list[str]:
        files = (path for path in self.workspace.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.workspace).as_posix() for path in files)

    def answer(self, asked: Asked) -> bytes:
        """Answer what gcloud asks of Cloud Storage and Cloud Build."""
        address = urlsplit(asked.path)
        bucket = {"name": BUCKET, "id": BUCKET}
        if address.path.startswith("/upload/"):
            return answered(self._keep(asked, parse_qs(address.query)["name"][0]))
        if asked.method == "POST" and self.denial:
            denied = {"error": {"code": 403, "message": self.denial, "status": "PERMISSION_DENIED"}}
            return answered(denied, "403 Forbidden")
        if asked.method == "POST":
            self.build, self.ended = json.loads(asked.body), ""
            kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
            return answered({"name": "operations/build/1", "metadata": {"@type": kind, "build": told("QUEUED")}})
        if address.path == "/storage/v1/b":
            return answered({"items": [bucket]})
        if address.path == f"/storage/v1/b/{BUCKET}":
            return answered(bucket)
        if "/builds/" in address.path:
            self.ended = self.ended or ("SUCCESS" if all(map(self._step, self.build["steps"])) else "FAILURE")
        return answered(told(self.ended)) if "/builds/" in address.path else answered({}, "404 Not Found")

    def _step(self, step: Mapping[str, Any]) -> bool:
        argv = (PROGRAMS[step["name"]], *(arg.replace("/workspace", str(self.workspace)) for arg in step["args"]))
        done = subprocess.run(argv, cwd=self.workspace / step.get("dir", ""), capture_output=True, check=False)
        (self.folder / "log").write_bytes(done.stderr)
        return done.returncode == 0

    def _keep(self, asked: Asked, name: str) -> dict[str, str]:
        """Unpack what is uploaded: two parts (https://cloud.google.com/storage/docs/json_api/v1/how-tos/multipart-upload)."""
        boundary = asked.headers["Content-Type"].partition("boundary=")[2].strip("'\"").encode()
        data = asked.body.split(b"--" + boundary)[2].partition(b"\n\n")[2].removesuffix(b"\n")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(self.workspace, filter="data")
        md5 = b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        return {"bucket": BUCKET, "name": name, "size": str(len(data)), "md5Hash": md5, "generation": "1"}


def told(status: str) -> dict[str, Any]:
    """Return a build as Cloud Build tells of it; its log is on Google's own host, where nothing is asked for it."""
    return {
        "id": "1",
        "projectId": PROJECT,
        "status": status,
        "name": f"projects/{PROJECT}/locations/global/builds/1",
        "createTime": "2026-11-25T10:00:00Z",
        "logUrl": "https://console.cloud.google.com/cloud-build/builds/1",
        "options": {"logging": "CLOUD_LOGGING_ONLY"},
    }


def answered(content: Mapping[str, Any], status: str = "200 OK") -> bytes:
    return reply(json.dumps(content).encode(), status, Content_Type="application/json")


EXPECTED = Path(__file__).with_name("expected")
FLAGS = ("--builder", "cloudbuild")


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    (tmp_path / "google").mkdir()
    with misbehaving() as server:
        stand_in = Google(server.url, tmp_path / "google")
        server.keeper = stand_in.answer
        for name, value in stand_in.env.items():
            monkeypatch.setenv(name, value)
        yield stand_in


@pytest.fixture
def hub(hub: Hub, mirror: str) -> Hub:
    """A hub whose Dockerfile copies a file that git ignores although it is committed."""
    hub.write("images/hub/Dockerfile", f"FROM {mirror}:3.2.1\nUSER root\nCOPY . /srv/\n")
    hub.put("images/hub/kept.txt", "committed\n")
    hub.write(".gitignore", "kept.txt\n")
    hub.put(".gcloudignore", "images\n")
    hub.write("images/hub/notes.txt", "not committed\n")
    hub.write(".git/info/exclude", "notes.txt\n")
    return hub


def build(hub: Hub, *flags: str) -> Result:
    return run_task("build", *FLAGS, *flags, cwd=hub.path)


# -- with the real gcloud


@pytest.mark.engine
@pytest.mark.gcloud
def test_cloud_build_gets_the_committed_context_and_what_it_makes_is_proved_and_written(
    hub: Hub, cloud: Google, mirror: str
) -> None:
    done = build(hub, "--json")
    assert done.code == 0, f"{done}{(cloud.folder / 'log').read_text()}"
    (image,) = done.json["images"]
    assert (image["status"], image["platforms"], image["base"]["inherited"]) == ("built", ["linux/amd64"], True)
    assert f"tag: {image['tag']}\n" in hub.read("hub/values.yaml")
    committed = hub.git("ls-tree", "-r", "--name-only", "HEAD", "images/hub").splitlines()
    assert cloud.uploaded == sorted(["bake.json", *(f"context/{path}" for path in committed)])
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
def test_an_image_that_somebody_else_pushed_meanwhile_is_not_taken_for_the_one_that_was_built(
    hub: Hub, cloud: Google, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = succeed("--dry", "build", "--json", *FLAGS, cwd=hub.path).json["images"][0]
    image = f"{planned['repository']}:{planned['tag']}"
    push = ("docker", "buildx", "imagetools", "create", "--tag", image, f"{mirror}:3.2.1")
    monkeypatch.setattr(cloud, "_step", lambda _: sh(*push, cwd=cloud.folder) is not None)
    with nothing_written(hub):
        assert fault(build(hub)) == (
            f"the tag names another image than the one that was built ({image})",
            "find out who pushes this tag, then: invoke build --force",
        )


@pytest.mark.engine
@pytest.mark.gcloud
def test_a_plan_can_be_pasted(hub: Hub, cloud: Google) -> None:
    plan = succeed("--dry", "build", *FLAGS, cwd=hub.path)
    for command in commands(plan.out):
        sh("bash", "-eo", "pipefail", "-c", command, cwd=hub.path)
    assert build(hub, "--json").json["images"][0]["status"] == "present"
    assert cloud.ended == "SUCCESS"


@pytest.mark.engine
@pytest.mark.gcloud
def test_a_build_that_fails_over_there_is_a_fault_and_leaves_the_values(hub: Hub, cloud: Google, mirror: str) -> None:
    hub.put("images/hub/Dockerfile", f"FROM {mirror}:3.2.1\nUSER root\nRUN --network=none exit 3\n")
    with nothing_written(hub):
        failed = build(hub)
    assert (failed.code, cloud.ended) == (3, "FAILURE"), failed
    assert fault(failed)[0].startswith("the build failed on Cloud Build: (gcloud.builds.submit) build 1 ")


@pytest.mark.engine
@pytest.mark.gcloud
def test_an_account_that_may_not_build_is_denied(hub: Hub, cloud: Google) -> None:
    cloud.denial = "The caller does not have permission"
    denied = build(hub)
    error, hint = fault(denied)
    assert denied.code == 4
    assert error.startswith("Cloud Build denied it: (gcloud.builds.submit) ")
    assert hint.startswith("gcloud auth list; the account needs the role cloudbuild.builds.editor")


NO_LOG = "ERROR: This tool can only stream logs if you are Viewer/Owner of the project."
SAYINGS = (
    (
        f"(gcloud.builds.submit) \nThe build is running.\n{NO_LOG}",
        3,
        "the build goes on, and gcloud cannot show its log: This tool can only stream logs",
        "wait for it: gcloud builds list --ongoing; then run the same command again, it finds the image",
    ),
    (
        "(gcloud.builds.submit) There was a problem refreshing your current auth tokens: Reauthentication failed.",
        4,
        "not signed in: (gcloud.builds.submit) There was a problem",
        "gcloud auth login",
    ),
    (
        "gcloud crashed (CommunicationError): Failed to connect: Max retries exceeded with url: /v1/projects",
        4,
        "Cloud Build does not answer: gcloud crashed",
        "gcloud builds list",
    ),
    (
        '(gcloud.builds.submit) build 403a401 completed with status "TIMEOUT"',
        3,
        "the build failed on Cloud Build: ",
        "its log above says why; again: gcloud builds list --limit=1",
    ),
    ("(gcloud.builds.submit) Odd.", 3, "(gcloud.builds.submit) Odd.", "see gcloud's output"),
)


@pytest.mark.parametrize(("words", "code", "what", "hint"), SAYINGS)
def test_what_gcloud_says_is_one_error_and_one_hint(words: str, code: int, what: str, hint: str) -> None:
    fault = cloud_build_fault(Output(1, b"", f"Creating temporary archive...\nERROR: {words}\n"), None)
    assert (fault.code, fault.what[: len(what)], fault.hint[: len(hint)]) == (code, what, hint)


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
