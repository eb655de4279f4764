"""A git remote that is reached over HTTP and asks for a password: git's own http-backend behind a small web server."""

import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .server import serving


@dataclass
class GitServer:
    """A server of git repositories."""

    folder: Path
    user: str
    password: str
    port: int = 0
    let_in: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        """Return the address of a repository, with the password in it."""
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.port}/{name}"

    @property
    def expected(self) -> str:
        """The header that lets in."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


@contextmanager
def git_server(folder: Path, user: str, password: str) -> Iterator[GitServer]:
    """Serve the bare repositories in ``folder`` on a free port of 127.0.0.1 for as long as the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        lab = GitServer(folder, user, password, server.server_port)
        server.lab = lab  # type: ignore[attr-defined]
        with serving(server):
            yield lab


class _Handler(BaseHTTPRequestHandler):
    """Hands each request on as RFC 3875 (CGI) says."""

    @property
    def lab(self) -> GitServer:
        return self.server.lab  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Authorization") != self.lab.expected:
            self._answer(401, [("WWW-Authenticate", 'Basic realm="hubs"')], b"")
            return
        self.lab.let_in.append(self.path)
        done = subprocess.run(
            ("git", "http-backend"), input=body, env=self._environment(), capture_output=True, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = BytesParser().parsebytes(head)
        status = int(headers.get("Status", "200 OK").split()[0])
        self._answer(status, [(name, value) for name, value in headers.items() if name != "Status"], content)

    def _environment(self) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        return {
            **os.environ,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.lab.folder),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_USER": self.lab.user,
            "REQUEST_METHOD": self.command,
        }

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""
