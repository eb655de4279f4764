"""What registries let through: nobody without a password, readers alone, tokens that run out."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from tests.support.conduct import asks_for, says
from tests.support.server import Answer, Asked, reply

# Artifact Registry's own words: https://cloud.google.com/artifact-registry/docs/troubleshooting
NO_ROLE = (
    'Permission "artifactregistry.repositories.uploadArtifacts" denied on resource '
    '"projects/cal-icor-hubs/locations/us-central1/repositories/core" (or it may not exist)'
)
_BASIC = 'Basic realm="hubpress"'


@dataclass(frozen=True)
class Request:
    """What a registry is asked, as far as a keeper needs it."""

    asked: Asked

    @property
    def path(self) -> str:
        """The address without its query."""
        return urlsplit(self.asked.path).path

    @property
    def scopes(self) -> tuple[str, ...]:
        """What a token is asked for (``repository:core/hub:pull,push``)."""
        return tuple(parse_qs(urlsplit(self.asked.path).query).get("scope", ()))

    @property
    def credentials(self) -> tuple[str, str, str]:
        """Their kind, ``basic`` or ``bearer``, the user of the former, and the password or the token."""
        kind, _, given = self.asked.headers.get("Authorization", "").partition(" ")
        user, _, secret = base64.b64decode(given).decode().partition(":") if kind == "Basic" else ("", "", given)
        return kind.lower(), user, secret

    @property
    def by_docker(self) -> bool:
        """Whether the engine asks, rather than a program that only looks."""
        return bool(self.asked.headers.get("User-Agent", "").startswith("docker/"))

    @property
    def writes(self) -> bool:
        """Whether it is a part of a push."""
        return self.asked.method in {"POST", "PUT", "PATCH", "DELETE"}

    @property
    def begins_push(self) -> bool:
        """Whether it is the engine that begins to upload a layer."""
        return self.asked.method == "POST" and self.path.endswith("/blobs/uploads/") and self.by_docker


def _refusal(status: int, code: str, message: str, **headers: str) -> bytes:
    """Return a refusal in a registry's words."""
    return says(f"{status} {HTTPStatus(status).phrase}", code, message, **headers)


@dataclass
class Readers:
    """Lets everybody look, and nobody push."""

    def __call__(self, asked: Asked) -> Answer | None:
        return _refusal(403, "DENIED", NO_ROLE) if Request(asked).writes else None


@dataclass
class ShortLived:
    """Lets in ``token-1``, ``token-2``, ...; those that were given out before a push began have run out for it."""

    status: int = 401
    code: str = "UNAUTHORIZED"
    message: str = "the access token has expired"
    runs_out: int = 1
    _last_bad: int = 0

    def __call__(self, asked: Asked) -> Answer | None:
        request = Request(asked)
        kind, _, token = request.credentials
        if kind != "basic":
            return asks_for(_BASIC)
        number = int(token.removeprefix("token-"))
        if request.begins_push and number > self._last_bad and self.runs_out:
            self._last_bad, self.runs_out = number, self.runs_out - 1
        if request.writes and request.by_docker and number <= self._last_bad:
            return _refusal(self.status, self.code, self.message, WWW_Authenticate=_BASIC)
        return None


@dataclass
class Tokens:
    """Sells tokens to those who have the password, as Docker Hub and most others do; also plays the token server.

    https://distribution.github.io/distribution/spec/auth/token/
    """

    passwords: Mapping[str, str]
    readers: tuple[str, ...] = ()
    sold: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Answer | None:
        request = Request(asked)
        if request.path == "/token":
            return self._sell(request)
        kind, _, token = request.credentials
        scopes = self.sold.get(token) if kind == "bearer" else None
        if scopes is None:
            return asks_for(f'Bearer realm="http://{asked.headers["Host"]}/token",service="lab"')
        if request.writes and not any("push" in _actions(scope) for scope in scopes):
            return _refusal(403, "DENIED", "requested access to the resource is denied")
        return None

    def _sell(self, request: Request) -> Answer:
        # Clients try OAuth's POST first and take this for "not here": then they ask as the specification says.
        if request.asked.method != "GET":
            return reply(status="405 Method Not Allowed")
        _, user, password = request.credentials
        if self.passwords.get(user) != password:
            return _refusal(401, "UNAUTHORIZED", "incorrect username or password")
        token = secrets.token_hex(8)
        self.sold[token] = () if user in self.readers else request.scopes
        return reply(json.dumps({"token": token}).encode(), Content_Type="application/json")


def _actions(scope: str) -> list[str]:
    """Return what a scope is for: ``pull`` and ``push`` of ``repository:core/hub:pull,push``."""
    return scope.rpartition(":")[2].split(",")
