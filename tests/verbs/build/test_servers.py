"""What becomes of a build when somebody else pushes the same tag before it proves what was pushed."""

import pytest

from tests.support.cli import run_task, succeed
from tests.support.scene import REFUSED, Place
from tests.support.world import fault


@pytest.mark.engine
def test_a_tag_that_is_moved_between_push_and_proof_is_not_written(place: Place) -> None:
    def push(_: object) -> None:
        place.behind.push(place.tag, "linux/amd64", "ab")

    # The connection is closed without an answer: whoever asks once more sees what was pushed.
    place.front.answer(f"GET {place.manifest}", push, times=1, after=f"PUT {place.manifest}")
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (REFUSED, files), done
    assert fault(done)[0].startswith("the tag was moved after the push: it names sha256:"), done
    # A tag that exists is never overwritten without --force.
    assert run_task("build", cwd=place.hub.path).code == REFUSED
    assert place.hub.snapshot() == files
    succeed("build", "--force", cwd=place.hub.path)
