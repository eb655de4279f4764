"""What moves while ``commit`` works: a commit lands on the planned branch, on the planned parent, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.steps import BRANCH, MANAGED, SUBJECT, commit, committed_files, install_hook
from tests.support.world import fault

if TYPE_CHECKING:
    from ...support.hubs import Hub

AGAIN = "run the same command again"
COMMIT_TREE = "$(git commit-tree HEAD^{tree} -p HEAD -m Theirs)"


def short(hub: Hub, revision: str) -> str:
    return hub.git("rev-parse", "--short=12", revision)


def hook(hub: Hub, name: str, script: str) -> None:
    install_hook(hub.path / ".git/hooks", name, script)


def status(hub: Hub) -> tuple[str, str, dict[str, bytes]]:
    """Return what git says of the files and the index, the index's entries, and the files."""
    return hub.git("status", "--porcelain"), hub.git("ls-files", "--stage"), hub.snapshot()


@pytest.mark.parametrize(
    ("switch", "now"),
    [
        pytest.param("git symbolic-ref HEAD refs/heads/main", "main", id="to main"),
        pytest.param("git switch --quiet main", "main", id="to main by a switch"),
        pytest.param("unset GIT_INDEX_FILE; git switch --quiet --create elsewhere", "elsewhere", id="to a new branch"),
        pytest.param("git update-ref --no-deref HEAD HEAD", "none: HEAD is detached", id="to no branch"),
    ],
)
@pytest.mark.parametrize("staged", [(), ("notes.txt",), ("notes.txt", "hub/requirements.yaml")])
def test_a_branch_switched_during_a_hook_gets_no_commit(
    moved: Hub, switch: str, now: str, staged: tuple[str, ...]
) -> None:
    moved.write("notes.txt", "mine\n")
    moved.write("draft.txt", "mine\n")
    if staged:
        moved.git("add", *staged)
    before, main = status(moved), moved.git("rev-parse", "main")
    hook(moved, "pre-commit", switch)
    done = commit(moved, "--push")
    assert (done.code, done.out) == (1, ""), done
    error, hint = fault(done)
    assert error == f"the plan no longer holds: the current branch is now {now}"
    assert hint == (
        f"git switch {BRANCH}, then {AGAIN}; done so far: "
        f"the current branch is now {BRANCH}, the branch {BRANCH} is now {main[:12]}"
    )
    assert status(moved) == before
    assert set(moved.git("for-each-ref", "--format=%(objectname)", "refs/heads").split()) == {main}
    assert moved.git("rev-parse", "HEAD") == main
    assert moved.remote_git("branch", "--list", BRANCH) == ""
    (moved.path / ".git/hooks/pre-commit").unlink()
    moved.git("switch", "--quiet", BRANCH)
    again = commit(moved, "--push")
    assert again.code == 0, again
    assert (committed_files(moved), moved.subjects("main..HEAD")) == (MANAGED, [SUBJECT])


def test_a_commit_made_during_a_hook_stays_the_only_one(moved: Hub) -> None:
    hook(moved, "pre-commit", f"git update-ref HEAD {COMMIT_TREE}")
    before = status(moved)
    done = commit(moved, "--push")
    assert (done.code, done.out) == (1, ""), done
    assert fault(done)[0] == f"the plan no longer holds: HEAD is now {short(moved, 'HEAD')}"
    assert moved.subjects("main..HEAD") == ["Theirs"]
    assert status(moved) == before
    assert moved.remote_git("branch", "--list", BRANCH) == ""


def test_a_commit_on_top_of_ours_before_the_push_is_not_pushed(moved: Hub) -> None:
    hook(moved, "post-commit", f"git update-ref HEAD {COMMIT_TREE}")
    done = commit(moved, "--push")
    assert (done.code, done.out) == (1, ""), done
    assert fault(done)[0] == f"the plan no longer holds: the branch {BRANCH} is now {short(moved, BRANCH)}"
    assert moved.subjects("main..HEAD") == ["Theirs", SUBJECT]
    assert moved.remote_git("branch", "--list", BRANCH) == ""


@pytest.mark.parametrize("flags", [(), ("--push",)])
def test_a_file_saved_between_the_plan_and_the_commit_stops_it(moved: Hub, flags: tuple[str, ...]) -> None:
    """A hook of the switch is the first thing that runs after the plan."""
    hook(moved, "post-checkout", "echo '# mine' >>hub/requirements.yaml")
    done = commit(moved, *flags)
    assert (done.code, done.out) == (1, ""), done
    assert fault(done)[0] == "the plan no longer holds: hub/requirements.yaml has changed"
    assert moved.subjects() == ["Set up the hub"]
    assert moved.read("hub/requirements.yaml").endswith("# mine\n")
    (moved.path / ".git/hooks/post-checkout").unlink()
    assert "the file has other changes" in fault(commit(moved, *flags))[0]


def test_what_is_staged_between_the_plan_and_the_commit_stays_staged(moved: Hub) -> None:
    stage = "cp hub/requirements.yaml kept; echo '# mine' >>hub/requirements.yaml; git add hub/requirements.yaml"
    hook(moved, "post-checkout", f"unset GIT_INDEX_FILE; {stage}; mv kept hub/requirements.yaml")
    done = commit(moved)
    assert fault(done)[0] == "the plan no longer holds: the index has changed"
    assert moved.git("show", ":hub/requirements.yaml").endswith("# mine")
    assert moved.subjects() == ["Set up the hub"]
