"""``commit``: exactly the managed files, on the right branch, with a message that a reviewer wants to read."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import pytest

from tests.support.cli import run_task, succeed
from tests.support.hubs import Hub
from tests.support.layouts import make_2i2c_like, make_cal_icor_like
from tests.support.steps import BRANCH, MANAGED, SUBJECT, commit, committed_files, move, pin
from tests.support.world import demand_fault

EXPECTED = Path(__file__).parent / "expected"


def message(hub: Hub) -> str:
    return hub.git("cat-file", "commit", "HEAD").partition("\n\n")[2] + "\n"


# -- the commit


def test_on_the_default_branch_a_feature_branch_is_made(moved: Hub) -> None:
    dry = commit(moved, "--dry", "--json").json
    assert dry == {"branch": BRANCH, "commits": [{"hash": None, "subject": SUBJECT}], "pull_request": None}
    done = succeed("commit", cwd=moved.path)
    short = moved.git("rev-parse", "--short=12", "HEAD")
    assert done.out == f"commit {short} on {BRANCH}: {SUBJECT}\n"
    assert moved.git("branch", "--show-current") == BRANCH
    assert moved.subjects() == [SUBJECT, "Set up the hub"]
    assert committed_files(moved) == MANAGED
    assert moved.git("rev-parse", "main") == moved.git("rev-parse", "HEAD~1")
    assert moved.git("status", "--porcelain") == ""


def test_on_another_branch_the_commit_goes_there(moved: Hub) -> None:
    moved.git("switch", "--quiet", "--create", "my-work")
    told = {"branch": "my-work", "commits": [{"hash": ANY, "subject": SUBJECT}], "pull_request": None}
    assert commit(moved, "--json").json == told
    assert commit(moved, "--json").json == {**told, "commits": []}
    assert moved.git("branch", "--show-current") == "my-work"
    assert moved.git("branch", "--format=%(refname:short)") == "main\nmy-work"


# -- what it says


def bumped(hub: Hub) -> None:
    move(hub)


def crossed_a_major(hub: Hub) -> None:
    """By ``bump``, which knows more of the release than the files tell."""
    succeed("bump", "--major", cwd=hub.path)


def went_to_a_build_of_main(hub: Hub) -> None:
    hub.edit("hub/requirements.yaml", "3.2.1", "4.3.3-0.dev.git.7272.h2ff70453")
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:4.3.3-0.dev.git.7263.h1d8bfb12")


def built(hub: Hub) -> None:
    pin(hub, "0.0.1-0.dev.git.2.h1234567")


def bumped_and_built(hub: Hub) -> None:
    move(hub)
    pin(hub, "0.0.1-0.dev.git.2.h1234567")


def only_the_base_moved(hub: Hub) -> None:
    hub.edit("images/hub/Dockerfile", "quay.io/jupyterhub/k8s-hub:3.2.1", "jupyterhub/k8s-hub:3.2.1")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (bumped, "bump.txt"),
        (crossed_a_major, "major.txt"),
        (went_to_a_build_of_main, "dev.txt"),
        (built, "build.txt"),
        (bumped_and_built, "release.txt"),
        (only_the_base_moved, "base.txt"),
    ],
    ids=["a bump", "a bump across a major version", "a build of main", "a build", "both at once", "another registry"],
)
def test_the_message_is(hub: Hub, edit: Callable[[Hub], None], expected: str) -> None:
    edit(hub)
    succeed("commit", cwd=hub.path)
    assert message(hub) == (EXPECTED / expected).read_text(encoding="utf-8")


def test_a_message_that_was_given_is_kept(moved: Hub) -> None:
    """Its subject looks like a comment of git's, and has more than ASCII and a shell's own letters."""
    moved.git("config", "commit.cleanup", "strip")
    text = "#12: Für Zoë's hub: $(id) `id` \\n\n\nFixes #12.\n"
    succeed("commit", "--message", text, cwd=moved.path)
    assert message(moved) == text


# -- exact paths


def test_line_ends_that_an_editor_wrote_and_git_makes_the_same_are_no_changes(hub: Hub) -> None:
    def write_with(end: str) -> None:
        for name in ("images/hub/Dockerfile", "hub/values.yaml"):
            (hub.path / name).write_bytes(end.join((*hub.read(name).splitlines(), "")).encode())

    hub.put(".gitattributes", "* text=auto\n")
    write_with("\r\n")
    assert commit(hub).out == "Nothing to do.\n"
    write_with("\n")
    pin(hub, "1.0.0")
    move(hub)
    write_with("\r\n")
    succeed("commit", cwd=hub.path)
    assert committed_files(hub) == "\n".join(sorted([*MANAGED.splitlines(), "hub/values.yaml"]))
    assert hub.git("show", "HEAD:hub/values.yaml").count("\r") == 0
    assert commit(hub).out == "Nothing to do.\n"


@pytest.mark.parametrize("make", [make_cal_icor_like, make_2i2c_like], ids=["cal-icor", "2i2c"])
def test_only_the_managed_files_of_the_fields_own_layouts(tmp_path: Path, make: Callable[..., Hub]) -> None:
    hub = make(tmp_path / "hub")
    for name in hub.snapshot():
        if name.endswith(("Dockerfile", "requirements.yaml", "basehub/Chart.yaml")):
            hub.write(name, hub.read(name).replace("3.2.1", "3.3.8"))
    succeed("commit", cwd=hub.path)
    assert hub.subjects()[0] == SUBJECT
    assert hub.git("status", "--porcelain") == ""


def test_a_lock_file_that_git_ignores_is_left_alone(hub: Hub) -> None:
    hub.put(".gitignore", "requirements.lock\n")
    hub.write("hub/requirements.lock", "dependencies: []\n")
    move(hub)
    succeed("commit", cwd=hub.path)
    assert committed_files(hub) == MANAGED


# -- the branch


def test_the_default_branch_itself_can_be_asked_for(moved: Hub) -> None:
    assert commit(moved, "--branch", "main").code == 0
    assert moved.git("branch", "--format=%(refname:short)") == "main"
    assert moved.subjects() == [SUBJECT, "Set up the hub"]


@pytest.mark.parametrize("told", [True, False], ids=["the clone was told", "it is the remote's only one"])
def test_the_default_branch_is_the_remotes_whatever_its_name(moved: Hub, told: bool) -> None:
    moved.git("branch", "--move", "main", "trunk")
    moved.git("push", "--quiet", "origin", "trunk")
    if told:
        moved.remote_git("symbolic-ref", "HEAD", "refs/heads/trunk")
        moved.git("remote", "set-head", "origin", "--auto")
    else:
        moved.git("branch", "--delete", "--remotes", "origin/main")
        moved.git("remote", "set-head", "origin", "--delete")
    assert commit(moved).code == 0
    assert moved.git("branch", "--show-current") == BRANCH


def test_a_default_branch_that_nobody_can_tell_is_asked_for(moved: Hub) -> None:
    moved.git("branch", "--move", "main", "trunk")
    moved.git("push", "--quiet", "origin", "trunk", "trunk:stable")
    moved.git("branch", "--delete", "--remotes", "origin/main")
    moved.git("remote", "set-head", "origin", "--delete")
    moved.remote_git("branch", "--delete", "main")
    moved.remote_git("symbolic-ref", "HEAD", "refs/heads/nowhere")
    done = commit(moved)
    demand_fault(
        done,
        1,
        f"cannot determine the default branch of origin ({moved.path})",
        "git remote set-head origin BRANCH; or name it in invoke.yaml: hub: {base_branch: NAME}",
    )


def test_where_pull_requests_go_elsewhere_the_default_branch_is_not_committed_to_either(moved: Hub) -> None:
    succeed("commit", cwd=moved.path, env={"INVOKE_HUB_BASE_BRANCH": "staging"})
    assert moved.git("branch", "--show-current") == BRANCH
    assert moved.git("rev-parse", "main") == moved.git("rev-parse", "origin/main")


def test_a_branch_that_is_deployed_is_not_committed_to_where_only_the_clone_has_it(moved: Hub) -> None:
    moved.git("switch", "--quiet", "--create", "prod")
    done = run_task("--dry", "commit", cwd=moved.path)
    assert f"create {BRANCH} from prod\n           because prod is the branch that is deployed\n" in done.out
