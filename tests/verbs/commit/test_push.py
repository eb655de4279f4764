"""``commit --push``: adds to the remote, never overwrites, and says what the remote said."""

import os
import shlex
from pathlib import Path

import pytest

from tests.support.cli import sh, succeed
from tests.support.hubs import Hub, clone
from tests.support.processes import write_program
from tests.support.steps import BRANCH, SUBJECT, commit, committed_files, move, pin, refs
from tests.support.world import demand_fault, fault, nothing_written


def test_the_branch_is_pushed_and_tracked_and_a_second_commit_is_added(moved: Hub) -> None:
    done = succeed("commit", "--push", cwd=moved.path)
    short = moved.git("rev-parse", "--short=12", "HEAD")
    assert done.out == f"commit {short} on {BRANCH}: {SUBJECT}\npushed {BRANCH} to origin\n"
    assert moved.remote_git("rev-parse", BRANCH) == moved.git("rev-parse", "HEAD")
    assert moved.git("rev-parse", "--abbrev-ref", "@{upstream}") == f"origin/{BRANCH}"
    assert moved.remote_git("rev-parse", "main") == moved.git("rev-parse", "main")
    before = refs(moved)
    again = commit(moved, "--push")
    assert (again.code, again.out, again.err) == (0, "Nothing to do.\n", "")
    assert refs(moved) == before
    pin(moved, "1.0.0")
    assert commit(moved, "--push").code == 0
    pushed = moved.remote_git("log", "--pretty=%s", BRANCH).splitlines()
    assert pushed == ["Use hub image 1.0.0", SUBJECT, "Set up the hub"]
    assert committed_files(moved) == "hub/values.yaml"


def test_a_branch_whose_name_is_not_utf_8_is_committed_to_and_pushed(moved: Hub) -> None:
    branch = os.fsdecode(b"gr\xf6\xdfer")
    moved.git("switch", "--quiet", "--create", branch)
    assert commit(moved, "--push").out.endswith(f"on gr\\xf6\\xdfer: {SUBJECT}\npushed gr\\xf6\\xdfer to origin\n")
    assert moved.remote_git("rev-parse", branch) == moved.git("rev-parse", "HEAD")


def test_a_push_that_was_killed_before_the_clone_knew_of_it_is_made_again(moved: Hub) -> None:
    commit(moved, "--push")
    pushed = refs(moved)
    moved.git("update-ref", "-d", f"refs/remotes/origin/{BRANCH}")
    again = commit(moved, "--push")
    assert (again.code, again.out) == (0, f"pushed {BRANCH} to origin\n"), again
    assert refs(moved) == pushed


def test_a_lock_that_a_killed_git_left_on_the_configuration_has_a_way_on(moved: Hub) -> None:
    moved.write(".git/config.lock", "")
    assert fault(commit(moved, "--push")) == (
        "another git is at work here, or was killed in the middle of it (.git/config.lock)",
        "wait for it; if no git is running: rm .git/config.lock",
    )
    (moved.path / ".git/config.lock").unlink()
    assert commit(moved, "--push").out == f"pushed {BRANCH} to origin\n"


def test_the_users_own_commits_on_the_default_branch_are_not_pushed_along(hub: Hub) -> None:
    hub.put("notes.txt", "mine\n")
    with nothing_written(hub):
        done = commit(hub, "--push")
    assert (done.code, done.out) == (0, "Nothing to do.\n")


# -- where it goes, and what goes along


def own_commit(hub: Hub, subject: str) -> str:
    """Commit something of the user's, and return its short hash."""
    hub.write("notes.txt", f"{subject}\n")
    hub.git("add", "notes.txt")
    hub.git("commit", "--quiet", "--message", subject, "--", "notes.txt")
    return hub.git("rev-parse", "--short=12", "HEAD")


@pytest.mark.parametrize("how", ["pushurl", "pushInsteadOf", "hub.remote"])
def test_a_push_goes_where_it_is_meant_to_and_is_proved_there(
    moved: Hub, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork = tmp_path / "fork.git"
    sh("git", "clone", "--quiet", "--bare", str(moved.remote), str(fork), cwd=tmp_path)
    if how == "pushurl":
        moved.git("remote", "set-url", "--push", "origin", str(fork))
    elif how == "pushInsteadOf":
        moved.git("config", f"url.{fork}.pushInsteadOf", str(moved.remote))
    else:
        moved.git("remote", "add", "fork", str(fork))
        monkeypatch.setenv("INVOKE_HUB_REMOTE", "fork")
        monkeypatch.setenv("INVOKE_HUB_BASE_BRANCH", "main")
    succeed("commit", "--push", cwd=moved.path)
    assert sh("git", "rev-parse", BRANCH, cwd=fork) == moved.git("rev-parse", "HEAD")
    assert moved.remote_git("branch", "--list", BRANCH) == ""
    assert commit(moved, "--push").out == "Nothing to do.\n"
    pin(moved, "1.0.0")
    assert commit(moved, "--push").code == 0
    assert sh("git", "rev-parse", BRANCH, cwd=fork) == moved.git("rev-parse", "HEAD")


def test_the_users_own_commits_on_the_feature_branch_are_listed_and_pushed(moved: Hub) -> None:
    moved.git("switch", "--quiet", "--create", BRANCH)
    first, second = own_commit(moved, "Add notes"), own_commit(moved, "Fix $(notes)")
    dry = commit(moved, "--push", "--dry")
    assert (
        f"         * push {BRANCH} to origin, with 2 earlier commits that it does not have\n"
        "           because of --push\n"
        "           also pushes earlier commits that origin does not have:\n"
        f"             {second} Fix $(notes)\n"
        f"             {first} Add notes\n"
        "           $ git push "
    ) in dry.out
    done = succeed("commit", "--push", cwd=moved.path)
    assert f"  {second} Fix $(notes)\n  {first} Add notes\n" in done.err
    assert moved.remote_git("log", "--format=%s", f"main..{BRANCH}") == f"{SUBJECT}\nFix $(notes)\nAdd notes"


# -- where the remote is ahead, or says no


def test_a_branch_that_was_amended_after_its_push_is_not_pulled_back(moved: Hub) -> None:
    """A pull that keeps theirs on a conflict would bring back the line that was amended."""
    succeed("commit", "--push", cwd=moved.path)
    first = moved.git("rev-parse", "HEAD")
    moved.edit("images/hub/Dockerfile", "USER root\n", "USER root\nRUN apt-get update\n")
    moved.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    amended = moved.git("rev-parse", "HEAD")
    pin(moved, "1.0.0")
    push = f"git push --force-with-lease={BRANCH}:{first} origin {BRANCH}"
    with nothing_written(moved):
        done = commit(moved, "--push")
    demand_fault(
        done,
        1,
        f"the remote's branch {BRANCH} has commits that were rewritten here (origin)",
        f"to replace them there: {push}; or use another branch: --branch NAME",
    )
    moved.git(*push.split()[1:])
    succeed("commit", "--push", cwd=moved.path)
    assert moved.remote_git("rev-parse", f"{BRANCH}~") == amended


def test_a_colleague_who_is_quicker_is_not_overwritten(moved: Hub, tmp_path: Path) -> None:
    """The colleague's push comes in the middle of ours: a hook of ours waits for it."""
    colleague = clone(moved.remote, tmp_path / "colleague")
    colleague.put("notes.txt", "theirs\n")
    script = f'git -C "{colleague.path}" push --quiet origin HEAD:refs/heads/{BRANCH}'
    write_program(moved.path / ".git/hooks", "pre-push", f"unset GIT_DIR GIT_INDEX_FILE\n{script}")
    done = commit(moved, "--push")
    assert (done.code, done.out) == (4, "")
    assert done.err.endswith(
        f"error: the remote rejected the branch {BRANCH}: failed to update ref (origin)\n"
        f"hint: see what is there: git fetch origin {BRANCH} && git log HEAD..FETCH_HEAD; or use another --branch\n"
    )
    assert moved.remote_git("rev-parse", BRANCH) == colleague.git("rev-parse", "HEAD")
    assert moved.subjects()[0] == SUBJECT


def test_a_clone_of_one_branch_gets_to_a_colleagues_branch_as_the_hint_says(moved: Hub, tmp_path: Path) -> None:
    """It named origin/BRANCH, which such a clone does not have after a fetch either."""
    succeed("commit", "--push", cwd=moved.path)
    sh("git", "clone", "--quiet", "--single-branch", str(moved.remote), "single", cwd=tmp_path)
    single = Hub(tmp_path / "single", moved.remote)
    move(single)
    error, hint = fault(commit(single, "--push"))
    assert error == f"the remote's branch {BRANCH} has commits that are not here (origin)"
    sh("sh", "-c", hint.partition(";")[0], cwd=single.path)
    assert (single.git("branch", "--show-current"), single.subjects()[0]) == (BRANCH, SUBJECT)
    # Nothing is new there: only the upstream is set.
    assert commit(single, "--push").out == f"pushed {BRANCH} to origin\n"


def test_a_remotes_hook_that_rejects_is_quoted_and_the_commit_stays(moved: Hub) -> None:
    write_program(moved.remote / "hooks", "pre-receive", 'echo "policy: no pushes on Fridays" >&2; exit 1')
    done = commit(moved, "--push")
    assert (done.code, done.out) == (4, "")
    assert "remote: policy: no pushes on Fridays" in done.err
    assert fault(done) == (
        f"the remote rejected the branch {BRANCH}: pre-receive hook declined (origin)",
        f"ask the owners of origin why, then: git push origin {BRANCH}",
    )
    assert moved.subjects()[0] == SUBJECT
    assert moved.remote_git("branch", "--list", BRANCH) == ""
    (moved.remote / "hooks/pre-receive").unlink()
    done = commit(moved, "--push")
    assert (done.code, done.out) == (0, f"pushed {BRANCH} to origin\n")


def test_another_address_of_the_remote_that_rejects_is_told_and_pushed_to_again(moved: Hub, tmp_path: Path) -> None:
    """As of a mirror: git asks the first one alone for the branch."""
    mirror = tmp_path / "mirror.git"
    sh("git", "clone", "--quiet", "--bare", str(moved.remote), str(mirror), cwd=tmp_path)
    write_program(mirror / "hooks", "pre-receive", "exit 1")
    for address in (moved.remote, mirror):
        moved.git("remote", "set-url", "--push", "--add", "origin", str(address))
    for _ in range(2):
        error, _ = fault(commit(moved, "--push"))
        assert error == f"the remote rejected the branch {BRANCH}: pre-receive hook declined (origin)"
    (mirror / "hooks/pre-receive").unlink()
    assert commit(moved, "--push").out == f"pushed {BRANCH} to origin\n"
    assert sh("git", "rev-parse", BRANCH, cwd=mirror) == moved.git("rev-parse", "HEAD")


def test_a_shallow_clone_that_the_remote_cannot_complete_has_a_way_on(hub: Hub, tmp_path: Path) -> None:
    """As a fork that is behind: it lacks what the clone of the team's repository was not given either."""
    fork, shallow = tmp_path / "fork.git", Hub(tmp_path / "shallow", tmp_path / "fork.git")
    sh("git", "clone", "--quiet", "--bare", str(hub.remote), str(fork), cwd=tmp_path)
    hub.put("notes.txt", "theirs\n")
    hub.put("notes.txt", "more\n")
    hub.git("push", "--quiet")
    sh("git", "clone", "--quiet", "--depth=1", "--origin=upstream", f"file://{hub.remote}", "shallow", cwd=tmp_path)
    shallow.git("remote", "add", "origin", str(fork))
    move(shallow)
    assert fault(commit(shallow, "--push")) == (
        f"the remote rejected the branch {BRANCH}: shallow update not allowed (origin)",
        "git fetch --unshallow REMOTE, then run the same command again",
    )
    shallow.git("fetch", "--quiet", "--unshallow", "upstream")
    assert commit(shallow, "--push").out == f"pushed {BRANCH} to origin\n"


def test_a_base_branch_that_is_protected_has_a_way_on(moved: Hub) -> None:
    refuse = 'grep -q main$ && { echo "GH006: Protected branch update failed" >&2; exit 1; }; exit 0'
    write_program(moved.remote / "hooks", "pre-receive", refuse)
    done = commit(moved, "--branch", "main", "--push")
    assert fault(done) == (
        "the remote rejected the branch main: pre-receive hook declined (origin)",
        "take what is committed to another branch: git switch --create NAME; then: invoke commit --pr",
    )
    moved.git("switch", "--quiet", "--create", "mine")
    done = commit(moved, "--pr")
    assert (done.code, done.out.splitlines()[0]) == (0, "pushed mine to origin")


@pytest.mark.parametrize(
    ("setting", "value", "hint"),
    [
        ("push.gpgSign", "true", "sign a push only where the remote takes that: git config push.gpgSign if-asked"),
        ("push.pushOption", "ci.skip", "send none in this clone: git config push.pushOption ''"),
    ],
)
def test_what_the_remote_does_not_take_of_a_push_has_a_way_on(moved: Hub, setting: str, value: str, hint: str) -> None:
    with Path(os.environ["GIT_CONFIG_GLOBAL"]).open("a") as settings:
        settings.write("[{}]\n{} = {}\n".format(*setting.split("."), value))
    assert fault(commit(moved, "--push"))[1] == hint
    moved.git(*shlex.split(hint.partition(": git ")[2]))
    assert commit(moved, "--push").out == f"pushed {BRANCH} to origin\n"


def test_the_clones_own_hook_is_not_the_remotes_answer(moved: Hub) -> None:
    write_program(moved.path / ".git/hooks", "pre-push", 'echo "hook: run the tests first" >&2; exit 1')
    done = commit(moved, "--push")
    assert (done.code, done.out) == (3, "")
    assert "hook: run the tests first\n" in done.err
    assert done.err.endswith(
        f"error: the clone's own hook stopped the push of {BRANCH} (pre-push)\n"
        "hint: git rev-parse --git-path hooks/pre-push; see its output above\n"
    )


@pytest.mark.parametrize("request_too", [(), ("--pr",)])
def test_a_branch_that_nothing_is_committed_on_is_not_another_branchs_name(
    hub: Hub, request_too: tuple[str, ...]
) -> None:
    hub.put("notes.txt", "mine\n")
    before = refs(hub)
    for there in (False, True):
        if there:
            hub.git("branch", "other")
            before = refs(hub)
        demand_fault(
            commit(hub, "--push", *request_too, "--branch", "other"),
            1,
            "there is nothing to commit, and other is not the current branch (--branch)",
            f"git switch {'' if there else '--create '}other, then run the same command again",
        )
        assert refs(hub) == before
    hub.git("switch", "--quiet", "other")
    assert commit(hub, "--push", "--branch", "other").out == "pushed other to origin\n"
    assert hub.remote_git("rev-parse", "main") == hub.git("rev-parse", "HEAD~")


def test_nothing_to_commit_on_a_branch_that_is_not_there_is_nothing_to_do(hub: Hub) -> None:
    assert commit(hub, "--push", "--branch", "other").out == "Nothing to do.\n"
    assert hub.git("branch", "--list", "other") == ""
