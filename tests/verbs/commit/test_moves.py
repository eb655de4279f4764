"""What moves while ``commit`` works: a commit lands on the planned branch, on the planned parent, or not at all."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support.cli import run_task, succeed
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.steps import BRANCH, MANAGED, SUBJECT, commit, committed_files, refs
from tests.support.world import fault

AGAIN = "run the same command again"
COMMIT_TREE = "$(git commit-tree HEAD^{tree} -p HEAD -m Theirs)"


def short(hub: Hub, revision: str) -> str:
    return hub.git("rev-parse", "--short=12", revision)


def hook(hub: Hub, name: str, script: str) -> None:
    write_program(hub.path / ".git/hooks", name, script)


def status(hub: Hub) -> tuple[str, str, dict[str, bytes]]:
    """Return what git says of the files and the index, the index's entries, and the files."""
    return hub.git("status", "--porcelain"), hub.git("ls-files", "--stage"), hub.snapshot()


@pytest.mark.parametrize(
    "switch",
    [
        "git symbolic-ref HEAD refs/heads/main",
        "unset GIT_INDEX_FILE; git switch --quiet --create elsewhere",
        "git update-ref --no-deref HEAD HEAD",
    ],
    ids=["to main", "to a new branch", "to no branch"],
)
def test_a_commit_that_a_hook_has_moved_elsewhere_is_not_pushed_and_its_hint_takes_it_back(
    moved: Hub, switch: str
) -> None:
    moved.write("draft.txt", "mine\n")
    before, main = moved.snapshot(), moved.git("rev-parse", "main")
    hook(moved, "pre-commit", switch)
    done = commit(moved, "--push")
    assert (done.code, done.out) == (1, ""), done
    error, hint = fault(done)
    assert error.startswith(f"the commit is not on {BRANCH}: a hook or another program has switched to another branch")
    assert hint == (
        f"look at it: git log -1 --stat; to take it back: git reset --soft HEAD~1; then git switch {BRANCH}, "
        f"and {AGAIN}"
    )
    assert moved.remote_git("branch", "--list", BRANCH) == ""
    (moved.path / ".git/hooks/pre-commit").unlink()
    moved.git("reset", "--quiet", "--soft", "HEAD~1")
    moved.git("switch", "--quiet", BRANCH)
    assert (moved.snapshot(), moved.git("rev-parse", "main")) == (before, main)
    succeed("commit", "--push", cwd=moved.path)
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


def test_a_file_saved_between_the_plan_and_the_commit_stops_it(moved: Hub) -> None:
    """A hook of the switch is the first thing that runs after the plan."""
    hook(moved, "post-checkout", "echo '# mine' >>hub/requirements.yaml")
    done = commit(moved, "--push")
    assert (done.code, done.out) == (1, ""), done
    assert fault(done)[0] == "the plan no longer holds: hub/requirements.yaml has changed"
    assert moved.subjects() == ["Set up the hub"]
    assert moved.read("hub/requirements.yaml").endswith("# mine\n")
    (moved.path / ".git/hooks/post-checkout").unlink()
    assert "the file has uncommitted changes besides the release's" in fault(commit(moved))[0]


def test_what_is_staged_between_the_plan_and_the_commit_stays_staged(moved: Hub) -> None:
    stage = "cp hub/requirements.yaml kept; echo '# mine' >>hub/requirements.yaml; git add hub/requirements.yaml"
    hook(moved, "post-checkout", f"unset GIT_INDEX_FILE; {stage}; mv kept hub/requirements.yaml")
    done = commit(moved)
    assert fault(done)[0] == "the plan no longer holds: the index has changed"
    assert moved.git("show", ":hub/requirements.yaml").endswith("# mine")
    assert moved.subjects() == ["Set up the hub"]


def test_a_branch_switched_between_the_plan_and_the_action_stays_as_it_is(
    moved: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git that switches stands in the middle of the plan's looks, behind that at the branch."""
    programs, git = tmp_path / "path", shutil.which("git")
    programs.mkdir()
    switch = f"{git} symbolic-ref HEAD refs/heads/elsewhere; touch {programs}/done"
    once = f"test -e {programs}/done || {{ {git} branch elsewhere; {switch}; }}"
    write_program(programs, "git", f'case "$*" in *check-ref-format*) {once} ;; esac\nexec {git} "$@"\n')
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    before = moved.snapshot()
    done = run_task("commit", cwd=moved.path)
    assert fault(done) == (
        "the plan no longer holds: the current branch is now elsewhere",
        f"git switch main, then {AGAIN}",
    )
    assert (moved.snapshot(), moved.git("branch", "--list", BRANCH)) == (before, "")
    assert "elsewhere" in refs(moved)


# -- hooks that change what is committed


def test_a_formatter_that_stops_the_commit_is_named_and_its_hint_leads_on(moved: Hub) -> None:
    """As prettier's and pre-commit's own: they change a file, fail, and are content the second time."""
    script = "for file in hub/requirements.yaml images/hub/Dockerfile; do printf '# end\\n' >>$file; done"
    changed = "images/hub/Dockerfile hub/requirements.yaml"
    once = "test -e .git/formatted && exit 0; touch .git/formatted"
    hook(moved, "pre-commit", f"{once}; {script}; echo 'files were modified'; exit 1")
    head = moved.git("rev-parse", "HEAD")
    done = commit(moved)
    assert (done.code, done.out, moved.git("rev-parse", "HEAD")) == (1, "", head), done
    again = f"git commit --message '{SUBJECT}' -- images/hub/Dockerfile hub/requirements.yaml"
    assert fault(done) == (
        f"a commit hook changed files and stopped the commit ({changed})",
        f"review it: git diff -- {changed}; then: {again}; then run the same command again",
    )
    assert fault(commit(moved))[0].startswith("the file has uncommitted changes besides the release's")
    moved.git("commit", "--quiet", "--message", SUBJECT, "--", "images/hub/Dockerfile", "hub/requirements.yaml")
    assert commit(moved).out == "Nothing to do.\n"
    assert (moved.subjects()[0], committed_files(moved)) == (SUBJECT, MANAGED)


def test_a_formatter_that_lets_the_commit_through_is_named_and_the_next_run_goes_on(moved: Hub) -> None:
    """As lint-staged's: they change a file and add it."""
    hook(moved, "pre-commit", "printf '# end\\n' >>hub/requirements.yaml; git add hub/requirements.yaml")
    error, hint = fault(commit(moved))
    assert error == "a hook changed the file while it was committed (hub/requirements.yaml)"
    assert hint.endswith("where that is right, run the same command again")
    assert moved.git("show", "HEAD:hub/requirements.yaml").endswith("# end")
    again = commit(moved, "--push")
    assert (again.code, again.out) == (0, f"pushed {BRANCH} to origin\n"), again
