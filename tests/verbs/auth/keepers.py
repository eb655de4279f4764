"""What registries let through: nobody without a password, readers alone, tokens that run out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .door import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .door import Request

# Artifact Registry's own words: https://cloud.google.com/artifact-registry/docs/troubleshooting
NO_ROLE = (
    'Permission "artifactregistry.repositories.uploadArtifacts" denied on resource '
    '"projects/cal-icor-hubs/locations/us-central1/repositories/core" (or it may not exist)'
)
_BASIC = {"WWW-Authenticate": 'Basic realm="hubpress"'}


def _sign_in_first() -> Answer:
    return Answer.refusal(401, "UNAUTHORIZED", "authentication required", **_BASIC)


@dataclass
class Readers:
    """Lets everybody look, and nobody push."""

    def __call__(self, request: Request) -> Answer | None:
        return Answer.refusal(403, "DENIED", NO_ROLE) if request.writes else None


@dataclass
class ShortLived:
    """Lets in ``token-1``, ``token-2``, ...; those that were given out before a push began have run out for it.

    Attributes:
        status: the HTTP status of a token that has run out.
        code: the error's code.
        message: the error's message.
        runs_out: how many more pushes will find that their token has run out.
    """

    status: int = 401
    code: str = "UNAUTHORIZED"
    message: str = "the access token has expired"
    runs_out: int = 1
    _last_bad: int = 0

    def __call__(self, request: Request) -> Answer | None:
        if request.kind != "basic":
            return _sign_in_first()
        number = int(request.secret.removeprefix("token-"))
        if request.begins_push and number > self._last_bad and self.runs_out:
            self._last_bad, self.runs_out = number, self.runs_out - 1
        if request.writes and request.by_docker and number <= self._last_bad:
            return Answer.refusal(self.status, self.code, self.message, **_BASIC)
        return None


@dataclass
class Tokens:
    """Sells tokens to those who have the password, as Docker Hub and most others do; also plays the token server.

    https://distribution.github.io/distribution/spec/auth/token/

    Attributes:
        passwords: by user.
        readers: the users whose tokens are for looking alone.
        sold: the tokens, each with the scopes that it may write in.
    """

    passwords: Mapping[str, str]
    readers: tuple[str, ...] = ()
    sold: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer | None:
        if request.path == "/token":
            return self._sell(request)
        scopes = self.sold.get(request.secret) if request.kind == "bearer" else None
        if scopes is None:
            challenge = f'Bearer realm="http://{request.host}/token",service="lab"'
            return Answer.refusal(401, "UNAUTHORIZED", "authentication required", **{"WWW-Authenticate": challenge})
        if request.writes and not any("push" in _actions(scope) for scope in scopes):
            return Answer.refusal(403, "DENIED", "requested access to the resource is denied")
        return None

    def _sell(self, request: Request) -> Answer:
        # Clients try OAuth's POST first and take this for "not here": then they ask as the specification says.
        if request.method != "GET":
            return Answer(405, {})
        if self.passwords.get(request.user) != request.secret:
            return Answer.refusal(401, "UNAUTHORIZED", "incorrect username or password")
        token = secrets.token_hex(8)
        self.sold[token] = () if request.user in self.readers else request.scopes
        return Answer(200, {"token": token})


def _actions(scope: str) -> list[str]:
    """Return what a scope is for: ``pull`` and ``push`` of ``repository:core/hub:pull,push``."""
    return scope.rpartition(":")[2].split(",")
