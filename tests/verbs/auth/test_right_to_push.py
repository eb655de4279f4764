"""The right to push is proved before anything is built."""

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.cli import Result, run_task, sh, succeed
from tests.support.conduct import asks_for, says
from tests.support.hubs import Hub
from tests.support.registry import private_registry, sign_in, use_short_lived_tokens
from tests.support.server import Answer, Asked, Server, misbehaving, reply

pytestmark = pytest.mark.engine

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


# -- the right to push is proved before anything is built


OpenDoor: TypeAlias = Callable[[Callable[[Asked], Answer | None]], Server]
HubAt: TypeAlias = Callable[[str], Hub]


PASSWORDS = {"robin": "tulip-garden", "reader": "rose-garden"}


@pytest.fixture
def open_door(registry: Registry) -> Iterator[OpenDoor]:
    """Opens a door before the tests' registry, for the rest of the test."""
    with ExitStack() as opened:

        def open_with(keeper: Callable[[Asked], Answer | None]) -> Server:
            server = opened.enter_context(misbehaving(registry.address))
            server.keeper = keeper
            return server

        yield open_with


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Registry]:
    """A registry that asks for a password itself."""
    with private_registry(tmp_path / "private", PASSWORDS) as served:
        yield served


def refused_before_a_build(hub: Hub) -> tuple[str, str]:
    """Demand that a build is denied and nothing was built; return the error and the hint."""
    before = hub.snapshot()
    result = run_task("build", cwd=hub.path)
    assert (result.code, result.out) == (4, ""), result
    assert not was_built(result), result
    assert hub.snapshot() == before
    error, hint = result.err.splitlines()[-2:]
    return error, hint


def was_built(result: Result) -> bool:
    return "load build definition" in result.err or ": built, pushed" in result.out


def test_a_registry_that_lets_pull_and_not_push_is_found_out_before_the_build(
    open_door: OpenDoor, hub_at: HubAt
) -> None:
    opened = open_door(Readers())
    error, hint = refused_before_a_build(hub_at(opened.address))
    assert error == (
        "error: the account is wrong or lacks the role artifactregistry.writer, or the repository does not "
        f"exist: DENIED {NO_ROLE} ({opened.address})"
    )
    assert hint == (
        "hint: gcloud auth list; gcloud artifacts repositories describe core "
        "--location=us-central1 --project=cal-icor-hubs"
    )
    assert not any(Request(asked).by_docker for asked in opened.asked)


def test_what_the_registry_has_already_needs_no_right_to_push(open_door: OpenDoor, hub_at: HubAt) -> None:
    opened = open_door(lambda _: None)
    hub = hub_at(opened.address)
    succeed("build", cwd=hub.path)
    hub.git("restore", "hub/values.yaml")
    opened.keeper = Readers()
    again = succeed("build", "--json", cwd=hub.path)
    assert again.json["images"][0]["status"] == "present"


# -- who may, by a token


def test_a_token_that_may_push_builds_and_pushes(open_door: OpenDoor, hub_at: HubAt) -> None:
    opened = open_door(Tokens(PASSWORDS))
    sign_in(opened.address, "robin", PASSWORDS["robin"])
    result = succeed("build", cwd=hub_at(opened.address).path)
    assert was_built(result)


def test_a_token_that_may_not_push_is_found_out_before_the_build(open_door: OpenDoor, hub_at: HubAt) -> None:
    opened = open_door(Tokens(PASSWORDS, readers=("reader",)))
    sign_in(opened.address, "reader", PASSWORDS["reader"])
    error, hint = refused_before_a_build(hub_at(opened.address))
    assert error.startswith("error: the registry denied access: ")
    assert error.endswith(f"DENIED requested access to the resource is denied ({opened.address})")
    assert hint == f"hint: docker login {opened.address}"
    assert PASSWORDS["reader"] not in error


# -- who may, by the password itself


def test_a_wrong_password_is_found_out_before_the_build(private: Registry, hub_at: HubAt) -> None:
    sign_in(private.address, "robin", "rose-garden")
    error, hint = refused_before_a_build(hub_at(private.address))
    assert error.startswith("error: the registry denied access: ")
    assert error.endswith(f" ({private.address})")
    assert "rose-garden" not in error
    assert hint == f"hint: docker login {private.address}"


def test_nobody_signed_in_is_found_out_before_the_build(private: Registry, hub_at: HubAt) -> None:
    error, hint = refused_before_a_build(hub_at(private.address))
    assert error.startswith("error: the registry denied access: ")
    assert hint == f"hint: docker login {private.address}"


# -- registries that let a build run and then call the token that it went in with expired


DOCKERFILE, VALUES = "images/hub/Dockerfile", "hub/values.yaml"
AGAIN = "; pushing once more with fresh credentials"


@pytest.fixture
def keeper() -> ShortLived:
    return ShortLived()


@pytest.fixture
def hub(registry: Registry, keeper: ShortLived, programs: Path, hub_at: Callable[[str], Hub]) -> Iterator[Hub]:
    """A hub whose registry is behind a door; Docker's helper has another token each time that it is asked."""
    with misbehaving(registry.address) as opened:
        opened.keeper = keeper
        use_short_lived_tokens(programs, opened.address)
        yield hub_at(opened.address)


@pytest.fixture
def mark(hub: Hub) -> str:
    """What a step of the Dockerfile says each time that it is run; it was never run before."""
    word = f"mark-{secrets.token_hex(4)}"
    hub.edit(DOCKERFILE, "RUN pip install", f"RUN echo {word}-$((40 + 2)); pip install")
    hub.commit("Leave a mark")
    return f"{word}-42"


def times_run(result: Result, mark: str) -> int:
    return len(re.findall(rf"^#\d+ [\d.]+ {mark}$", result.err, re.MULTILINE))


def digest_of(image: str, hub: Hub) -> str:
    seen = sh("docker", "buildx", "imagetools", "inspect", image, "--format={{json .Manifest}}", cwd=hub.path)
    return str(json.loads(seen)["digest"])


def test_a_release_whose_first_push_is_refused_as_expired_ends_well_with_one_build(
    hub: Hub, keeper: ShortLived, mark: str
) -> None:
    result = succeed("--debug", "release", "--yes", "--json", "--no-cache", cwd=hub.path)
    assert keeper.runs_out == 0
    assert times_run(result, mark) == 1, result
    first, _, second = result.err.partition(AGAIN)
    assert mark in first
    assert re.search(rf"^(#\d+) .*{mark[:-3]}.*\n\1 CACHED$", second, re.MULTILINE), result
    (image,) = result.json["images"]
    assert digest_of(f"{image['repository']}:{image['tag']}", hub) == image["digest"]
    assert f"      tag: {image['tag']}\n" in hub.read(VALUES)
    assert hub.subjects("main..HEAD") == [f"Use hub image {image['tag']}", "Move z2jh from 3.2.1 to 3.3.8"]


def test_a_push_that_is_refused_again_is_not_tried_a_third_time(hub: Hub, keeper: ShortLived, mark: str) -> None:
    keeper.runs_out = 3
    before = hub.snapshot()
    result = run_task("build", cwd=hub.path)
    assert (result.code, result.out, keeper.runs_out) == (4, "", 1)
    assert times_run(result, mark) == 1
    address = hub.read("chartpress.yaml").partition("imagePrefix: ")[2].partition("/")[0]
    assert result.err.splitlines()[-2:] == [
        f"error: the registry denied access: unauthorized: the access token has expired ({address})",
        f"hint: docker login {address}",
    ]
    assert hub.snapshot() == before
