"""The right to push is proved before anything is built."""

import base64
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.cli import Result, run_task, succeed
from tests.support.conduct import asks_for, says
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.registry import use_helper
from tests.support.scene import DOCKERFILE, VALUES, Place
from tests.support.server import Answer, Asked
from tests.support.world import fault, in_registry, nothing_written

pytestmark = pytest.mark.engine

# Artifact Registry's own words: https://cloud.google.com/artifact-registry/docs/troubleshooting
NO_ROLE = (
    'Permission "artifactregistry.repositories.uploadArtifacts" denied on resource '
    '"projects/cal-icor-hubs/locations/us-central1/repositories/core" (or it may not exist)'
)
_BASIC = 'Basic realm="hubpress"'


def is_by_docker(asked: Asked) -> bool:
    return bool(asked.headers.get("User-Agent", "").startswith("docker/"))


def writes(asked: Asked) -> bool:
    return asked.method in {"POST", "PUT", "PATCH", "DELETE"}


def for_readers(asked: Asked) -> Answer | None:
    """Let everybody look, and nobody push."""
    return says("403 Forbidden", "DENIED", NO_ROLE) if writes(asked) else None


@dataclass
class ShortLived:
    """Lets in ``token-1``, ``token-2``, ...; those that were given out before a push began have run out for it."""

    runs_out: int = 1
    _last_bad: int = 0

    def __call__(self, asked: Asked) -> Answer | None:
        kind, _, given = asked.headers.get("Authorization", "").partition(" ")
        if kind != "Basic":
            return asks_for(_BASIC)
        number = int(base64.b64decode(given).decode().rpartition(":token-")[2])
        begins_push = asked.method == "POST" and urlsplit(asked.path).path.endswith("/blobs/uploads/")
        if begins_push and is_by_docker(asked) and number > self._last_bad and self.runs_out:
            self._last_bad, self.runs_out = number, self.runs_out - 1
        if writes(asked) and is_by_docker(asked) and number <= self._last_bad:
            words = "the access token has expired"
            return says("401 Unauthorized", "UNAUTHORIZED", words, WWW_Authenticate=_BASIC)
        return None


def test_a_registry_that_lets_pull_and_not_push_is_found_out_before_the_build(place: Place) -> None:
    place.front.keeper = for_readers
    with nothing_written(place.hub):
        result = run_task("build", cwd=place.hub.path)
    assert (result.code, result.out) == (4, "")
    reasons = "the account is wrong or lacks the role artifactregistry.writer, or the repository does not exist"
    assert fault(result) == (
        f"{reasons}: DENIED {NO_ROLE} ({place.front.address})",
        "gcloud auth list; gcloud artifacts repositories describe core --location=us-central1 --project=cal-icor-hubs",
    )
    assert not any(map(is_by_docker, place.front.asked))


def test_what_the_registry_has_already_needs_no_right_to_push(place: Place) -> None:
    succeed("build", cwd=place.hub.path)
    place.hub.git("restore", VALUES)
    place.front.keeper = for_readers
    again = succeed("build", "--json", cwd=place.hub.path)
    assert again.json["images"][0]["status"] == "present"


# -- registries that let a build run and then call the token that it went in with expired


TOKENS = """\
echo asked >>"$0.asked"
printf '{"Username": "robin", "Secret": "token-%s"}' "$(grep -c . "$0.asked")"
"""


@pytest.fixture
def keeper() -> ShortLived:
    return ShortLived()


@pytest.fixture
def hub(place: Place, keeper: ShortLived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub whose registry is behind a door; Docker's helper has another token each time that it is asked."""
    place.front.keeper = keeper
    write_program(tmp_path / "programs", "docker-credential-short-lived", TOKENS)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"), prepend=os.pathsep)
    use_helper(place.front.address, "short-lived")
    return place.hub


@pytest.fixture
def mark(hub: Hub) -> str:
    """What a step of the Dockerfile says each time that it is run; it was never run before."""
    word = f"mark-{secrets.token_hex(4)}"
    hub.change(DOCKERFILE, "RUN pip install", f"RUN echo {word}-$((40 + 2)); pip install")
    return f"{word}-42"


def times_run(result: Result, mark: str) -> int:
    return len(re.findall(rf"^#\d+ [\d.]+ {mark}$", result.err, re.MULTILINE))


def test_a_release_whose_first_push_is_refused_as_expired_ends_well_with_one_build(
    hub: Hub, keeper: ShortLived, mark: str
) -> None:
    result = succeed("--debug", "release", "--yes", "--json", "--no-cache", cwd=hub.path)
    assert keeper.runs_out == 0
    assert times_run(result, mark) == 1, result
    first, _, second = result.err.partition("; pushing once more with fresh credentials")
    assert mark in first
    assert re.search(rf"^(#\d+) .*{mark[:-3]}.*\n\1 CACHED$", second, re.MULTILINE), result
    (image,) = result.json["images"]
    assert in_registry(f"{image['repository']}:{image['tag']}")["manifest"]["digest"] == image["digest"]
    assert f"      tag: {image['tag']}\n" in hub.read(VALUES)
    assert hub.subjects("main..HEAD") == [f"Use hub image {image['tag']}", "Move z2jh from 3.2.1 to 3.3.8"]


def test_a_push_that_is_refused_again_is_not_tried_a_third_time(hub: Hub, keeper: ShortLived, mark: str) -> None:
    keeper.runs_out = 3
    with nothing_written(hub):
        result = run_task("build", cwd=hub.path)
    assert (result.code, result.out, keeper.runs_out) == (4, "", 1)
    assert times_run(result, mark) == 1
    address = hub.prefix.partition("/")[0]
    what = f"the registry denied access: unauthorized: the access token has expired ({address})"
    assert fault(result) == (what, f"docker login {address}")
