"""A real registry behind a door: a proxy on a loopback port, whose keeper says what is let through."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

from ...support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "authorization"})
_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Request:
    """What a registry is asked, as far as a keeper needs it.

    Attributes:
        host: the address that it came to.
        method: the HTTP method.
        path: the address without its query.
        kind: ``basic`` or ``bearer``; empty where nobody is signed in.
        user: the user's name, where it is ``basic``.
        secret: the password, or the token.
        by_docker: whether the engine asks, rather than a program that only looks.
        scopes: what a token is asked for (``repository:core/hub:pull,push``).
    """

    host: str
    method: str
    path: str
    kind: str
    user: str
    secret: str
    by_docker: bool
    scopes: tuple[str, ...]

    @property
    def writes(self) -> bool:
        """Whether it is a part of a push."""
        return self.method in _WRITING

    @property
    def uploads(self) -> bool:
        """Whether it begins to upload a layer."""
        return self.method == "POST" and self.path.endswith("/blobs/uploads/")

    @property
    def begins_push(self) -> bool:
        """Whether it is the engine that uploads."""
        return self.uploads and self.by_docker


@dataclass(frozen=True)
class Answer:
    """What the keeper answers in the registry's place."""

    status: int
    content: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def refusal(cls, status: int, code: str, message: str, **headers: str) -> Answer:
        """Return a refusal in a registry's words."""
        return cls(status, {"errors": [{"code": code, "message": message}]}, headers)


class Keeper(Protocol):
    """Says what becomes of a request: an answer of its own, or None for the registry's."""

    def __call__(self, request: Request) -> Answer | None:
        """Judge one request; one at a time."""


@dataclass
class Door:
    """A registry with a keeper.

    Attributes:
        address: what image names begin with: ``127.0.0.1:PORT``.
        upstream: the registry behind it, likewise.
        keeper: judges each request.
        requests: those that came, in their order.
    """

    address: str
    upstream: str
    keeper: Keeper
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, request: Request) -> Answer | None:
        """Write a request down and ask the keeper, for one request at a time."""
        with self.lock:
            self.requests.append(request)
            return self.keeper(request)


@contextmanager
def door(upstream: str, keeper: Keeper) -> Iterator[Door]:
    """Serve the registry at ``upstream`` behind a door, on a free port, for as long as the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        opened = Door(f"127.0.0.1:{server.server_port}", upstream, keeper)
        server.door = opened  # type: ignore[attr-defined]
        with serving(server):
            yield opened


class _Handler(BaseHTTPRequestHandler):
    """Answers for the keeper, and hands on everything else."""

    protocol_version = "HTTP/1.1"

    @property
    def door(self) -> Door:
        return self.server.door  # type: ignore[attr-defined, no-any-return]

    def handle_any(self) -> None:
        body = self._body()
        answer = self.door.judge(self._request())
        if answer is None:
            self._hand_on(body)
        else:
            content = json.dumps(answer.content).encode()
            self._answer(answer.status, {"Content-Type": "application/json", **answer.headers}, content)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = handle_any  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def _request(self) -> Request:
        address = urlsplit(self.path)
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(given).decode().partition(":") if kind == "Basic" else ("", "", given)
        by_docker = self.headers.get("User-Agent", "").startswith("docker/")
        scopes = tuple(parse_qs(address.query).get("scope", ()))
        return Request(self.door.address, self.command, address.path, kind.lower(), user, password, by_docker, scopes)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _hand_on(self, body: bytes) -> None:
        """Ask the registry; it sees the door's own address, and so names it in what it answers."""
        with closing(http.client.HTTPConnection(self.door.upstream, timeout=30)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            # One by one: Docker names each media type that it takes in a header of its own.
            for name, value in self.headers.items():
                if name.lower() not in _OF_THE_CONNECTION:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _OF_THE_CONNECTION}
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self._answer(answer.status, kept, content, length)

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
