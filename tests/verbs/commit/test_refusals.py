"""Where ``commit`` refuses: one error, one hint, the right code, and nothing changed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.cli import run, run_task, sh
from tests.support.fixtures import Hubpress
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.steps import BRANCH, SUBJECT, commit, move
from tests.support.world import demand_fault, fault, nothing_written


class Case(NamedTuple):
    """A state of the repository that stops the commit of a move; ``TOP`` in what is said stands for the clone."""

    prepare: Callable[[Hub], object]
    error: str
    hint: str
    code: int = 1
    arguments: tuple[str, ...] = ()


def unborn(hub: Hub) -> None:
    hub.git("switch", "--quiet", "--orphan", "empty")
    hub.git("checkout", "--quiet", "main", "--", ".")


def under_way(marker: str) -> Callable[[Hub], object]:
    """Leave git's mark of something that was begun; HEAD is on a branch all the same."""
    return lambda hub: hub.write(f".git/{marker}", hub.git("rev-parse", "HEAD"))


def staged_alone(hub: Hub) -> None:
    hub.edit("images/hub/Dockerfile", "USER root\n", "USER root\nRUN apt-get update\n")
    hub.git("add", "images/hub/Dockerfile")
    hub.edit("images/hub/Dockerfile", "USER root\nRUN apt-get update\n", "USER root\n")


def resolved_and_not_added(hub: Hub, file: str) -> None:
    hub.write(file, f"{hub.read(file)}# theirs\n")
    hub.git("stash", "--quiet")
    hub.change(file, hub.read(file), f"{hub.read(file)}# ours\n")
    assert run("git", "stash", "pop", cwd=hub.path).code == 1
    hub.git("checkout", "--quiet", "--ours", file)


def never_committed(hub: Hub) -> None:
    hub.git("rm", "--quiet", "--cached", "hub/requirements.yaml")
    hub.git("commit", "--quiet", "--message", "Forget the requirement")


def no_default_branch(hub: Hub) -> None:
    hub.git("branch", "--move", "main", "trunk")
    hub.git("push", "--quiet", "origin", "trunk", "trunk:stable")
    hub.git("branch", "--delete", "--remotes", "origin/main")
    hub.git("remote", "set-head", "origin", "--delete")
    hub.remote_git("branch", "--delete", "main")
    hub.remote_git("symbolic-ref", "HEAD", "refs/heads/nowhere")


def pushed_by_a_colleague(hub: Hub) -> None:
    theirs = hub.git("commit-tree", "main^{tree}", "-p", "main", "-m", "Theirs")
    hub.git("push", "--quiet", "origin", f"{theirs}:refs/heads/{BRANCH}")


def elsewhere(hub: Hub) -> None:
    hub.git("switch", "--quiet", "--create", BRANCH)
    hub.change("hub/Chart.yaml", "Our hub", "Their hub")
    hub.git("switch", "--quiet", "main")


def in_another_worktree(hub: Hub) -> None:
    hub.git("branch", BRANCH)
    hub.git("worktree", "add", "--quiet", f"{hub.path}-tree", BRANCH)


def without_the_filters_program(hub: Hub) -> None:
    """As in a container that has the settings of the machine around it."""
    hub.put(".gitattributes", "hub/requirements.yaml filter=crypt\n")
    for direction in ("clean", "smudge"):
        hub.git("config", f"filter.crypt.{direction}", "no-such-program")
    hub.git("config", "filter.crypt.required", "true")


def other_changes(file: str, prepare: Callable[[Hub], object]) -> Case:
    """A file that has changes of the user's too."""
    return Case(
        prepare,
        f"the file has uncommitted changes besides the release's ({file})",
        f"commit them, a hook's too: git commit -- {file}; or put them aside, and bump or build again: "
        f"git stash push -- {file}",
    )


def no_branch(name: str, *, hint: str = "use --branch NAME", setting: str = "") -> Case:
    """A name that no branch can have, of the flag or of a setting."""
    arguments = () if setting else (f"--branch={name}",)
    error = f"'{name}' cannot be a branch's name ({'hub.branch' if setting else '--branch'})"
    return Case(lambda hub: hub.write("invoke.yaml", setting), error, hint, 2, arguments)


def over_ssh(answer: str, error: str) -> Case:
    """A remote that ssh, or a server behind it, does not let in, as the lines of ``answer`` say."""

    def prepare(hub: Hub) -> None:
        ssh = write_program(hub.path.parent / "bin", "ssh", f"cat >&2 <<'END'\n{answer}\nEND\nexit 1")
        hub.git("remote", "set-url", "origin", "git@github.com:team/hubs.git")
        hub.git("config", "core.sshCommand", str(ssh))

    return Case(prepare, f"{error} (origin)", "git ls-remote origin", 4, ("--push",))


def beside(name: str, other: str, *arguments: str, where: str) -> Case:
    """A branch whose name is a folder of another one's, or the other way round; the clone does not know of it yet."""

    def prepare(hub: Hub) -> None:
        if where == "TOP":
            hub.git("branch", other)
        else:
            hub.git("push", "--quiet", str(hub.remote), f"main:refs/heads/{other}")

    error = f"git cannot have the branch {name} beside {other} ({where})"
    return Case(prepare, error, f"use another branch: --branch NAME; or rename {other}", 1, arguments)


CASES = {
    "HEAD is detached": Case(
        lambda hub: hub.git("switch", "--quiet", "--detach"), "HEAD is detached (TOP)", "git switch BRANCH"
    ),
    "a bare clone, beside its worktrees": Case(
        lambda hub: hub.git("config", "core.bare", "true"),
        "the git repository has no working tree here (TOP)",
        "change into one of: git worktree list; or see core.bare and core.worktree: git config --list",
        2,
    ),
    "a branch without a commit": Case(
        unborn, "the branch empty has no commit yet (TOP)", "make the first one: git add --all && git commit"
    ),
    **{
        f"a {name} is under way": Case(
            prepare, f"a {name} is under way (TOP)", f"git {name} --continue, or git {name} --abort"
        )
        for name, prepare in {
            "merge": under_way("MERGE_HEAD"),
            "cherry-pick": under_way("CHERRY_PICK_HEAD"),
            "revert": under_way("REVERT_HEAD"),
            "rebase": under_way("rebase-merge/head-name"),
        }.items()
    },
    "a line of the user's in the Dockerfile": other_changes(
        "images/hub/Dockerfile", lambda hub: hub.edit("images/hub/Dockerfile", "USER root\n", "USER root\nRUN true\n")
    ),
    "other values": other_changes("hub/values.yaml", lambda hub: hub.edit("hub/values.yaml", "256M", "1G")),
    "other changes of a managed file are staged": Case(
        staged_alone,
        "other changes of the file are staged (images/hub/Dockerfile)",
        "git restore --staged -- images/hub/Dockerfile",
    ),
    "a managed file that was never committed": Case(
        never_committed,
        "the file was never committed (hub/requirements.yaml)",
        "git add -- hub/requirements.yaml && git commit -- hub/requirements.yaml",
    ),
    "the feature branch has other commits": Case(
        elsewhere,
        f"the branch {BRANCH} exists already, with other commits (TOP)",
        f"continue there: git stash && git switch {BRANCH} && git stash pop; or use another: --branch NAME",
    ),
    "another worktree has the feature branch": Case(
        in_another_worktree,
        f"another worktree has the branch {BRANCH} (TOP-tree)",
        "work in that folder, or remove it: git worktree remove TOP-tree",
    ),
    "a branch beside one of the clone's": beside("mine/next", "mine", "--branch=mine/next", where="TOP"),
    "a branch beside one of the remote's": beside(BRANCH, f"{BRANCH}/try", "--push", where="origin"),
    "a managed file that git was told to skip": Case(
        lambda hub: hub.git("update-index", "--skip-worktree", "hub/requirements.yaml"),
        "git was told to leave the file's changes out (skip-worktree) (hub/requirements.yaml)",
        "git update-index --no-skip-worktree -- hub/requirements.yaml; then run the same command again",
    ),
    "a managed file whose mode was changed": Case(
        lambda hub: (hub.path / "images/hub/Dockerfile").chmod(0o755),
        "the file's mode was changed too (images/hub/Dockerfile)",
        "take that back, or commit it before: git diff --summary -- images/hub/Dockerfile; then run the same command "
        "again",
    ),
    **{
        f"a stash that met a conflict in {file}": Case(
            partial(resolved_and_not_added, file=file),
            f"the file has a merge conflict ({file})",
            f"resolve it, then: git add -- {file}; then run the same command again",
        )
        for file in ("images/hub/Dockerfile", "hub/Chart.yaml")
    },
    "a managed file that a missing program decrypts": Case(
        without_the_filters_program,
        "git cat-file: cannot run no-such-program: No such file or directory",
        "see which program that is, and install it: git config --show-origin --get-regexp ^filter[.]",
        3,
    ),
    "a branch's name that is the remote's": no_branch("origin/main"),
    "a default branch that nobody can tell": Case(
        no_default_branch,
        "cannot determine the default branch of origin (TOP)",
        "git remote set-head origin BRANCH; or name it in invoke.yaml: hub: {base_branch: NAME}",
    ),
    "no remote": Case(
        lambda hub: hub.git("remote", "remove", "origin"),
        "there is no remote to push to (git remote)",
        "git remote add origin URL",
        arguments=("--push",),
    ),
    "an address in place of a remote": Case(
        lambda hub: hub.write("invoke.yaml", "hub: {remote: /srv/fork.git}\n"),
        "there is no remote /srv/fork.git (hub.remote)",
        "git remote add NAME /srv/fork.git; then in invoke.yaml: hub: {remote: NAME}",
        arguments=("--push",),
    ),
    "a remote that is gone": Case(
        lambda hub: hub.git("remote", "set-url", "origin", "/nowhere/403.git"),
        "cannot reach the remote: '/nowhere/403.git' does not appear to be a git repository (origin)",
        "git ls-remote origin",
        4,
        ("--push",),
    ),
    "a key that the remote does not know": over_ssh(
        "git@github.com: Permission denied (publickey).",
        "the remote denied access: git@github.com: Permission denied (publickey).",
    ),
    "a repository that somebody else may write": over_ssh(
        "ERROR: Permission to team/hubs.git denied to robin.",
        "the remote denied access: Permission to team/hubs.git denied to robin.",
    ),
    "a repository that the remote does not show": over_ssh(
        "remote: \nremote: =====\nremote: \nremote: ERROR: The project could not be found.\n\nremote: =====\nremote: ",
        "cannot reach the remote: The project could not be found.",
    ),
    "a branch that a colleague has pushed": Case(
        pushed_by_a_colleague,
        f"the remote's branch {BRANCH} has commits that are not here (origin)",
        f"git stash && git fetch origin {BRANCH}:{BRANCH} && git switch {BRANCH}; or use another branch: --branch NAME",
        arguments=("--push",),
    ),
    "a pull request from the base branch": Case(
        lambda _: None,
        "main is the branch that pull requests go to (--pr)",
        "use another branch: --branch NAME",
        arguments=("--pr", "--branch", "main"),
    ),
    "a branch's name that is an option": no_branch("--force"),
    "a branch's name that means the one before": no_branch("@{-1}"),
    "a template that makes no branch's name": no_branch(
        "bump 3.3.8",
        hint="correct hub.branch in invoke.yaml; the default is bump-z2jh-{version}",
        setting='hub: {branch: "bump {version}"}\n',
    ),
    "a template with another name": Case(
        lambda hub: hub.write("invoke.yaml", "hub: {branch: 'bump-{verison}'}\n"),
        "the template 'bump-{verison}' cannot be filled in: it may use {version} (hub.branch)",
        "fix it in hub.branch",
        2,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_refused_dry_or_not(hub: Hub, case: Case, hubpress: Hubpress) -> None:
    case.prepare(hub)
    move(hub)
    for dry in (("--dry",), ()):
        with nothing_written(hub):
            done = hubpress(hub, "commit", *case.arguments, *dry)
        error, hint = (text.replace("TOP", str(hub.path)) for text in (case.error, case.hint))
        assert (done.code, *fault(done)) == (case.code, error, hint), done
    assert done.out == ""


def test_without_the_dockerfile(moved: Hub) -> None:
    (moved.path / "images/hub/Dockerfile").unlink()
    with nothing_written(moved):
        done = commit(moved)
    hint = "write FROM quay.io/jupyterhub/k8s-hub:VERSION, with the version in hub/requirements.yaml"
    demand_fault(done, 2, "there is no Dockerfile of a hub image (images/hub/Dockerfile)", hint)


def test_without_git(hub: Hub, tmp_path: Path) -> None:
    with nothing_written(hub):
        done = run_task("commit", cwd=hub.path, env={"PATH": str(tmp_path / "none")})
    demand_fault(done, 3, "git is not installed (PATH)", "install git: https://git-scm.com/downloads")


def test_outside_of_a_repository(tmp_path: Path) -> None:
    done = run_task("commit", cwd=tmp_path)
    demand_fault(
        done, 2, f"not a git repository ({tmp_path})", "change into the hub repository, or name it: --repo PATH"
    )


# -- hooks


def test_a_hook_that_fails_stops_the_commit_and_its_words_are_shown(moved: Hub) -> None:
    before = moved.snapshot()
    write_program(moved.path / ".git/hooks", "pre-commit", 'echo "hook: chart is not formatted" >&2; exit 1')
    done = commit(moved)
    assert (done.code, done.out) == (3, "")
    assert "hook: chart is not formatted\n" in done.err
    assert done.err.endswith(
        "error: a commit hook stopped the commit: hook: chart is not formatted (pre-commit)\n"
        "hint: fix what it finds; what it changed: git status; then run the same command again\n"
    )
    assert (moved.subjects(), moved.snapshot()) == (["Set up the hub"], before)


def test_a_hook_that_looks_at_files_by_a_pattern_finds_those_of_the_commit(moved: Hub) -> None:
    """As hooks do that check what is staged; with git's flag for literal paths theirs were none, and all was well."""
    write_program(moved.path / ".git/hooks", "pre-commit", "! git diff --cached --name-only -- '*.yaml' | grep .")
    assert fault(commit(moved))[0] == "a commit hook stopped the commit: hub/requirements.yaml (pre-commit)"


def test_a_hook_that_wants_another_message_is_answered_with_the_flag(moved: Hub) -> None:
    write_program(moved.path / ".git/hooks", "commit-msg", 'grep -q "^chore: " "$1"')
    error, hint = fault(commit(moved))
    assert error == "a commit hook stopped the commit: it ended with status 1 (commit-msg)"
    assert hint.endswith("then run the same command again, with the message that it wants: --message TEXT")
    assert commit(moved, "--message", "chore: move z2jh").code == 0


def test_a_hook_whose_program_is_gone_is_told_from_git_itself(moved: Hub) -> None:
    hook = write_program(moved.path / ".git/hooks", "pre-commit", "exit 0")
    hook.write_text("#!/nonexistent/venv/bin/python\n")
    told, hint = fault(commit(moved))
    assert told.startswith("git commit: cannot run .git/hooks/pre-commit: No such file or directory")
    assert hint == "install what the hook's first line names, or remove the hook: head -n 1 .git/hooks/*"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"gpg.format": "openpgp", "gpg.program": "false"}, "gpg failed to sign the data"),
        ({"gpg.format": "ssh"}, "either user.signingkey or gpg.ssh.defaultKeyCommand needs to be configured"),
        ({"gpg.format": "ssh", "user.signingKey": "gone.pub"}, "Couldn't load public key gone.pub: "),
        ({"gpg.format": "ssh", "user.signingKey": "locked.pub"}, 'Enter passphrase: Load key "locked": incorrect pass'),
        ({"gpg.format": "ssh", "user.signingKey": "left.pub"}, 'No private key found for public key "left.pub"'),
    ],
    ids=["gpg", "ssh", "a key that is gone", "a key with a passphrase", "a key whose private half is elsewhere"],
)
def test_a_commit_that_cannot_be_signed_is_not_made_and_says_how_to_see_why(
    moved: Hub, settings: dict[str, str], error: str
) -> None:
    for name in ("locked", "left"):
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", name, cwd=moved.path)
    (moved.path / "left").unlink()
    before = moved.snapshot()
    for name, value in {"commit.gpgSign": "true", **settings}.items():
        moved.git("config", name, value)
    done = commit(moved)
    assert (done.code, moved.subjects(), moved.snapshot()) == (3, ["Set up the hub"], before)
    told, hint = fault(done)
    assert told.startswith(f"git commit: {error}")
    assert hint == "see why: git commit-tree -S -m test 'HEAD^{tree}'; or sign none: git config commit.gpgSign false"


def test_the_signature_that_a_hint_tries_makes_no_commit_that_a_release_would_push(moved: Hub) -> None:
    signer = "cat >/dev/null; test -e agent || exit 2; printf '\\n[GNUPG:] SIG_CREATED ' >&2; echo signature"
    moved.git("config", "gpg.program", str(write_program(moved.path / ".git", "gpg", signer)))
    moved.git("config", "commit.gpgSign", "true")
    _, hint = fault(commit(moved))
    moved.write("agent", "")
    sh("sh", "-c", hint.partition(": ")[2].partition(";")[0], cwd=moved.path)
    assert moved.subjects() == ["Set up the hub"]
    assert (commit(moved).code, moved.subjects()) == (0, [SUBJECT, "Set up the hub"])


def test_git_that_does_not_know_its_user_says_how_to_tell_it(moved: Hub, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    before = moved.snapshot()
    for dry in (("--dry",), ()):
        done = run_task(*dry, "commit", cwd=moved.path, env={"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")})
        assert (done.code, moved.git("branch", "--show-current"), moved.snapshot()) == (3, "main", before)
        assert done.err.endswith("hint: git config --global user.email YOU@EXAMPLE, and user.name\n")
