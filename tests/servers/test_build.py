"""What becomes of a build when the registry misbehaves while it pushes, or before it proves what was pushed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal.store import forget_images

from ..image.manifests import Repository
from ..lab.cli import run_task
from ..lab.hubs import Hub, make_hub
from ..release.world import fault
from ..z2jh.scripted import reply, reset
from .conduct import says
from .front import Rule

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from ..lab.helm import HelmServer
    from .front import Answer, Front

pytestmark = pytest.mark.engine

REFUSED, UNREACHABLE = 1, 4
ANOTHER = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class Place:
    """A hub repository whose images go through ``front`` to a real registry.

    Attributes:
        hub: the repository, on 3.2.1.
        front: what stands before the registry.
        path: the path of its image's repository.
    """

    hub: Hub
    front: Front
    path: str

    @property
    def tag(self) -> str:
        """The tag that its one commit makes."""
        return f"0.0.1-0.dev.git.1.h{self.hub.git('log', '-1', '--pretty=%h')}"

    @property
    def manifest(self) -> str:
        """The address of its image."""
        return f"/v2/{self.path}/manifests/{self.tag}"

    @property
    def image(self) -> str:
        """Its image's name."""
        return f"{self.front.address}/{self.path}:{self.tag}"

    @property
    def behind(self) -> Repository:
        """Its image's repository, for those who go past the front."""
        return Repository(str(self.front.behind), self.path)


@pytest.fixture
def place(tmp_path: Path, before: Front, mirror: str, helm_repository: HelmServer) -> Iterator[Place]:
    prefix = secrets.token_hex(4)
    registry = f"{before.address}/{prefix}"
    hub = make_hub(tmp_path / "hub", base=mirror, registry=registry, chart_repository=helm_repository.url)
    yield Place(hub, before, f"{prefix}/core/hub")
    forget_images(before.address)


PUSHES: dict[str, tuple[Answer, str]] = {
    "401": (says("401 Unauthorized", "UNAUTHORIZED", "sign in"), "the registry denied access: "),
    "403": (says("403 Forbidden", "DENIED", "no"), "the registry denied access: "),
    "429": (says("429 Too Many Requests", "TOOMANYREQUESTS", "slow down"), "the registry is asked too often: "),
    "500": (reply(status="500 Internal Server Error"), "the registry gives no usable answer: "),
    "502": (reply(b"<html>", "502 Bad Gateway"), "the registry gives no usable answer: "),
    "reset": (reset, "the registry gives no usable answer: "),
}


@pytest.mark.parametrize(("answer", "what"), PUSHES.values(), ids=PUSHES)
def test_a_push_that_fails_leaves_the_values_and_is_made_again(place: Place, answer: Answer, what: str) -> None:
    place.front.answer(f"PUT {place.manifest}", answer)
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (UNREACHABLE, files), done
    assert fault(done)[0].startswith(what), done
    place.front.rules.clear()
    again = run_task("build", "--json", cwd=place.hub.path)
    assert (again.code, again.json["images"][0]["status"]) == (0, "built"), again
    assert place.tag in place.hub.read("hub/values.yaml")


PROOFS: dict[str, tuple[Answer, int, str]] = {
    "404": (
        says("404 Not Found", "MANIFEST_UNKNOWN", "manifest unknown"),
        REFUSED,
        "the registry does not have the image that was pushed ",
    ),
    "403": (says("403 Forbidden", "DENIED", "no"), UNREACHABLE, "the registry denied access: "),
    "500": (reply(status="500 Internal Server Error"), UNREACHABLE, "the registry gives no usable answer: "),
    "reset": (reset, UNREACHABLE, "the registry gives no usable answer: "),
    "another digest": (
        reply(b"{}", Docker_Content_Digest=ANOTHER),
        UNREACHABLE,
        "the registry gives no usable answer: ",
    ),
}


def from_the_proof_on(place: Place, answer: Answer) -> None:
    """Let the registry answer so, from the first question for what was pushed on; docker's own ask for no tag."""

    def turn(connection: socket.socket) -> None:
        place.front.rules.insert(0, Rule(place.manifest, answer))
        if isinstance(answer, bytes):
            connection.sendall(answer)
        else:
            answer(connection)

    place.front.answer(f"GET {place.manifest}", turn, times=1, after=f"PUT {place.manifest}")


@pytest.mark.parametrize(("answer", "code", "what"), PROOFS.values(), ids=PROOFS)
def test_what_cannot_be_proved_is_not_written_and_proved_later(
    place: Place, answer: Answer, code: int, what: str
) -> None:
    from_the_proof_on(place, answer)
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (code, files), done
    assert fault(done)[0].startswith(what), done
    place.front.rules.clear()
    again = run_task("build", "--json", cwd=place.hub.path)
    assert (again.code, again.json["images"][0]["status"]) == (0, "present"), again
    assert place.tag in place.hub.read("hub/values.yaml")


def somebody_pushes(place: Place, entries: dict[str, str], *, index: bool) -> None:
    """Let somebody else push the same tag, right after it was pushed and before it is asked for."""

    def push(_: object) -> None:
        pushed = [place.behind.push("other", platform, layers) for platform, layers in entries.items()]
        if index:
            place.behind.push_index(place.tag, *pushed)
        else:
            ((platform, layers),) = entries.items()
            place.behind.push(place.tag, platform, layers)

    # The connection is closed without an answer: whoever asks once more sees what was pushed.
    place.front.answer(f"GET {place.manifest}", push, times=1, after=f"PUT {place.manifest}")


@pytest.mark.parametrize(
    ("entries", "index", "what"),
    [
        pytest.param({"linux/amd64": "ab"}, False, "the tag was moved after the push: it names sha256:", id="moved"),
        pytest.param(
            {"linux/arm64": "ab"}, True, "the tag was moved after the push: it names sha256:", id="index of Arm"
        ),
    ],
)
def test_a_tag_that_is_moved_between_push_and_proof_is_not_written(
    place: Place, entries: dict[str, str], *, index: bool, what: str
) -> None:
    somebody_pushes(place, entries, index=index)
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (REFUSED, files), done
    assert fault(done)[0].startswith(what), done
    # A tag that exists is never overwritten without --force.
    assert run_task("build", cwd=place.hub.path).code == REFUSED
    assert place.hub.snapshot() == files
    forced = run_task("build", "--force", cwd=place.hub.path)
    assert forced.code == 0, forced
