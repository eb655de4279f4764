"""HTTP over urllib3, and file URLs: allowed redirects, limits of size and time, and the meaning of a status."""

from __future__ import annotations

import gzip
import logging
import zlib
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from functools import lru_cache
from http.client import HTTPException, IncompleteRead
from io import BytesIO
from pathlib import Path
from ssl import SSLCertVerificationError
from threading import Thread
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager, ProxyManager, Retry, Timeout, exceptions
from urllib3.util import Url, parse_url

from . import __version__
from .faults import Denied, NoResponse, Refused, Unreachable, Unusable, fault_at
from .names import is_loopback
from .safe_files import read_file

_WEB = frozenset({"http", "https"})
_CHUNK = 64 * 1024
_OK = 200
_NOT_MODIFIED = 304
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DENIED = frozenset({401, 403, 407})
_MISSING = frozenset({404, 410})
_MOST_REDIRECTS = 5
_MINUTE = 60
_LONGEST_WAIT = 30.0
_LESS_SECURE = "it redirects to a less secure address"

log = logging.getLogger("hubpress")
# urllib3 logs whole URLs, with the secrets in their queries.
logging.getLogger("urllib3").setLevel(logging.ERROR)


# What is wrong with a response.
class TooLarge(Exception):  # noqa: N818
    """The data is larger than the limit."""


class NotGzip(Exception):  # noqa: N818
    """The data is not gzip, or is truncated."""


_FAILURES = (exceptions.HTTPError, ValueError, TooLarge, NotGzip)
# The first row with the type of the failure, or of its cause, gives the reason.
_REASONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (SSLCertVerificationError, "its TLS certificate is not trusted"),
    (exceptions.SSLError, "the TLS handshake failed"),
    (exceptions.ProxyError, "cannot connect through the proxy of the environment"),
    ((exceptions.LocationValueError, UnicodeError), "not a valid URL"),
    (exceptions.NameResolutionError, "cannot resolve the host name"),
    (exceptions.NewConnectionError, "connection refused"),
    (exceptions.ConnectTimeoutError, "connection timed out after {limits.connect:.3g} s"),
    (exceptions.ReadTimeoutError, "no response for {limits.read:.3g} s"),
    (TooLarge, "the response is larger than {size:g} MiB"),
    (NotGzip, "the compressed response is damaged"),
    ((ConnectionError, IncompleteRead), "the connection was closed early"),
    ((HTTPException, exceptions.InvalidHeader, ValueError), "the response is not HTTP"),
    (Exception, "the connection was closed early"),
)
_NO_RESPONSE = (exceptions.NewConnectionError, exceptions.TimeoutError)


class _Retry(Retry):
    """urllib3's retries, with a bound on the wait that a server may ask for (RFC 9110, section 10.2.3).

    After a timeout there is no other attempt: a server that was silent for that long is likely to stay silent.
    """

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        with suppress(exceptions.InvalidHeader, ValueError, OverflowError):
            return min(super().get_retry_after(response) or 0, _LONGEST_WAIT)
        return None

    def increment(self, *args: Any, **kwargs: Any) -> _Retry:  # noqa: ANN401 - Retry's own
        error = kwargs.get("error")
        # A refused connection is a ConnectTimeoutError to urllib3, too.
        if isinstance(error, exceptions.TimeoutError) and not isinstance(error, exceptions.NewConnectionError):
            raise error
        return super().increment(*args, **kwargs)


class Limits(NamedTuple):
    """The limits of a request, in seconds and bytes; ``size`` counts before and after decompression.

    ``total`` includes redirects, attempts and the waits between them. A status in ``passing`` may pass: the request is
    then sent again.
    """

    connect: float = 10
    read: float = 20
    total: float = 120
    attempts: int = 4
    backoff: float = 0.3
    size: int = 64 * 1024 * 1024
    passing: frozenset[int] = frozenset({429, 502, 503, 504})


class Address(NamedTuple):
    """An ``https:``, ``http:`` or ``file:`` URL; ``host`` includes the port, ``login`` is ``user:password``.

    ``str`` leaves out the login and the query, which contains the secrets of signed URLs. ``asked`` is whether the user
    asked for plain http to this host.
    """

    scheme: str
    host: str
    path: str
    query: str = ""
    login: str | None = None
    asked: bool = False

    @classmethod
    def parse(cls, text: str, *, asked: bool = False) -> Address:
        """Parse a URL or a local path; plain http to another machine must be ``asked`` for."""
        try:
            parts = urlsplit(text)
            # A scheme begins with a letter (RFC 3986, 3.1); Python 3.10 takes others for one too.
            is_host = ":" in text.partition("/")[0]  # HOST:PORT without http://
            if not parts.scheme[:1].isalpha() and parts.path and not is_host:
                parts = urlsplit(Path(text).expanduser().absolute().as_uri())
            _ = parts.port
        except (RuntimeError, ValueError) as error:
            raise _no_address(text) from error
        login, _, host = parts.netloc.rpartition("@")
        if (parts.scheme, host) == ("file", "localhost"):
            host = ""
        if parts.scheme not in {*_WEB, "file"} or bool(host) != (parts.scheme in _WEB):
            raise _no_address(text)
        address = cls(parts.scheme, host, parts.path, parts.query, unquote(login) or None, asked)
        if address.is_plain and not asked:
            safe = address._replace(scheme="https")
            hint = f"use {safe}; or ask for it in invoke.yaml: hub: {{chart_repository: {address}}}"
            raise Refused("plain http is allowed on this machine only", where=address, hint=hint)
        return address

    def __repr__(self) -> str:
        return f"Address({self})"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}{'?***' if self.query else ''}"

    @property
    def url(self) -> str:
        """The URL with its query, without the login."""
        return f"{self.scheme}://{self.host}{self.path}{f'?{self.query}' if self.query else ''}"

    @property
    def is_file(self) -> bool:
        """Whether it is a local file."""
        return self.scheme == "file"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def server(self) -> tuple[str, str]:
        """The scheme, host and port: credentials are valid for these."""
        return self.scheme, self.host

    @property
    def is_plain(self) -> bool:
        """Whether it is plain http to another machine."""
        return self.scheme == "http" and not is_loopback(self.host)

    def below(self, name: str) -> Address:
        """Return the address of ``name`` in this folder."""
        return self._replace(path=f"{self.path.rstrip('/')}/{name}")

    def resolved(self, reference: str, base: str = "") -> Address:
        """Resolve ``reference`` against this folder, or ``base``; raise Unreachable if the result is less secure."""
        base = base or f"{self.scheme}://{self.host}{self.path.rstrip('/')}/"
        try:
            target = Address.parse(urljoin(base, reference), asked=self.asked)
        except (ValueError, Unusable, Refused) as fault:
            raise fault_at(self, _LESS_SECURE) from fault
        same = target.server == self.server
        less_safe = (target.is_file and not self.is_file) or (self.scheme == "https" and target.scheme != "https")
        if less_safe or (target.scheme == "http" and not same and (self.is_plain or target.is_plain)):
            raise fault_at(self, _LESS_SECURE)
        return target._replace(login=self.login) if same and not target.login else target


class Answer(NamedTuple):
    """A server's response; ``address`` is the last one after redirects."""

    address: Address
    status: int
    headers: HTTPHeaderDict
    body: bytes


class Page(NamedTuple):
    """A body, and its validators for conditional requests (RFC 9110, section 8.8)."""

    body: bytes
    etag: str | None = None
    last_modified: str | None = None


def get(address: Address, limits: Limits, kept: Page | None = None, *, exact: bool = False) -> Page:
    """Fetch a page or file; return ``kept`` if the server says that it has not changed.

    With ``exact``, it asks for an uncompressed response. Raises Denied, Unreachable or Unusable.
    """
    if address.is_file:
        path = Path(unquote(address.path))
        try:
            return Page(read_file(path, limits.size))
        except OSError as error:
            hint = f"ls -ld {path.parent} {path}"
            raise Unreachable(f"the file cannot be read: {error.strerror}", where=address, hint=hint) from error
    wanted = {
        "Authorization": basic(address.login) if address.login else None,
        "Accept-Encoding": "identity" if exact else "gzip",
        "If-None-Match": kept and kept.etag,
        "If-Modified-Since": kept and kept.last_modified,
    }
    answer = send("GET", address, {name: value for name, value in wanted.items() if value}, limits)
    if answer.status == _OK:
        return Page(answer.body, answer.headers.get("ETag"), answer.headers.get("Last-Modified"))
    if answer.status == _NOT_MODIFIED and kept:
        return kept
    if answer.status in _DENIED:
        raise fault_at(answer.address, f"access denied (status {answer.status})", Denied)
    missing, otherwise = f"not found (status {answer.status})", f"the server answered with status {answer.status}"
    raise fault_at(answer.address, missing if answer.status in _MISSING else otherwise)


def send(
    method: str, address: Address, headers: Mapping[str, str], limits: Limits, body: bytes | None = None
) -> Answer:
    """Send a request and return the response, whatever its status; a GET follows redirects.

    The address's login is not sent. The request runs in a thread, which is abandoned after ``limits.total``: a name
    server or slow headers could block forever. Raises Unreachable (NoResponse after a timeout or without a connection),
    or Unusable for an invalid proxy in the environment.
    """
    outcome: Future[Answer] = Future()

    def work() -> None:
        try:
            outcome.set_result(_follow(method, address, headers, limits, body))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            outcome.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return outcome.result(timeout=limits.total)
    except FutureTimeout:
        what = f"no complete response within {round(limits.total, 1):g} s"
        raise fault_at(address, what, NoResponse) from None


def basic(login: str) -> str:
    """Return the value of an authorization header for ``user:password`` (RFC 7617, in UTF-8)."""
    return f"Basic {b64encode(login.encode(errors='replace')).decode()}"


def unpacked(data: bytes, limit: int) -> bytes:
    """Decompress a gzip file; raise TooLarge over ``limit`` bytes, NotGzip if it is invalid or truncated."""
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            plain = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise NotGzip from error
    if len(plain) > limit:
        raise TooLarge
    return plain


def _follow(method: str, address: Address, headers: Mapping[str, str], limits: Limits, body: bytes | None) -> Answer:
    """Send a request and follow redirects; credentials are not sent to another server."""
    for _ in range(_MOST_REDIRECTS + 1):
        try:
            answer = _exchange(method, address, headers, limits, body)
        except _FAILURES as error:
            failure = error.reason if isinstance(error, exceptions.MaxRetryError) else error
            causes = (failure, *(failure.args[-1:] if failure else ()))
            why = next(why for kind, why in _REASONS if any(isinstance(one, kind) for one in causes))
            kind = NoResponse if any(isinstance(one, _NO_RESPONSE) for one in causes) else Unreachable
            raise fault_at(address, why.format(limits=limits, size=limits.size / 2**20), kind) from error
        location = answer.headers.get("Location")
        if method != "GET" or answer.status not in _REDIRECTS or location is None:
            return answer
        onward = address.resolved(location, address.url)
        if onward.server != address.server:
            headers = {name: value for name, value in headers.items() if name != "Authorization"}
        address = onward
    raise fault_at(address, f"it redirects more than {_MOST_REDIRECTS} times")


def _exchange(method: str, address: Address, headers: Mapping[str, str], limits: Limits, body: bytes | None) -> Answer:
    with _connections(_proxy(address), int(monotonic() // _MINUTE)).request(
        method,
        address.url,
        body=body,
        headers={"User-Agent": f"hubpress/{__version__}", **headers},
        timeout=Timeout(connect=limits.connect, read=limits.read),
        retries=_Retry(
            limits.attempts - 1,
            allowed_methods=None,
            status_forcelist=limits.passing,
            respect_retry_after_header=bool(limits.passing),
            raise_on_status=False,
            backoff_factor=limits.backoff,
        ),
        redirect=False,
        preload_content=False,
    ) as response:
        log.debug("%s %s: status %d", method, address, response.status)
        received = bytearray()
        for piece in response.stream(_CHUNK, decode_content=False):
            received += piece
            if len(received) > limits.size:
                raise TooLarge
    content = bytes(received)
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if content and coding != "identity" and headers.get("Accept-Encoding") == "gzip":
        # urllib3's decoder accepts truncated gzip.
        if coding not in {"gzip", "x-gzip"}:
            raise fault_at(address, f"the response is encoded as {coding}, which was not requested")
        content = unpacked(content, limits.size)
    return Answer(address, response.status, response.headers, content)


def _proxy(address: Address) -> Url | None:
    """Return the environment's proxy for an address, or None; this machine needs none."""
    proxies = {} if is_loopback(address.host) or proxy_bypass(address.host) else getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    if not named:
        return None
    with suppress(exceptions.LocationParseError):
        proxy = parse_url(named if "://" in named else f"http://{named}")
        if proxy.host and proxy.scheme in _WEB:
            return proxy
    raise Unusable(
        f"the proxy for {address.scheme} cannot be used",
        where=f"{address.scheme}_proxy",
        hint=f"set {address.scheme}_proxy to http://HOST:PORT, or name {address.host} in no_proxy",
    )


@lru_cache(maxsize=8)
def _connections(proxy: Url | None, _minute: int) -> PoolManager:
    """Return the pool that requests within a minute share: connections idle during a build may be dead."""
    if proxy is None:
        return PoolManager()
    login = {"Proxy-Authorization": basic(unquote(proxy.auth))} if proxy.auth else None
    return ProxyManager(f"{proxy.scheme}://{proxy.netloc}", proxy_headers=login)


def _no_address(text: str) -> Unusable:
    """Return the fault for an invalid address, shown without its secrets."""
    shown = text.rpartition("@")[2].partition("?")[0]
    hint = "write the Helm repository's address as https://HOST/PATH, file:///FOLDER or a folder"
    return Unusable("this is not the address of a Helm repository", where=shown, hint=hint)
