"""Registries that let a build run and then call the token that it went in with expired."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.cli import Result, run_task, sh
from tests.support.hubs import Hub
from tests.support.logins import use_short_lived_tokens
from tests.support.server import misbehaving

from .keepers import ShortLived

pytestmark = pytest.mark.engine

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
    result = run_task("--debug", "release", "--yes", "--json", "--no-cache", cwd=hub.path)
    assert result.code == 0, result
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
