"""Fetching over HTTP, bounded in size and time, from servers that may be slow, broken or hostile."""

from __future__ import annotations

import gzip
import logging
import os
import re
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead, InvalidURL
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from shlex import quote as shell_quote
from socket import gaierror
from ssl import SSLCertVerificationError, SSLContext, SSLError, create_default_context
from threading import Thread
from typing import NamedTuple, TypeVar
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from .faults import Denied, Fault, Refused, Unreachable, Unusable
from .version import __version__


class TooLarge(Exception):  # noqa: N818 - says what is wrong with an answer
    """It is larger than the bound."""


class TooLate(Exception):  # noqa: N818 - says what is wrong with an answer
    """It did not come in time."""


class Limits(NamedTuple):
    """The bounds of one fetch; times are in seconds.

    Attributes:
        connect: until a connection stands.
        read: between two pieces of the answer.
        total: for everything, redirects, retries and waits included.
        attempts: how often a fetch is tried when what failed may pass.
        backoff: the wait before the second attempt; it doubles with each further one.
        longest_wait: the most of a wait that a server asks for.
        redirects: how many of them are followed.
        size: the most bytes, before and after unpacking.
    """

    connect: float = 10
    read: float = 30
    total: float = 120
    attempts: int = 4
    backoff: float = 0.3
    longest_wait: float = 30
    redirects: int = 5
    size: int = 64 * 1024 * 1024


class NotGzip(Exception):  # noqa: N818 - says what is wrong with the data
    """The data is not gzip, or is cut off."""


def unpacked(data: bytes, limit: int) -> bytes:
    """Return what a gzip file holds, at most ``limit`` bytes.

    Raises:
        TooLarge: it holds more.
        NotGzip: it is no gzip file, or not a whole one.
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            plain = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise NotGzip from error
    if len(plain) > limit:
        raise TooLarge
    return plain


_WEB = frozenset({"http", "https"})
_SCHEMES = _WEB | {"file"}
_HINT = "write the Helm repository's address as https://HOST/PATH, file:///FOLDER or a folder"


class Address(NamedTuple):
    """An ``https:``, ``http:`` or ``file:`` URL.

    As text it is fit to be shown: it has neither the login nor what follows the question mark, where signed
    addresses carry their secrets.

    Attributes:
        scheme: ``https``, ``http`` (on this machine, or where it was asked for) or ``file``.
        host: the host with its port, as written; empty for files.
        path: the path, percent-encoded.
        query: what follows the question mark; mostly empty.
        login: ``user:password``, or None.
        asked: whether plain http to this host was asked for.
    """

    scheme: str
    host: str
    path: str
    query: str = ""
    login: str | None = None
    asked: bool = False

    @classmethod
    def parse(cls, text: str, *, asked: bool = False) -> Address:
        """Read a URL, or the path of a local file or folder.

        Args:
            text: the URL or path.
            asked: whether the user asked for this very address, be it plain http to another machine.

        Raises:
            Unusable: ``text`` is neither, or has another scheme (``oci:``, a Helm repository's ``alias:``).
            Refused: plain http to another machine, and nobody asked for it.
        """
        parts = _split(text)
        # A scheme begins with a letter (RFC 3986, 3.1); Python 3.10 takes others for one too.
        if not parts.scheme[:1].isalpha() and parts.path:
            parts = _split(_as_url(text))
        login, _, host = parts.netloc.rpartition("@")
        if (parts.scheme, host) == ("file", "localhost"):
            host = ""
        if parts.scheme not in _SCHEMES or bool(host) != (parts.scheme in _WEB):
            raise _no_address(text)
        address = cls(parts.scheme, host, parts.path, parts.query, unquote(login) or None, asked)
        if address.is_plain and not asked:
            safe = address._replace(scheme="https")
            hint = f"use {safe}; or ask for it in invoke.yaml: hub: {{chart_repository: {address}}}"
            raise Refused("plain http is used on this machine only", where=address, hint=hint)
        return address

    def __repr__(self) -> str:
        """Return it as it may be shown."""
        return f"Address({self})"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}{'?***' if self.query else ''}"

    @property
    def url(self) -> str:
        """The whole address, without the login; with what is secret in its query."""
        return f"{self.scheme}://{self.host}{self.path}{f'?{self.query}' if self.query else ''}"

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine."""
        return self.scheme == "file"

    @property
    def file(self) -> Path:
        """The path of the file that a ``file:`` address means."""
        return Path(unquote(self.path))

    @property
    def name(self) -> str:
        """The last part of the path: the name of the file."""
        return self.path.rpartition("/")[2]

    @property
    def on_loopback(self) -> bool:
        """Whether the host is this machine (127.0.0.0/8, ::1, localhost)."""
        host = _split(f"//{self.host}").hostname or ""
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def is_plain(self) -> bool:
        """Whether it is reached over plain http beyond this machine."""
        return self.scheme == "http" and not self.on_loopback

    @property
    def hint(self) -> str:
        """What a fault about this address hints at: the command that shows what is there."""
        return f"look at what is there: curl -fsSL {shell_quote(str(self))} | head"

    def below(self, name: str) -> Address:
        """Return the address of ``name`` in the folder that this address means."""
        return self._replace(path=f"{self.path.rstrip('/')}/{name}")

    def resolved(self, reference: str) -> Address:
        """Return the address that ``reference``, absolute or relative, means in this folder.

        The login goes along to the same host only.

        Raises:
            Unusable, Refused: see ``parse``.
            Unreachable: the way from here to there is none that may be taken.
        """
        return self._leads_to(_joined(f"{self.scheme}://{self.host}{self.path.rstrip('/')}/", reference))

    def redirected(self, location: str) -> Address:
        """Return the address that this one's server sends us to.

        Raises:
            Unreachable: ``location`` is none that may be followed.
        """
        try:
            return self._leads_to(_joined(self.url, location))
        except (Unusable, Refused) as fault:
            raise self._astray() from fault

    def _leads_to(self, url: str) -> Address:
        target = Address.parse(url, asked=self.asked)
        same_host = (target.scheme, target.host) == (self.scheme, self.host)
        less_safe = (target.is_file and not self.is_file) or (self.scheme == "https" and target.scheme != "https")
        if less_safe or (target.scheme == "http" and not same_host and (self.is_plain or target.is_plain)):
            raise self._astray()
        return target._replace(login=self.login) if same_host and not target.login else target

    def _astray(self) -> Unreachable:
        return Unreachable("it leads to an address that is less safe than itself", where=self, hint=self.hint)


def _split(text: str) -> SplitResult:
    """Split a URL, its port checked too."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise _no_address(text) from error
    return parts


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError as error:
        raise _no_address(reference) from error


def _as_url(path: str) -> str:
    """Return the ``file:`` URL of a path, which begins here where it is relative."""
    try:
        return Path(path).expanduser().absolute().as_uri()
    except (RuntimeError, ValueError) as error:
        raise _no_address(path) from error


def _no_address(text: str) -> Unusable:
    """Return the fault that shows ``text`` without what may be secret in it."""
    shown = text.rpartition("@")[2].partition("?")[0]
    return Unusable("this is not the address of a Helm repository", where=shown, hint=_HINT)


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


_OK = 200
_NOT_MODIFIED = 304
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DENIED = frozenset({401, 403, 407})
_MISSING = frozenset({404, 410})
_PASSING = frozenset({429, 502, 503, 504})
_A_DAY = 24 * 60 * 60


class _Passing(Exception):  # noqa: N818 - says what kind of failure it is
    """A failure that may be over soon.

    Args:
        fault: what people see if it is not.
        wait: the seconds that the server asks to wait, where it does.
    """

    def __init__(self, fault: Fault, wait: float = 0) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.wait = wait


class Validators(NamedTuple):
    """What a server says by which a later request can ask for changes only (RFC 9110, section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


class Page(NamedTuple):
    """A body that was fetched from an address."""

    body: bytes
    validators: Validators


class PageRequest(NamedTuple):
    """What to ask for.

    Attributes:
        address: where.
        validators: those of the page that is already there: it is fetched only if it changed.
        exact: the bytes are wanted as they are stored; otherwise the server may send them compressed.
    """

    address: Address
    validators: Validators
    exact: bool = False

    def headers(self) -> dict[str, str]:
        """Return the headers to send."""
        login = self.address.login
        wanted = {
            "Authorization": basic(login) if login else None,
            "Accept-Encoding": "identity" if self.exact else "gzip",
            "If-None-Match": self.validators.etag,
            "If-Modified-Since": self.validators.last_modified,
        }
        return {name: value for name, value in wanted.items() if value}


def get(request: PageRequest, limits: Limits) -> Page | None:
    """Fetch a page; None when it has not changed.

    Raises:
        Denied: the server denies access.
        Unreachable: no usable answer came within the limits.
        Unusable: the environment names a proxy or certificates that cannot be used.
    """
    deadline = time.monotonic() + limits.total
    try:
        return within(limits.total, lambda: _persist(request, limits, deadline))
    except TooLate:
        raise _too_late(request.address, limits) from None


def _persist(request: PageRequest, limits: Limits, deadline: float) -> Page | None:
    """Try again what may pass."""
    attempt = 1
    while True:
        try:
            return _follow(request, limits, deadline)
        except _Passing as failure:
            wait = max(min(failure.wait, limits.longest_wait), limits.backoff * 2 ** (attempt - 1))
            if attempt >= limits.attempts or time.monotonic() + wait > deadline:
                raise failure.fault from failure
            time.sleep(wait)
        attempt += 1


def _follow(request: PageRequest, limits: Limits, deadline: float) -> Page | None:
    """Follow redirects until an answer comes."""
    for _ in range(limits.redirects + 1):
        answer = _exchange(request, limits, deadline)
        if not isinstance(answer, str):
            return answer
        request = request._replace(address=request.address.redirected(answer))
    raise _unreachable(request.address, f"it redirects more than {limits.redirects} times")


def _exchange(request: PageRequest, limits: Limits, deadline: float) -> Page | str | None:
    """Ask once: a page, None when it has not changed, or the text of a redirect's ``Location``."""
    try:
        with exchange("GET", request.address, request.headers(), connect=limits.connect, read=limits.read) as answer:
            return _meaning(request, answer, limits, deadline)
    except TooLarge:
        raise _unreachable(request.address, f"the answer is larger than {limits.size / 2**20:g} MiB") from None
    except NoAnswer as none:
        fault = _unreachable(request.address, none.why)
        if none.lasting:
            raise fault from none
        raise _Passing(fault) from none


def _meaning(request: PageRequest, answer: HTTPResponse, limits: Limits, deadline: float) -> Page | str | None:
    """Tell what the server means by its status."""
    status, headers = answer.status, answer.headers
    if status == _OK:
        body = whole_body(answer, limits.size, deadline)
        if not body:
            raise _Passing(_unreachable(request.address, "the answer is empty"))
        plain = _plain(request, body, headers.get("Content-Encoding", "identity"), limits)
        return Page(plain, Validators(headers.get("ETag"), headers.get("Last-Modified")))
    if status == _NOT_MODIFIED and request.validators:
        return None
    if status in _REDIRECTS and "Location" in headers:
        return headers["Location"]
    if status in _DENIED:
        raise Denied(f"access is denied (status {status})", where=request.address, hint=request.address.hint)
    if status in _MISSING:
        raise _unreachable(request.address, f"there is nothing (status {status})")
    fault = _unreachable(request.address, f"no usable answer (status {status})")
    if status in _PASSING:
        raise _Passing(fault, _asked_wait(headers.get("Retry-After", "0")))
    raise fault


def _plain(request: PageRequest, body: bytes, coding: str, limits: Limits) -> bytes:
    """Undo the compression that was offered; a body wanted exact is taken as it is."""
    coding = coding.strip().lower()
    if request.exact or coding == "identity":
        return body
    if coding not in {"gzip", "x-gzip"}:
        raise _unreachable(request.address, f"the answer is encoded in {coding}, which nobody asked for")
    try:
        return unpacked(body, limits.size)
    except NotGzip:
        raise _Passing(_unreachable(request.address, "the compressed answer is damaged")) from None


def _asked_wait(retry_after: str) -> float:
    """Return the seconds that a ``Retry-After`` (RFC 9110, 10.2.3) asks for, 0 where it says nothing understood."""
    try:
        if retry_after.strip().isdecimal():
            return min(int(retry_after), _A_DAY)
        moment = parsedate_to_datetime(retry_after)
        # The oldest of the three forms of a date says no zone, and means this one.
        return (moment.replace(tzinfo=moment.tzinfo or timezone.utc) - datetime.now(timezone.utc)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0


def _too_late(address: Address, limits: Limits) -> Unreachable:
    return _unreachable(address, f"no whole answer came within {limits.total:g} s")


def _unreachable(address: Address, what: str) -> Unreachable:
    return Unreachable(what, where=address, hint=address.hint)
