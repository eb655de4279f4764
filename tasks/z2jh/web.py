"""Fetching from a web server that may be slow, broken or hostile."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Denied, Fault, Unreachable
from .limits import TooLarge, TooLate
from .packed import NotGzip, unpacked
from .transport import NoAnswer, basic, exchange, whole_body, within

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from .address import Address
    from .limits import Limits

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
