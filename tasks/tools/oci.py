"""Talking to a registry in its own protocol, with Docker's own credentials.

The protocol is that of the OCI distribution specification
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md), the sign-in that of
https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from ..faults import Refused, Unusable
from ..image.reference import DOCKER_HUB
from ..z2jh.address import Address
from ..z2jh.limits import TooLarge, TooLate
from ..z2jh.transport import NoAnswer, basic, exchange, whole_body, within
from .credentials import IDENTITY_TOKEN, Credentials, DockerLogins
from .denials import denied
from .reach import require_registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from ..image.reference import Reference

DENIALS = (401, 403)
LARGEST_ANSWER = 4 * 1024 * 1024
LONGEST_WORDS = 500
SECONDS = 20.0
_READ = "GET"
_HUB_HOST = "registry-1.docker.io"
_AUTHORIZATION = "Authorization"
_CHALLENGE = "www-authenticate"
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3


class Undecided(Exception):  # noqa: N818 - an answer that is none is no error of ours
    """The registry gave no answer that can be relied on."""


class Reply(NamedTuple):
    """A registry's answer.

    Attributes:
        status: the HTTP status.
        headers: its headers, by their names in lower case.
        body: its body, whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def words(self) -> str:
        """What the registry says is wrong: the messages of its JSON errors, else its status."""
        try:
            errors = json.loads(self.body)["errors"]
            said = "; ".join(f"{error.get('code', '')} {error.get('message', '')}".strip() for error in errors)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            said = ""
        return said[:LONGEST_WORDS] or f"it answers {self.status}"


@dataclass
class Conversation:
    """Requests to one repository of a registry, signed in where it asks for that.

    Attributes:
        repository: the repository's name.
        actions: what is wanted of it: ``pull``, or ``pull,push``.
        deadline: when the whole conversation must have ended, by the monotonic clock in seconds.
    """

    repository: Reference
    actions: str = "pull"
    deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    _signed: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> str:
        """The address that the repository's own begin with."""
        host = _HUB_HOST if self.repository.host == DOCKER_HUB else self.repository.host
        scheme = "http" if self.repository.on_loopback else "https"
        return f"{scheme}://{host}/v2/{self.repository.path}/"

    def send(
        self, method: str, path: str, accept: str = "*/*", *, body: bytes | None = None, content_type: str = ""
    ) -> Reply:
        """Send one request, signing in where the registry asks for it.

        Args:
            method: the HTTP method.
            path: the address, relative to the repository's.
            accept: the media types that are understood.
            body: what is sent with it.
            content_type: the media type of that.

        Raises:
            Denied: there are no credentials, or they do not do.
            Undecided: no answer came, or none that can be relied on; or ``path`` leads to another server, which is
                not to have the credentials.
            Refused: it writes, and a rehearsal may not.
        """
        if method != _READ:
            require_registry(str(self.repository))
        url = _joined(self.root, path)
        if _server(url) != _server(self.root):
            raise Undecided
        headers = {"Accept": accept, **({"Content-Type": content_type} if content_type else {})}
        reply = self._request(method, url, {**headers, **self._signed}, body)
        if reply.status == DENIALS[0] and not self._signed:
            self._signed = self._sign_in(reply)
            reply = self._request(method, url, {**headers, **self._signed}, body)
        if reply.status in DENIALS:
            raise denied(reply.words, self.repository.host)
        return reply

    def _sign_in(self, challenge: Reply) -> dict[str, str]:
        """Return the header that answers a challenge: the password itself, or a token bought with it."""
        kind, _, rest = challenge.headers.get(_CHALLENGE, "").partition(" ")
        credentials = DockerLogins.read().credentials(self.repository.host)
        if credentials is not None and credentials.user == IDENTITY_TOKEN:
            raise Undecided
        if kind.lower() == "bearer":
            return self._token(_parameters(rest), credentials)
        if credentials is None:
            raise denied("no credentials for it on this machine", self.repository.host)
        return _basic(credentials)

    def _token(self, asked: Mapping[str, str], credentials: Credentials | None) -> dict[str, str]:
        realm = asked.get("realm", "")
        if _server(realm)[0] != _server(self.root)[0]:
            raise Undecided
        query = urlencode(
            {"service": asked.get("service", ""), "scope": f"repository:{self.repository.path}:{self.actions}"}
        )
        reply = self._request("GET", f"{realm}?{query}", _basic(credentials) if credentials else {})
        if reply.status in DENIALS:
            raise denied(reply.words, self.repository.host)
        try:
            token = json.loads(reply.body)
            return {_AUTHORIZATION: f"Bearer {token.get('token') or token['access_token']}"}
        except (ValueError, KeyError, AttributeError, RecursionError) as err:
            raise Undecided from err

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send one request; a credential never follows a redirect to another host."""
        sent = dict(headers)
        for _ in range(_MOST_REDIRECTS + 1):
            reply = self._exchange(method, url, sent, body)
            target = reply.headers.get("location")
            if reply.status not in _REDIRECTS or target is None or method != _READ:
                return reply
            onward = _joined(url, target)
            if _server(onward)[0] != _server(url)[0]:
                raise Undecided
            if _server(onward) != _server(url):
                sent.pop(_AUTHORIZATION, None)
            url = onward
        raise Undecided

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Ask once, within the conversation's time."""
        left = self.deadline - time.monotonic()
        try:
            return within(left, lambda: self._ask(method, url, headers, body, left))
        except (NoAnswer, TooLarge, TooLate, Unusable) as err:
            # Docker has its own proxies and certificates.
            raise Undecided from err

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Reply:
        with exchange(method, _address(url), headers, body=body, connect=min(5, seconds), read=seconds) as answer:
            return Reply(answer.status, _told(answer.headers), whole_body(answer, LARGEST_ANSWER, self.deadline))


def _told(headers: Message) -> dict[str, str]:
    """Return the headers by their names in lower case.

    Of several with one name the first counts; of several ways to sign in, the one with a token.
    """
    told = {name.lower(): value for name, value in reversed(headers.items())}
    ways = headers.get_all(_CHALLENGE, [])
    if ways:
        told[_CHALLENGE] = next((way for way in ways if way.lower().startswith("bearer ")), ways[0])
    return told


def _parameters(challenge: str) -> dict[str, str]:
    """Read what follows the scheme in a ``WWW-Authenticate`` header (RFC 7235)."""
    from urllib.request import parse_http_list, parse_keqv_list  # noqa: PLC0415 - only such a registry pays for it

    try:
        return parse_keqv_list(parse_http_list(challenge))
    except (ValueError, IndexError) as err:
        raise Undecided from err


def _address(url: str) -> Address:
    """Read an address that a registry gave, or that its name makes; plain http to another machine is none."""
    try:
        return Address.parse(url)
    except (Refused, Unusable) as fault:
        raise Undecided from fault


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError as err:
        raise Undecided from err


def _server(url: str) -> tuple[str, str]:
    """Return the scheme and the host with its port: what may have one credential."""
    try:
        parts = urlsplit(url)
    except ValueError as err:
        raise Undecided from err
    return parts.scheme, parts.netloc


def _basic(credentials: Credentials) -> dict[str, str]:
    return {_AUTHORIZATION: basic(f"{credentials.user}:{credentials.secret}")}
