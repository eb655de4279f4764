"""A web server that answers by a script: well, badly, slowly or not at all."""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import TYPE_CHECKING

from ...support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from pathlib import Path


@dataclass
class Asked:
    """A request that came in."""

    line: str
    headers: Message


@dataclass
class Scripted:
    """A server and its script.

    Attributes:
        url: its address, without a slash at the end.
        answers: what it answers, one after the other; the last one again and again. Bytes are sent as they are,
            a function gets the connection.
        asked: the requests so far.
    """

    url: str
    answers: list[bytes | Callable[[socket.socket], None]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The requests' first lines: ``GET /index.yaml``."""
        return [asked.line.rpartition(" ")[0] for asked in self.asked]


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer; a header's underscores stand for its hyphens."""
    lines = {"Content-Length": str(len(body)), "Connection": "close"}
    lines.update({name.replace("_", "-"): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def reset(connection: socket.socket) -> None:
    """Break the connection off the hard way."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang_up(connection: socket.socket) -> None:
    """Say nothing and go."""
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
        """Drip into the connection."""
        self.over.clear()
        try:
            connection.sendall(self.start)
            while not self.over.wait(self.pause):
                connection.sendall(self.piece)
        except OSError:
            return


@contextmanager
def scripted(certificate: Path | None = None) -> Iterator[Scripted]:
    """Run such a server on a free port of 127.0.0.1, with TLS where a certificate with its key is given."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        script = Scripted(f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}")
        server.script = script  # type: ignore[attr-defined]
        with serving(server):
            try:
                yield script
            finally:
                for answer in script.answers:
                    if isinstance(answer, Drip):
                        answer.over.set()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            line = self.rfile.readline().decode().strip()
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
        except OSError:
            return
        if not line:
            return
        script: Scripted = self.server.script  # type: ignore[attr-defined]
        script.asked.append(Asked(line, BytesParser().parsebytes(head)))
        answer = script.answers[min(len(script.asked), len(script.answers)) - 1]
        if isinstance(answer, bytes):
            self.connection.sendall(answer)
        else:
            answer(self.connection)

    def finish(self) -> None:
        """Close what is still open; the other side may have gone."""
        try:
            super().finish()
        except OSError:
            return
