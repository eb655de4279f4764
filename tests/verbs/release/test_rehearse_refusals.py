"""A rehearsal tells where the release itself would be refused, or would go another way."""

import pytest

from tests.support.cli import run_task, succeed
from tests.support.scene import DOCKERFILE, Scene

pytestmark = pytest.mark.engine


def test_changes_that_are_not_committed_are_rehearsed_and_pointed_out(scene: Scene) -> None:
    scene.hub.edit(DOCKERFILE, "USER root", "USER root\nRUN true")
    refused = run_task("--dry", "release", cwd=scene.hub.path)
    dry, real = (
        run_task(*words, cwd=scene.hub.path) for words in (("--dry", "rehearse"), ("rehearse", "--stand-in-base"))
    )
    assert (refused.code, dry.code, real.code) == (1, 0, 0), real
    what = "the file has uncommitted changes besides the release's (images/hub/Dockerfile)"
    assert refused.err.startswith(f"error: {what}\nhint: commit them, ")
    told = f"NOT YET: invoke release would be refused: {what}; commit them, "
    assert dry.err.startswith(told)
    assert told in real.err
    assert told in real.out


def test_what_is_not_committed_is_pointed_out_where_the_clone_does_not_tell_the_base_branch(scene: Scene) -> None:
    git = scene.hub.git
    for name in ("staging", "prod"):
        git("update-ref", f"refs/remotes/origin/{name}", "HEAD")
    git("remote", "set-head", "origin", "--delete")
    git("update-ref", "-d", "refs/remotes/origin/main")
    assert "NOT YET" not in run_task("--dry", "rehearse", cwd=scene.hub.path).err
    scene.hub.write("images/hub/extra.txt", "x\n")
    told = run_task("--dry", "rehearse", cwd=scene.hub.path)
    assert told.err.startswith("NOT YET: invoke release would be refused: the image hub has files that are not "), told


def test_a_settings_fault_is_refused_as_the_release_refuses_it(scene: Scene) -> None:
    scene.hub.git("rm", "--quiet", "-r", "chartpress.yaml", "hub")
    scene.hub.commit("Leave the image alone")
    release, rehearsal = (run_task(*words, cwd=scene.hub.path) for words in (("--dry", "release"), ("rehearse",)))
    assert (release.code, rehearsal.code) == (2, 2)
    assert rehearsal.err == release.err
    assert rehearsal.err.startswith("error: the image has no name to push it to (images/hub/Dockerfile)\n")


def test_in_a_clone_that_is_behind_it_says_where_the_release_starts(scene: Scene) -> None:
    scene.hub.write("notes.txt", "theirs\n")
    scene.hub.commit("Take notes")
    scene.hub.git("push", "--quiet")
    scene.hub.git("reset", "--quiet", "--hard", "HEAD~")
    dry = run_task("--dry", "rehearse", cwd=scene.hub.path)
    assert dry.err == "NOT AS HERE: main here is 1 commit behind: a release starts from main as last fetched\n"


def test_a_build_that_fails_on_a_stand_in_says_that_it_is_one(scene: Scene) -> None:
    scene.change(DOCKERFILE, "COPY", "RUN apt-get install -y git && git --version\nCOPY")
    failed = run_task("rehearse", "--stand-in-base", cwd=scene.hub.path)
    assert failed.code == 3
    *_, stand_in, fakes, error, hint = failed.err.splitlines()
    assert stand_in.startswith("STAND-IN: ")
    assert fakes.startswith("NOT INSTALLED: apt-get, pip and python3 in a stand-in do nothing")
    assert (error.partition(":")[0], hint.partition(":")[0]) == ("error", "hint")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("git@github.com:org/hubs.git", "https://github.com/org/hubs/compare/main..."),
        ("git@gitlab.com:org/hubs.git", "https://gitlab.com/org/hubs/-/merge_requests/new?"),
    ],
)
def test_the_pull_request_is_told_of_as_the_release_opens_it(scene: Scene, address: str, told: str) -> None:
    scene.hub.git("remote", "set-url", "origin", address)
    done = succeed("rehearse", "--stand-in-base", "--pr", cwd=scene.hub.path)
    (line,) = (line for line in done.out.splitlines() if line.startswith("open a pull request from "))
    assert told in line or line.endswith(" into main: the release opens it with gh in org/hubs")
    assert "not a known forge" not in done.out + done.err
