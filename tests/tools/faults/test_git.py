"""A git that refuses, here or at the remote: one error, one hint, nothing lost, and the same command goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

from tasks.tools.git import Git
from tests.support.processes import write_program
from tests.support.world import fault

from .harness import CONVERGED, Harness
from .stage import Stage

pytestmark = pytest.mark.engine

BRANCH = "bump-z2jh-3.3.8"
REFUSED, PROGRAM, UNREACHABLE = 1, 3, 4
BUSY = "another git is at work here, or was killed in the middle of it"
# What the stage's user has left there.
WORK = {" M hub/Chart.yaml", "A  notes.txt", "?? draft.txt"}


@dataclass(frozen=True)
class Case:
    """Something that stops a release.

    Attributes:
        breaks: brings it about.
        fixes: takes it away again.
        code: the exit code.
        error: the error's line; ``PLACE`` stands for the folder of the clone and its remote.
        hint: the hint's line, likewise.
        before: whether it is found before anything is changed.
    """

    breaks: Callable[[Stage], object]
    fixes: Callable[[Stage], object]
    code: int
    error: str
    hint: str
    before: bool = False


def lock(path: str, *, before: bool = False) -> Case:
    """A lock file that another git has left at ``path``."""
    return Case(
        breaks=lambda stage: (stage.place / path).touch(),
        fixes=lambda stage: (stage.place / path).unlink(),
        code=REFUSED,
        error=f"{BUSY} (PLACE/{path})",
        hint=f"wait for it; where none runs any more: rm PLACE/{path}",
        before=before,
    )


def hook(path: str, script: str, code: int, error: str, hint: str) -> Case:
    """A hook of the clone's or the remote's."""
    folder, _, name = path.rpartition("/")
    return Case(
        breaks=lambda stage: write_program(stage.place / folder, name, script),
        fixes=lambda stage: (stage.place / path).unlink(),
        code=code,
        error=error,
        hint=hint,
    )


def sign_with_nothing(stage: Stage) -> None:
    stage.hub.git("config", "gpg.program", "false")
    stage.hub.git("config", "commit.gpgSign", "true")


def sign_nothing(stage: Stage) -> None:
    stage.hub.git("config", "--unset", "gpg.program")
    stage.hub.git("config", "--unset", "commit.gpgSign")


CASES = {
    "another git's lock on the index": lock("hub/.git/index.lock", before=True),
    "another git's lock on the feature branch": lock(f"hub/.git/refs/heads/{BRANCH}.lock"),
    "a signature that cannot be made": Case(
        sign_with_nothing,
        sign_nothing,
        PROGRAM,
        "git commit: gpg failed to sign the data (PLACE/hub)",
        "see why: git commit --allow-empty --gpg-sign; or sign none: git config commit.gpgSign false",
    ),
    "a hook that stops the push": hook(
        "hub/.git/hooks/pre-push",
        "exit 1",
        PROGRAM,
        f"the clone's own hook stopped the push of {BRANCH} (pre-push)",
        "git rev-parse --git-path hooks/pre-push; see its output above",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_release_stops_and_goes_on_after_mending(harness: Harness, case: Case) -> None:
    stage, planted = harness.stage, harness.planted
    stage.set_up()
    case.breaks(stage)
    broken = stage.look()
    stopped = stage.release()
    assert stopped.code == case.code, stopped
    error, hint = (line.replace("PLACE", str(stage.place)) for line in (case.error, case.hint))
    assert fault(stopped) == (error, hint)
    assert stage.look().users() == planted.users()
    if case.before:
        assert not stage.look().difference(broken, but="files")
    case.fixes(stage)
    assert harness.again(stage.look()) == (CONVERGED, "")


def test_git_killed_while_it_commits_leaves_a_lock_that_is_named(harness: Harness) -> None:
    stage = harness.stage
    stage.set_up()
    hooks = stage.place / "hub/.git/hooks"
    write_program(hooks, "pre-commit", "kill -9 $PPID")
    killed = stage.release()
    assert fault(killed) == (f"git commit: it ended with status -9 ({stage.hub.path})", "git status")
    (hooks / "pre-commit").unlink()
    lock = stage.place / "hub/.git/index.lock"
    refused = stage.release()
    assert fault(refused) == (f"{BUSY} ({lock})", f"wait for it; where none runs any more: rm {lock}")
    for left in lock.parent.glob("*.lock"):
        left.unlink()
    assert harness.again(stage.look()) == (CONVERGED, "")


def test_a_release_goes_on_after_git_was_interrupted_before_it_writes_the_index(harness: Harness) -> None:
    """In the first commit, after the branch has moved: what is left in the index then is taken out of it by hand."""
    stage = harness.stage
    stage.set_up()
    hooks = stage.place / "hub/.git/hooks"
    # Of a new branch this event has no commit before.
    moved = 'test "$1" = committed && grep -v "^00* " | grep -q refs/heads/ && kill -INT $PPID; exit 0'
    write_program(hooks, "reference-transaction", moved)
    interrupted = stage.release()
    assert fault(interrupted) == (f"git commit: it ended with status -2 ({stage.hub.path})", "git status")
    (hooks / "reference-transaction").unlink()
    assert stage.hub.subjects()[0] == "Move z2jh from 3.2.1 to 3.3.8"
    stage.hub.git("restore", "--staged", "--", "images/hub/Dockerfile", "hub/requirements.yaml")
    assert harness.again(stage.look()) == (CONVERGED, "")


def test_a_lock_that_is_held_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    git = Git(tmp_path)
    git.read("init", "--quiet")
    lock = tmp_path / ".git/index.lock"
    lock.touch()
    Timer(0.2, lock.unlink).start()
    git.require_unlocked()
    assert not lock.exists()
