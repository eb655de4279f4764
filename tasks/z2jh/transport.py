"""How this machine reaches a web server: its proxies, its certificates, and why a connection fails."""

from __future__ import annotations

import os
import ssl
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

import urllib3
from urllib3 import exceptions
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from ..faults import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .address import Address
    from .limits import Limits

T = TypeVar("T")

_CERTIFICATES = "REQUESTS_CA_BUNDLE"
# From the narrower to the wider: the first that fits says why.
_REASONS: tuple[tuple[type[HTTPError], str], ...] = (
    (exceptions.LocationValueError, "this is no address of a web server"),
    (exceptions.InvalidHeader, "the server's answer is broken"),
    (exceptions.NameResolutionError, "the host's name is not known here"),
    (exceptions.NewConnectionError, "the host takes no connection"),
    (exceptions.ConnectTimeoutError, "no connection within {connect:g} s"),
    (exceptions.ReadTimeoutError, "the server said nothing for {read:g} s"),
    (exceptions.ProxyError, "the proxy that the environment names takes no connection"),
    (exceptions.SSLError, "no secure connection can be made"),
    (exceptions.ProtocolError, "the connection broke off"),
)


def manager_for(address: Address) -> urllib3.PoolManager:
    """Return what opens connections to an address: directly, or by the environment's proxy for it.

    Raises:
        Unusable: the environment names a proxy or certificates that cannot be used.
    """
    context = _trust(os.environ.get(_CERTIFICATES)) if address.scheme == "https" else None
    proxy = _proxy(address)
    if proxy is None:
        return urllib3.PoolManager(ssl_context=context)
    try:
        auth = parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=unquote(auth)) if auth else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, ssl_context=context)
    except (HTTPError, ValueError) as error:
        raise Unusable(
            f"the proxy for {address.scheme} is none that can be used",
            where=f"{address.scheme}_proxy",
            hint=f"set {address.scheme}_proxy to http://HOST:PORT, or name {address.host} in no_proxy",
        ) from error


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do ``work`` on a thread of its own, which is left behind when it takes longer.

    A name server, or headers that drip, could hold a plain call for ever.

    Raises:
        TimeoutError: it took longer (that of :mod:`concurrent.futures`, which Python 3.10 tells from its own).
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is awaited
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome.result(timeout=seconds)


def _proxy(address: Address) -> str | None:
    """Return the proxy for an address; never one for this machine, which a proxy could not reach."""
    if address.on_loopback:
        return None
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - only who goes further pays for it

    if proxy_bypass(address.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


@cache
def _trust(bundle: str | None) -> ssl.SSLContext:
    """Trust what the machine trusts (``SSL_CERT_FILE`` counts), or the certificates of ``REQUESTS_CA_BUNDLE``."""
    if not bundle:
        return ssl.create_default_context()
    path = Path(bundle)
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise Unusable(
            f"{_CERTIFICATES} names no certificates", where=path, hint=f"unset {_CERTIFICATES}, or mend it"
        ) from error


def is_lasting(error: Exception) -> bool:
    """Whether trying again would fail in the same way."""
    return _is_distrust(error) or isinstance(error, exceptions.LocationValueError)


def reason(error: Exception, limits: Limits) -> str:
    """Say why a connection failed, in words that hold no login."""
    if _is_distrust(error):
        return "its certificate is not trusted here"
    text = next((text for kind, text in _REASONS if isinstance(error, kind)), "the connection failed")
    return text.format(connect=limits.connect, read=limits.read)


def _is_distrust(error: BaseException) -> bool:
    causes = (error, *error.args, error.__cause__, error.__context__)
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
