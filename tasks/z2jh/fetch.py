"""The one door through which bytes come from a Helm repository."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..faults import Denied, Unreachable
from ..reading import read_file
from .cache import Cache
from .limits import Limits
from .web import Page, Validators

if TYPE_CHECKING:
    from .address import Address


@dataclass(frozen=True)
class Fetcher:
    """Fetches from web servers and from files.

    Attributes:
        cache: what was fetched before; None keeps nothing.
        limits: the bounds of each fetch.
    """

    cache: Cache | None = None
    limits: Limits = field(default_factory=Limits)

    def page(self, address: Address) -> bytes:
        """Fetch a page that changes now and then: the server is asked, and sends it only if it changed.

        Raises:
            Denied: access is denied.
            Unreachable: no usable answer came within the limits.
        """
        if address.is_file:
            return _content(address, self.limits)
        kept = self.cache.page(address.url) if self.cache else None
        page = self._get(address, kept.validators if kept else Validators())
        if page is None:
            return kept.body if kept else b""
        if self.cache and page.validators:
            self.cache.keep_page(address.url, page)
        return page.body

    def kept(self, address: Address) -> bytes | None:
        """Return a page as it was fetched last, or None; a server is not asked.

        Raises:
            Denied, Unreachable: it is a file that cannot be read.
        """
        if address.is_file:
            return _content(address, self.limits)
        page = self.cache.page(address.url) if self.cache else None
        return page.body if page else None

    def stored(self, address: Address) -> bytes:
        """Fetch a file byte for byte.

        Raises:
            Denied, Unreachable: see ``page``.
        """
        if address.is_file:
            return _content(address, self.limits)
        page = self._get(address, Validators(), exact=True)
        return page.body if page else b""

    def _get(self, address: Address, validators: Validators, *, exact: bool = False) -> Page | None:
        from .web import PageRequest, get  # noqa: PLC0415 - brings the HTTP library, which files do not need

        return get(PageRequest(address, validators, exact), self.limits)


def _content(address: Address, limits: Limits) -> bytes:
    """Read a file of this machine."""
    try:
        return read_file(address.file, limits.size)
    except PermissionError as error:
        raise Denied("the file may not be read", where=address, hint=f"ls -l {address.file}") from error
    except FileNotFoundError as error:
        raise _unreadable(address, "there is no such file") from error
    except OSError as error:
        raise _unreadable(address, f"the file cannot be read: {error.strerror}") from error


def _unreadable(address: Address, what: str) -> Unreachable:
    return Unreachable(what, where=address, hint=f"ls -l {address.file.parent}")
