"""Addresses that bytes are fetched from, and which of them may lead to which."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from shlex import quote as shell_quote
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from ..faults import Refused, Unreachable, Unusable

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
