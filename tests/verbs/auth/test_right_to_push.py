"""The right to push is proved before anything is built."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.cli import Result, run_task, sh, succeed
from tests.support.hubs import Hub
from tests.support.registry import private_registry, sign_in, use_short_lived_tokens
from tests.support.server import Answer, Asked, Server, misbehaving

from .keepers import NO_ROLE, Readers, Request, ShortLived, Tokens

pytestmark = pytest.mark.engine

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


@pytest.mark.parametrize(
    ("user", "password", "said"),
    [
        pytest.param("reader", "rose-garden", "DENIED requested access to the resource is denied", id="reads alone"),
        pytest.param("robin", "rose-garden", "401 Unauthorized", id="wrong password"),
    ],
)
def test_a_token_that_may_not_push_is_found_out_before_the_build(
    open_door: OpenDoor, hub_at: HubAt, user: str, password: str, said: str
) -> None:
    opened = open_door(Tokens(PASSWORDS, readers=("reader",)))
    sign_in(opened.address, user, password)
    error, hint = refused_before_a_build(hub_at(opened.address))
    assert error.startswith("error: the registry denied access: ")
    assert error.endswith(f"{said} ({opened.address})")
    assert hint == f"hint: docker login {opened.address}"
    assert password not in error


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
