"""A STAND-IN for Google, as far as ``gcloud builds submit`` asks for it: storage, and Cloud Build.

It keeps what it was sent, and builds that as Cloud Build does: each step is a container's program in ``/workspace``,
which holds what was uploaded. The real gcloud asks it, sent here by its own settings.
"""

import hashlib
import io
import json
import subprocess
import tarfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.server import serving

PROJECT = "cal-icor-hubs"
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
        """What was uploaded for the last build, unpacked."""
        return self.folder / "workspace"

    @property
    def uploaded(self) -> list[str]:
        """The files that were uploaded for the last build."""
        files = (path for path in self.workspace.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.workspace).as_posix() for path in files)

    def outcome(self) -> str:
        """Return how the build ended, having run its steps."""
        self.ended = self.ended or ("SUCCESS" if all(map(self._step, self.build["steps"])) else "FAILURE")
        return self.ended

    def _step(self, step: Mapping[str, Any]) -> bool:
        argv = (PROGRAMS[step["name"]], *(arg.replace("/workspace", str(self.workspace)) for arg in step["args"]))
        done = subprocess.run(argv, cwd=self.workspace / step.get("dir", ""), capture_output=True, check=False)
        (self.folder / "log").write_bytes(done.stderr)
        return done.returncode == 0


@contextmanager
def google(folder: Path) -> Iterator[Google]:
    """Serve it on a free port of 127.0.0.1 for as long as the block runs."""
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        opened = Google(f"http://127.0.0.1:{server.server_port}", folder)
        server.google = opened  # type: ignore[attr-defined]
        with serving(server):
            yield opened


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = "QUEUED"

    @property
    def google(self) -> Google:
        return self.server.google  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        bucket = f"{PROJECT}_cloudbuild"
        path = urlsplit(self.path).path
        if path == "/storage/v1/b":
            self._answer({"items": [{"name": bucket, "id": bucket}]})
        elif path == f"/storage/v1/b/{bucket}":
            self._answer({"name": bucket, "id": bucket})
        elif "/builds/" in path:
            self._answer(self._told(self.google.outcome()))
        else:
            self._answer({}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        address = urlsplit(self.path)
        if address.path.startswith("/upload/"):
            self._answer(self._keep(body, parse_qs(address.query)["name"][0]))
        elif self.google.denial:
            self._answer({"error": {"code": 403, "message": self.google.denial, "status": "PERMISSION_DENIED"}}, 403)
        else:
            self.google.build, self.google.ended = json.loads(body), ""
            kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
            self._answer({"name": "operations/build/1", "metadata": {"@type": kind, "build": self._told("QUEUED")}})

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def _keep(self, body: bytes, name: str) -> dict[str, str]:
        """Unpack what is uploaded: two parts (https://cloud.google.com/storage/docs/json_api/v1/how-tos/multipart-upload)."""
        boundary = self.headers["Content-Type"].partition("boundary=")[2].strip("'\"").encode()
        data = body.split(b"--" + boundary)[2].partition(b"\n\n")[2].removesuffix(b"\n")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(self.google.workspace, filter="data")
        md5 = b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        return {
            "bucket": f"{PROJECT}_cloudbuild",
            "name": name,
            "size": str(len(data)),
            "md5Hash": md5,
            "generation": "1",
        }

    def _told(self, status: str) -> dict[str, Any]:
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

    def _answer(self, content: Mapping[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
