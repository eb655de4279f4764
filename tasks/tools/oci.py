"""Talking to a registry in its own protocol, with Docker's own credentials.

The protocol is that of the OCI distribution specification
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md), the sign-in that of
https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from ..image.reference import DOCKER_HUB
from ..z2jh.address import Address
from ..z2jh.transport import manager_for
from .credentials import IDENTITY_TOKEN, Credentials, DockerLogins
from .denials import denied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..image.reference import Reference

DENIALS = (401, 403)
LARGEST_ANSWER = 4 * 1024 * 1024
SECONDS = 20.0
_HUB_HOST = "registry-1.docker.io"
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3
_CHUNK = 64 * 1024


class Undecided(Exception):  # noqa: N818 - an answer that is none is no error of ours
    """The registry gave no answer that can be relied on."""


@dataclass(frozen=True)
class Reply:
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
        return said or f"it answers {self.status}"


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

    def send(self, method: str, path: str, accept: str = "*/*") -> Reply:
        """Send one request, signing in where the registry asks for it.

        Args:
            method: the HTTP method.
            path: the address, relative to the repository's.
            accept: the media types that are understood.

        Raises:
            Denied: there are no credentials, or they do not do.
            Undecided: no answer came, or none that can be relied on.
        """
        url = urljoin(self.root, path)
        reply = self._request(method, url, {"Accept": accept, **self._signed})
        if reply.status == DENIALS[0] and not self._signed:
            self._signed = self._sign_in(reply)
            reply = self._request(method, url, {"Accept": accept, **self._signed})
        if reply.status in DENIALS:
            raise denied(reply.words, self.repository.host)
        return reply

    def _sign_in(self, challenge: Reply) -> dict[str, str]:
        """Return the header that answers a challenge: the password itself, or a token bought with it."""
        kind, _, rest = challenge.headers.get("www-authenticate", "").partition(" ")
        credentials = DockerLogins.read().credentials(self.repository.host)
        if credentials is not None and credentials.user == IDENTITY_TOKEN:
            raise Undecided
        if kind.lower() == "bearer":
            from urllib.request import parse_http_list, parse_keqv_list  # noqa: PLC0415 - only such a registry pays

            return self._token(parse_keqv_list(parse_http_list(rest)), credentials)
        if credentials is None:
            raise denied("no credentials for it on this machine", self.repository.host)
        return _basic(credentials)

    def _token(self, asked: Mapping[str, str], credentials: Credentials | None) -> dict[str, str]:
        realm = asked.get("realm", "")
        if urlsplit(realm).scheme != urlsplit(self.root).scheme:
            raise Undecided
        query = urlencode(
            {"service": asked.get("service", ""), "scope": f"repository:{self.repository.path}:{self.actions}"}
        )
        reply = self._request("GET", f"{realm}?{query}", _basic(credentials) if credentials else {})
        if reply.status in DENIALS:
            raise denied(reply.words, self.repository.host)
        try:
            token = json.loads(reply.body)
            return {"Authorization": f"Bearer {token.get('token') or token['access_token']}"}
        except (ValueError, KeyError, AttributeError, RecursionError) as err:
            raise Undecided from err

    def _request(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        """Send one request; a credential never follows a redirect to another host."""
        sent = dict(headers)
        for _ in range(_MOST_REDIRECTS + 1):
            reply = self._exchange(method, url, sent)
            target = reply.headers.get("location")
            if reply.status not in _REDIRECTS or target is None or method != "GET":
                return reply
            onward = urljoin(url, target)
            if urlsplit(onward).scheme != urlsplit(url).scheme:
                raise Undecided
            if urlsplit(onward).netloc != urlsplit(url).netloc:
                sent.pop("Authorization", None)
            url = onward
        raise Undecided

    def _exchange(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Undecided
        try:
            response = manager_for(Address.parse(url)).request(
                method, url, headers=headers, timeout=urllib3.Timeout(connect=min(5, left), read=left),
                retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
            try:
                body = self._body(response)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, ValueError) as err:
            raise Undecided from err
        return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    def _body(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """Read a body within bounds of size and time."""
        body = bytearray()
        while chunk := response.read(_CHUNK):
            body += chunk
            if len(body) > LARGEST_ANSWER or time.monotonic() > self.deadline:
                raise Undecided
        return bytes(body)


def _basic(credentials: Credentials) -> dict[str, str]:
    return dict(urllib3.make_headers(basic_auth=f"{credentials.user}:{credentials.secret}"))
