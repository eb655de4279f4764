"""A server that misbehaves: of answers that a test writes down, alone or before a real registry or Helm repository."""

from __future__ import annotations

import math
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TypeAlias

import urllib3

from .machine import PROJECT

Answer: TypeAlias = bytes | Callable[[socket.socket], None]
# A certificate of this machine, with its key.
CERTIFICATE = PROJECT / "tests" / "data" / "server.pem"
# A proxy's own: what stands between it and each side alone.
_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive", "expect")
_TLS = b"\x16"


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    headers: Message
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Rule:
    """What answers requests in the place of what is behind: see :meth:`Server.answer`."""

    part: str
    answer: Answer
    times: float
    after: str


@dataclass
class Server:
    """The server.

    Attributes:
        url: its address, without a slash at the end.
        behind: the ``HOST:PORT`` of the real server behind it; without one, nothing is ever found.
        rules: the first that fits a request answers it.
        keeper: answers requests before everything else, one at a time; where it returns None, the rules do.
        answers: what it answers besides, one after the other; the last one again and again.
        asked: the requests so far.
    """

    url: str
    behind: str | None = None
    rules: list[Rule] = field(default_factory=list)
    keeper: Callable[[Asked], Answer | None] = lambda _: None
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    @property
    def address(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def lines(self) -> list[str]:
        """The requests so far: ``GET /index.yaml``."""
        return [str(asked) for asked in self.asked]

    def answer(self, part: str, answer: Answer, *, times: float = math.inf, after: str = "") -> None:
        """Answer requests with ``part`` in their line (``GET /v2/hub/manifests/1``) with ``answer`` from now on.

        That is ``times`` requests at the most, and only ``after`` one with that in its line.
        """
        self.rules.append(Rule(part, answer, times, after))

    def said(self, header: str) -> list[str]:
        """Return the values of ``header`` in all requests so far."""
        return [asked.headers[header] for asked in self.asked if header in asked.headers]

    def answer_to(self, asked: Asked) -> Answer:
        with self._one_at_a_time:
            kept = self.keeper(asked)
        if kept is not None:
            return kept
        earlier = [str(one) for one in self.asked if one is not asked]
        for rule in self.rules:
            may = not rule.after or any(rule.after in one for one in earlier)
            if rule.part in str(asked) and rule.times > 0 and may:
                rule.times -= 1
                return rule.answer
        if self.answers:
            return self.answers[min(len(self.asked), len(self.answers)) - 1]
        return _MISSING if self.behind is None else _forwarded(asked, self.behind)


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer; a header's underscores stand for its hyphens."""
    lines = {"Content-Length": str(len(body)), "Connection": "close"}
    lines.update({name.replace("_", "-"): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def tunnel_to(url: str) -> Callable[[socket.socket], None]:
    """Return a proxy's answer to ``CONNECT``: a tunnel to the server at ``url``, whatever was asked for."""
    host, _, port = url.rpartition("//")[2].partition(":")

    def tunnel(connection: socket.socket) -> None:
        with socket.create_connection((host, int(port))) as server:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(server, connection))
            back.start()
            _pass_on(connection, server)
            back.join()

    return tunnel


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Drip:
    """Sends ``start``, and then ``piece`` every ``pause`` seconds as long as somebody listens."""

    start: bytes
    piece: bytes
    pause: float = 0.02
    over: threading.Event = field(default_factory=threading.Event)

    def __call__(self, connection: socket.socket) -> None:
        self.over.clear()
        try:
            connection.sendall(self.start)
            while not self.over.wait(self.pause):
                connection.sendall(self.piece)
        except OSError:
            return


@contextmanager
def misbehaving(behind: str | None = None, certificate: Path | None = None) -> Iterator[Server]:
    """Serve on a free port of 127.0.0.1, before the real server at ``behind`` (``HOST:PORT``) where one is given.

    It speaks TLS where a certificate with its key is given.
    """
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        made = Server(f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}", behind)
        server.made = made  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            for answer in (*made.answers, *(rule.answer for rule in made.rules)):
                if isinstance(answer, Drip):
                    answer.over.set()
            server.shutdown()
            thread.join()


_MISSING = reply(
    b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}',
    "404 Not Found",
    Content_Type="application/json",
)


class _Handler(BaseHTTPRequestHandler):
    """Takes one request of each connection."""

    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        # Whoever asked may have gone, which is what some of the tests are about.
        with suppress(OSError):
            if not isinstance(self.connection, ssl.SSLSocket) and self.connection.recv(1, socket.MSG_PEEK) == _TLS:
                # Docker tries HTTPS first, and waits for an answer.
                return
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                return
            asked = Asked(self.command, self.path, self.headers, self._body())
            served: Server = self.server.made  # type: ignore[attr-defined]
            served.asked.append(asked)
            answer = served.answer_to(asked)
            if isinstance(answer, bytes):
                self.connection.sendall(answer)
            else:
                answer(self.connection)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = bytearray()
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)


def _forwarded(asked: Asked, behind: str) -> bytes:
    """Ask the registry itself, under the name that the asker knows: its answers lead back to the front."""
    # Docker says what it accepts in several headers of that name.
    sent = {name: ", ".join(asked.headers.get_all(name, ())) for name in asked.headers if name.lower() not in _HOP}
    answer = urllib3.request(
        asked.method,
        f"http://{behind}{asked.path}",
        body=asked.body,
        headers=sent,
        decode_content=False,
        redirect=False,
        retries=False,
    )
    kept = {name.replace("-", "_"): value for name, value in answer.headers.items() if name.lower() not in _HOP}
    length = answer.headers.get("Content-Length", "0") if asked.method == "HEAD" else str(len(answer.data))
    return reply(answer.data, f"{answer.status} {answer.reason}", **kept, Content_Length=length)
