"""What becomes of a build when the registry misbehaves while it pushes, or before it proves what was pushed."""

import pytest

from tests.support.cli import run_task, succeed
from tests.support.conduct import CONDUCTS, says
from tests.support.scene import Place, from_the_proof_on
from tests.support.world import fault

pytestmark = pytest.mark.engine

REFUSED, UNREACHABLE = 1, 4


def require_made_good(place: Place, status: str) -> None:
    """Let the registry behave, and check that the same command comes to its end, with an image of that status."""
    place.front.rules.clear()
    again = run_task("build", "--json", cwd=place.hub.path)
    assert (again.code, again.json["images"][0]["status"]) == (0, status), again
    assert place.tag in place.hub.read("hub/values.yaml")


def test_a_push_that_fails_leaves_the_values_and_is_made_again(place: Place) -> None:
    title = "403"
    place.front.answer(f"PUT {place.manifest}", CONDUCTS[title].answer)
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (UNREACHABLE, files), done
    assert fault(done)[0].startswith(str(CONDUCTS[title].registry).partition("...")[0]), done
    require_made_good(place, "built")


def test_what_is_gone_when_it_is_to_be_proved_is_not_written_and_proved_later(place: Place) -> None:
    from_the_proof_on(place, says("404 Not Found", "MANIFEST_UNKNOWN", "manifest unknown"))
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (REFUSED, files), done
    assert fault(done)[0].startswith("the registry does not have the image that was pushed "), done
    require_made_good(place, "present")


def somebody_pushes(place: Place) -> None:
    """Let somebody else push the same tag, right after it was pushed and before it is asked for."""

    def push(_: object) -> None:
        place.behind.push(place.tag, "linux/amd64", "ab")

    # The connection is closed without an answer: whoever asks once more sees what was pushed.
    place.front.answer(f"GET {place.manifest}", push, times=1, after=f"PUT {place.manifest}")


def test_a_tag_that_is_moved_between_push_and_proof_is_not_written(place: Place) -> None:
    somebody_pushes(place)
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (REFUSED, files), done
    assert fault(done)[0].startswith("the tag was moved after the push: it names sha256:"), done
    # A tag that exists is never overwritten without --force.
    assert run_task("build", cwd=place.hub.path).code == REFUSED
    assert place.hub.snapshot() == files
    succeed("build", "--force", cwd=place.hub.path)
