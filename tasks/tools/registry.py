"""The right to push, proved before a build: an upload that is begun and given up at once.

The protocol is that of the OCI distribution specification
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push), the sign-in that of
https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin
from urllib.request import parse_http_list, parse_keqv_list

import urllib3

from ..faults import Denied
from ..image.reference import DOCKER_HUB
from ..z2jh.address import Address
from ..z2jh.transport import manager_for
from .credentials import IDENTITY_TOKEN, Credentials, DockerLogins
from .denials import denied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..image.reference import Reference

_HUB_HOST = "registry-1.docker.io"
_DENIALS = (401, 403)
_UPLOAD_BEGUN = 202
_TIMEOUT = urllib3.Timeout(connect=5, read=15)
_LARGEST_ANSWER = 64 * 1024


@dataclass(frozen=True)
class _Answer:
    """A server's answer, its headers by their names as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers.items() if known.lower() == name.lower()), "")


def require_push_right(repository: Reference) -> None:
    """Check that Docker's credentials may push to ``repository``, as far as its registry tells.

    A registry that does not answer, or answers something else than yes or no, is left to the push itself.

    Raises:
        Denied: the registry says no; the message is its own, the hint what mends it.
    """
    try:
        _begin_upload(repository)
    except urllib3.exceptions.HTTPError:
        return


def _begin_upload(repository: Reference) -> None:
    scheme = "http" if repository.on_loopback else "https"
    host = _HUB_HOST if repository.host == DOCKER_HUB else repository.host
    url = f"{scheme}://{host}/v2/{repository.path}/blobs/uploads/"
    answer = _request("POST", url)
    headers: dict[str, str] = {}
    if answer.status in _DENIALS:
        credentials = DockerLogins.read().credentials(repository.host)
        if credentials is None:
            raise denied("no credentials for it on this machine", repository.host)
        if credentials.user == IDENTITY_TOKEN:
            return
        headers = _authorization(answer, credentials, repository)
        answer = _request("POST", url, headers)
    if answer.status in _DENIALS:
        raise denied(_words(answer), repository.host)
    if answer.status == _UPLOAD_BEGUN:
        _request("DELETE", urljoin(url, answer.header("Location")), headers)


def _authorization(challenge: _Answer, credentials: Credentials, repository: Reference) -> dict[str, str]:
    """Return the header that answers a registry's challenge: the password itself, or a token bought with it."""
    kind, _, rest = challenge.header("WWW-Authenticate").partition(" ")
    basic = urllib3.make_headers(basic_auth=f"{credentials.user}:{credentials.secret}")
    if kind.lower() != "bearer":
        return dict(basic)
    asked = parse_keqv_list(parse_http_list(rest))
    query = {"service": asked.get("service", ""), "scope": f"repository:{repository.path}:pull,push"}
    answer = _request("GET", f"{asked.get('realm', '')}?{urlencode(query)}", dict(basic))
    if answer.status in _DENIALS:
        raise denied(_words(answer), repository.host)
    try:
        token = json.loads(answer.body)
        return {"Authorization": f"Bearer {token.get('token') or token['access_token']}"}
    except (ValueError, KeyError, AttributeError) as err:
        raise Denied(
            "the registry's token server gives no token", where=repository.host, hint=f"docker login {repository.host}"
        ) from err


def _request(method: str, url: str, headers: Mapping[str, str] | None = None) -> _Answer:
    """Ask without following redirects or trying again: a credential goes nowhere but where it belongs."""
    response = manager_for(Address.parse(url)).request(
        method, url, headers=headers, timeout=_TIMEOUT, retries=False, redirect=False, preload_content=False
    )
    try:
        body = response.read(_LARGEST_ANSWER)
    finally:
        response.release_conn()
    return _Answer(response.status, dict(response.headers.items()), body)


def _words(answer: _Answer) -> str:
    """Return what a registry says is wrong: the messages of its JSON errors, else its status."""
    try:
        errors = json.loads(answer.body)["errors"]
        return "; ".join(f"{error.get('code', '')} {error.get('message', '')}".strip() for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"it answers {answer.status}"
