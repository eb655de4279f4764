"""One exchange with a web server: how this machine reaches it, and why no answer comes."""

from __future__ import annotations

import logging
import os
import re
import time
from base64 import b64encode
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead, InvalidURL
from pathlib import Path
from socket import gaierror
from ssl import SSLCertVerificationError, SSLContext, SSLError, create_default_context
from threading import Thread
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import SplitResult, quote, unquote, urlsplit

from .._version import __version__
from ..faults import Unusable
from .limits import TooLarge, TooLate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.client import HTTPResponse

    from .address import Address

T = TypeVar("T")
Reasons = tuple[tuple[tuple[type[Exception], ...], str], ...]

log = logging.getLogger("hubpress")

_CERTIFICATES = "REQUESTS_CA_BUNDLE"
_PROXY_PORT = 80
_CHUNK = 64 * 1024
# What a path and a query hold besides letters and digits (RFC 3986), escapes included, and what looks like one.
_IN_TARGET = "/?%:@!$&'()*+,;=~-._"
_NO_ESCAPE = r"%(?![0-9A-Fa-f]{2})"
# The first that fits says why.
_INSECURE: Reasons = (
    ((SSLCertVerificationError,), "its certificate is not trusted here"),
    ((SSLError,), "no secure connection can be made"),
)
_NO_ADDRESS: Reasons = (((InvalidURL, UnicodeError), "this is no address of a web server"),)
_UNCONNECTED: Reasons = (
    *_INSECURE,
    *_NO_ADDRESS,
    ((gaierror,), "the host's name is not known here"),
    ((TimeoutError,), "no connection within {seconds:g} s"),
    ((ConnectionResetError,), "the connection broke off"),
    ((Exception,), "the host takes no connection"),
)
_BY_PROXY: Reasons = (
    *_INSECURE,
    *_NO_ADDRESS,
    ((Exception,), "no connection by the proxy that the environment names"),
)
_BROKEN: Reasons = (
    *_INSECURE,
    *_NO_ADDRESS,
    ((TimeoutError,), "the server said nothing for {seconds:g} s"),
    ((OSError, IncompleteRead), "the connection broke off"),
    ((Exception,), "what it answers is no HTTP"),
)


class NoAnswer(Exception):  # noqa: N818 - says what came of a request
    """No answer came, or no whole one.

    Args:
        why: why, as a clause that holds no login.
        lasting: whether asking again would end in the same way.
    """

    def __init__(self, why: str, *, lasting: bool) -> None:
        super().__init__(why)
        self.why = why
        self.lasting = lasting


@contextmanager
def exchange(
    method: str,
    address: Address,
    headers: Mapping[str, str],
    *,
    connect: float,
    read: float,
    body: bytes | None = None,
) -> Iterator[HTTPResponse]:
    """Send one request, directly or by the environment's proxy, and give the answer; its body is still to be read.

    Args:
        method: the HTTP method.
        address: where; its login is not sent.
        headers: what is sent besides the program's name.
        connect: the seconds until a connection stands.
        read: the seconds between two pieces of the answer.
        body: what is sent behind the head; None for nothing.

    Raises:
        NoAnswer: none came, or it broke off within the block.
        Unusable: the environment names a proxy or certificates that cannot be used.
    """
    with _explained(_UNCONNECTED, connect):
        proxy = _proxy(address)
    # One for plain http is given the request itself; one for https is asked for a tunnel, and sees nothing of it.
    forwarder = proxy if address.scheme == "http" else None
    with ExitStack() as opened:
        with _explained(_BY_PROXY if proxy else _UNCONNECTED, connect):
            connection = opened.enter_context(closing(_connection(address, proxy, connect)))
            connection.connect()
        connection.sock.settimeout(read)
        with _explained(_BROKEN, read):
            origin = f"http://{address.host}" if forwarder else ""
            sent = {"User-Agent": f"hubpress/{__version__}", **headers, **_login(forwarder)}
            connection.request(method, f"{origin}{_target(address)}", body, sent)
            answer = opened.enter_context(connection.getresponse())
            _require_one_length(answer)
            log.debug("%s %s: status %d", method, address, answer.status)
            yield answer


def whole_body(answer: HTTPResponse, most: int, deadline: float) -> bytes:
    """Read an answer's body as it was sent, piece by piece.

    Args:
        answer: the answer, within the block of its ``exchange``.
        most: the most bytes.
        deadline: when it must be whole, by the monotonic clock in seconds.

    Raises:
        TooLarge: it has more.
        TooLate: it was not whole by then.
        IncompleteRead: it broke off, which ``exchange`` explains.
    """
    body = bytearray()
    while piece := answer.read1(_CHUNK):
        body += piece
        if len(body) > most:
            raise TooLarge
        if time.monotonic() > deadline:
            raise TooLate
    # http.client leaves it to who reads in pieces.
    if answer.length:
        raise IncompleteRead(bytes(body), answer.length)
    return bytes(body)


def _require_one_length(answer: HTTPResponse) -> None:
    """Check that an answer says at most one length (RFC 9110, 8.6): http.client goes on without any it cannot read."""
    lengths = answer.headers.get_all("Content-Length", [])
    if len(lengths) > 1 or not all(length.strip().isdecimal() for length in lengths):
        raise HTTPException("its length is told in several ways")


def basic(login: str) -> str:
    """Return the header's value that signs in with ``user:password`` (RFC 7617, in UTF-8)."""
    return f"Basic {b64encode(login.encode()).decode()}"


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do ``work`` on a thread of its own, which is left behind when it takes longer.

    A name server, or headers that drip, could hold a plain call for ever.

    Raises:
        TooLate: it took longer.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is awaited
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return outcome.result(timeout=seconds)
    except FutureTimeout:
        raise TooLate from None


def _connection(address: Address, proxy: SplitResult | None, seconds: float) -> HTTPConnection:
    """Return a connection to an address that is yet to be opened."""
    host, port = (proxy.hostname or "", proxy.port or _PROXY_PORT) if proxy else (address.host, None)
    if address.scheme == "http":
        return HTTPConnection(host, port, timeout=seconds)
    connection = HTTPSConnection(host, port, timeout=seconds, context=_trust(os.environ.get(_CERTIFICATES)))
    if proxy:
        connection.set_tunnel(address.host, headers=_login(proxy))
    return connection


def _target(address: Address) -> str:
    """Return what a request to an address asks for; what may not stand there as it is, is escaped."""
    target = f"{address.path or '/'}{f'?{address.query}' if address.query else ''}"
    return quote(re.sub(_NO_ESCAPE, "%25", target), safe=_IN_TARGET)


def _proxy(address: Address) -> SplitResult | None:
    """Return the environment's proxy for an address; never one for this machine, which a proxy could not reach.

    Raises:
        Unusable: it is none that can be used.
    """
    if address.on_loopback:
        return None
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - only who goes further pays for it

    proxies = getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    if not named or proxy_bypass(address.host):
        return None
    try:
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        host = proxy.hostname or ""
        usable = proxy.scheme == "http" and bool(host) and quote(host, safe=":%") == host and proxy.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Unusable(
            f"the proxy for {address.scheme} is none that can be used",
            where=f"{address.scheme}_proxy",
            hint=f"set {address.scheme}_proxy to http://HOST:PORT, or name {address.host} in no_proxy",
        )
    return proxy


def _login(proxy: SplitResult | None) -> dict[str, str]:
    """Return the header that signs in to a proxy, where there is one whose address has a login."""
    login, at, _ = proxy.netloc.rpartition("@") if proxy else ("", "", "")
    return {"Proxy-Authorization": basic(unquote(login))} if at else {}


@cache
def _trust(bundle: str | None) -> SSLContext:
    """Trust what the machine trusts (``SSL_CERT_FILE`` counts), or the certificates of ``REQUESTS_CA_BUNDLE``."""
    path = Path(bundle) if bundle else None
    try:
        if path is None:
            context = create_default_context()
        elif path.is_dir():
            context = create_default_context(capath=path)
        else:
            context = create_default_context(cafile=path)
    except OSError as error:
        raise Unusable(
            f"{_CERTIFICATES} names no certificates", where=path, hint=f"unset {_CERTIFICATES}, or mend it"
        ) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def _explained(reasons: Reasons, seconds: float) -> Iterator[None]:
    """Turn what goes wrong in the block into the first of ``reasons`` that fits."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        why = next(why for kinds, why in reasons if isinstance(error, kinds))
        lasting = isinstance(error, (SSLCertVerificationError, InvalidURL, UnicodeError))
        raise NoAnswer(why.format(seconds=seconds), lasting=lasting) from error
