"""What becomes of a build when the registry misbehaves while it pushes, or before it proves what was pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..lab.cli import run_task
from ..release.world import fault
from ..z2jh.scripted import reply, reset
from .conduct import says
from .place import from_the_proof_on

if TYPE_CHECKING:
    from .front import Answer
    from .place import Place

pytestmark = pytest.mark.engine

REFUSED, UNREACHABLE = 1, 4
ANOTHER = f"sha256:{'0' * 64}"


PUSHES: dict[str, tuple[Answer, str]] = {
    "401": (says("401 Unauthorized", "UNAUTHORIZED", "sign in"), "the registry denied access: "),
    "403": (says("403 Forbidden", "DENIED", "no"), "the registry denied access: "),
    "429": (says("429 Too Many Requests", "TOOMANYREQUESTS", "slow down"), "the registry is asked too often: "),
    "500": (reply(status="500 Internal Server Error"), "the registry gives no usable answer: "),
    "502": (reply(b"<html>", "502 Bad Gateway"), "the registry gives no usable answer: "),
    "reset": (reset, "the registry gives no usable answer: "),
}


def require_made_good(place: Place, status: str) -> None:
    """Let the registry behave, and check that the same command comes to its end, with an image of that status."""
    place.front.rules.clear()
    again = run_task("build", "--json", cwd=place.hub.path)
    assert (again.code, again.json["images"][0]["status"]) == (0, status), again
    assert place.tag in place.hub.read("hub/values.yaml")


@pytest.mark.parametrize(("answer", "what"), PUSHES.values(), ids=PUSHES)
def test_a_push_that_fails_leaves_the_values_and_is_made_again(place: Place, answer: Answer, what: str) -> None:
    place.front.answer(f"PUT {place.manifest}", answer)
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (UNREACHABLE, files), done
    assert fault(done)[0].startswith(what), done
    require_made_good(place, "built")


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


@pytest.mark.parametrize(("answer", "code", "what"), PROOFS.values(), ids=PROOFS)
def test_what_cannot_be_proved_is_not_written_and_proved_later(
    place: Place, answer: Answer, code: int, what: str
) -> None:
    from_the_proof_on(place, answer)
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (code, files), done
    assert fault(done)[0].startswith(what), done
    require_made_good(place, "present")


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
