"""A server that misbehaves: before a real registry or Helm repository, or before none, with some answers of its own."""

from __future__ import annotations

import http.client
import math
import socket
import socketserver
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import TYPE_CHECKING, TypeAlias

from ..support.serving import serving
from ..unit.releases.scripted import Drip, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message

Answer: TypeAlias = "bytes | Callable[[socket.socket], None]"
# A proxy's own: what stands between it and each side alone.
_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")
_TLS = b"\x16"


@dataclass(frozen=True)
class Asked:
    """A request that came in.

    Attributes:
        method: ``GET``.
        path: its path, with the query.
        headers: its headers.
        body: its body, whole.
    """

    method: str
    path: str
    headers: Message
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Rule:
    """Answers requests in the registry's place.

    Attributes:
        part: what stands in their line (``GET /v2/hub/manifests/1``) somewhere; empty for every request.
        answer: what is sent as it is, or what is done with the connection.
        times: how many such requests it answers.
        after: what stands in the line of an earlier request; empty where it need not wait for one.
    """

    part: str
    answer: Answer
    times: float = math.inf
    after: str = ""


@dataclass
class Front:
    """What stands before the registry.

    Attributes:
        address: its ``HOST:PORT``.
        behind: the ``HOST:PORT`` of the registry behind it; without one, nothing is ever found.
        rules: the first that fits a request answers it.
        asked: the requests so far.
    """

    address: str
    behind: str | None = None
    rules: list[Rule] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, part: str, answer: Answer, *, times: float = math.inf, after: str = "") -> None:
        """Answer requests with ``part`` in their line with ``answer`` from now on, or ``after`` another request."""
        self.rules.append(Rule(part, answer, times, after))

    def said(self, header: str) -> list[str]:
        """Return the values of ``header`` in all requests so far."""
        return [asked.headers[header] for asked in self.asked if header in asked.headers]

    def answer_to(self, asked: Asked) -> Answer:
        """Return what ``asked`` is answered with."""
        for rule in self.rules:
            if rule.part in str(asked) and rule.times > 0 and self._was_asked(rule.after, asked):
                rule.times -= 1
                return rule.answer
        return _MISSING if self.behind is None else _forwarded(asked, self.behind)

    def _was_asked(self, part: str, now: Asked) -> bool:
        return not part or any(part in str(earlier) for earlier in self.asked if earlier is not now)


@contextmanager
def front(behind: str | None = None) -> Iterator[Front]:
    """Serve on a free port of 127.0.0.1, before the registry at ``behind`` (``HOST:PORT``) where one is given."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        made = Front(f"127.0.0.1:{server.server_address[1]}", behind)
        server.front = made  # type: ignore[attr-defined]
        with serving(server):
            try:
                yield made
            finally:
                for rule in made.rules:
                    if isinstance(rule.answer, Drip):
                        rule.answer.over.set()


_MISSING = reply(
    b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}',
    "404 Not Found",
    Content_Type="application/json",
)


class _Handler(socketserver.StreamRequestHandler):
    """Takes one request of each connection."""

    def handle(self) -> None:
        # Whoever asked may have gone, which is what some of the tests are about.
        with suppress(OSError):
            asked = self._read()
            if asked is None:
                return
            served: Front = self.server.front  # type: ignore[attr-defined]
            served.asked.append(asked)
            answer = served.answer_to(asked)
            if isinstance(answer, bytes):
                self.connection.sendall(answer)
            else:
                answer(self.connection)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def _read(self) -> Asked | None:
        if self.connection.recv(1, socket.MSG_PEEK) == _TLS:
            # Docker tries HTTPS first, and waits for an answer.
            return None
        words = self.rfile.readline().decode("latin-1").split()
        if not words:
            return None
        headers = BytesParser().parsebytes(b"".join(iter(self.rfile.readline, b"\r\n")))
        if "100-continue" in headers.get("Expect", ""):
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Asked(words[0], words[1], headers, self._body(headers))

    def _body(self, headers: Message) -> bytes:
        if headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(headers.get("Content-Length", "0")))
        body = bytearray()
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)


def _forwarded(asked: Asked, behind: str) -> bytes:
    """Ask the registry itself, under the name that the asker knows: its answers lead back to the front."""
    connection = http.client.HTTPConnection(behind, timeout=30)
    try:
        kept_back = (*_HOP, "expect")
        # Docker says what it accepts in several headers of that name.
        sent = {
            name: ", ".join(asked.headers.get_all(name, ())) for name in asked.headers if name.lower() not in kept_back
        }
        connection.request(asked.method, asked.path, asked.body, sent)
        answer = connection.getresponse()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
        body = answer.read()
        length = answer.headers.get("Content-Length", "0") if asked.method == "HEAD" else str(len(body))
    finally:
        connection.close()
    head = "".join(f"{name}: {value}\r\n" for name, value in (*kept, ("Content-Length", length)))
    return f"HTTP/1.1 {answer.status} {answer.reason}\r\n{head}Connection: close\r\n\r\n".encode("latin-1") + body
