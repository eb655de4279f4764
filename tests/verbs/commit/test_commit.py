"""``commit``: exactly the managed files, on the right branch, with a message that a reviewer wants to read."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import run_task, succeed
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.steps import BRANCH, MANAGED, SUBJECT, commit, committed_files, move, pin
from tests.support.world import fault


def message(hub: Hub) -> str:
    return hub.git("cat-file", "commit", "HEAD").partition("\n\n")[2] + "\n"


# -- what it says


BUILT = "0.0.1-0.dev.git.2.h1234567"


def went_to_a_build_of_main(hub: Hub) -> None:
    hub.edit("hub/requirements.yaml", "3.2.1", "4.3.3-0.dev.git.7272.h2ff70453")
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:4.3.3-0.dev.git.7263.h1d8bfb12")


def bumped_and_built(hub: Hub) -> None:
    move(hub)
    pin(hub, BUILT)


# By the file that has the message.
EDITS: dict[str, Callable[[Hub], object]] = {
    "bump": move,
    # It knows more of the release than the files tell.
    "major": lambda hub: succeed("bump", "--major", cwd=hub.path),
    "dev": went_to_a_build_of_main,
    "build": lambda hub: pin(hub, BUILT),
    "release": bumped_and_built,
    "base": lambda hub: hub.edit("images/hub/Dockerfile", "quay.io/jupyterhub/k8s-hub:", "jupyterhub/k8s-hub:"),
}


@pytest.mark.parametrize("name", EDITS)
def test_the_message_is(hub: Hub, name: str) -> None:
    EDITS[name](hub)
    succeed("commit", cwd=hub.path)
    assert message(hub) == Path(__file__).with_name("expected").joinpath(f"{name}.txt").read_text(encoding="utf-8")


def test_a_message_that_was_given_is_kept(moved: Hub) -> None:
    """Its subject looks like a comment of git's, and has more than ASCII and a shell's own letters."""
    moved.git("config", "commit.cleanup", "strip")
    text = "#12: Für Zoë's hub: $(id) `id` \\n\n\nFixes #12.\n"
    succeed("commit", "--message", text, cwd=moved.path)
    assert message(moved) == text


def test_a_message_in_latin_letters_holds_nothing_up(moved: Hub) -> None:
    """Git takes what is not UTF-8 for Latin-1."""
    succeed("commit", "--message", os.fsdecode(b"gr\xf6\xdfer"), cwd=moved.path)
    assert message(moved) == "größer\n"


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


@pytest.mark.parametrize(
    ("attribute", "line"), [("ident", "# $Id$"), ("filter=strip", "# note   ")], ids=["$Id$", "a clean filter"]
)
def test_bytes_that_git_does_not_store_are_no_changes(hub: Hub, attribute: str, line: str) -> None:
    hub.git("config", "filter.strip.clean", "sed 's/ *$//'")
    hub.write(".gitattributes", f"Dockerfile {attribute}\n")
    hub.write("images/hub/Dockerfile", f"{line}\n{hub.read('images/hub/Dockerfile')}")
    hub.commit("Annotate the Dockerfile")
    if attribute == "ident":
        (hub.path / "images/hub/Dockerfile").unlink()
        hub.git("checkout", "--quiet", "images/hub/Dockerfile")
        assert hub.read("images/hub/Dockerfile").startswith("# $Id: ")
    hub.git("push", "--quiet")
    move(hub)
    succeed("commit", cwd=hub.path)
    assert committed_files(hub) == MANAGED
    assert hub.git("show", "HEAD:images/hub/Dockerfile").startswith(f"{line.rstrip()}\n")
    assert commit(hub).out == "Nothing to do.\n"


@pytest.mark.parametrize(
    ("command", "message"), [("merge --squash", "SQUASH_MSG"), ("cherry-pick --no-commit", "MERGE_MSG")]
)
def test_the_message_that_git_has_prepared_for_what_is_staged_stays(hub: Hub, command: str, message: str) -> None:
    hub.git("switch", "--quiet", "--create", "notes")
    hub.put("notes.md", "a\n")
    hub.git("switch", "--quiet", "main")
    hub.git(*command.split(), "notes")
    prepared = hub.read(f".git/{message}")
    move(hub)
    succeed("commit", cwd=hub.path)
    assert committed_files(hub) == MANAGED
    assert hub.git("diff", "--cached", "--name-only") == "notes.md"
    assert hub.read(f".git/{message}") == prepared


def test_a_lock_file_that_git_ignores_is_left_alone(hub: Hub) -> None:
    hub.put(".gitignore", "requirements.lock\n")
    hub.write("hub/requirements.lock", "dependencies: []\n")
    move(hub)
    succeed("commit", cwd=hub.path)
    assert committed_files(hub) == MANAGED


# -- the branch


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


def test_where_pull_requests_go_elsewhere_the_default_branch_is_not_committed_to_either(moved: Hub) -> None:
    succeed("commit", cwd=moved.path, env={"INVOKE_HUB_BASE_BRANCH": "staging"})
    assert moved.git("branch", "--show-current") == BRANCH
    assert moved.git("rev-parse", "main") == moved.git("rev-parse", "origin/main")


def test_a_branch_that_is_deployed_is_not_committed_to_where_only_the_clone_has_it(moved: Hub) -> None:
    moved.git("switch", "--quiet", "--create", "prod")
    done = run_task("--dry", "commit", cwd=moved.path)
    assert f"create {BRANCH} from prod\n           because prod is the branch that is deployed\n" in done.out


# -- what moves meanwhile: a commit lands on the planned branch and parent, or not at all


COMMIT_TREE = "$(git commit-tree HEAD^{tree} -p HEAD -m Theirs)"


def hook(hub: Hub, name: str, script: str) -> None:
    write_program(hub.path / ".git/hooks", name, script)


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
        "and run the same command again"
    )
    assert moved.remote_git("branch", "--list", BRANCH) == ""
    (moved.path / ".git/hooks/pre-commit").unlink()
    moved.git("reset", "--quiet", "--soft", "HEAD~1")
    moved.git("switch", "--quiet", BRANCH)
    assert (moved.snapshot(), moved.git("rev-parse", "main")) == (before, main)
    succeed("commit", "--push", cwd=moved.path)
    assert (committed_files(moved), moved.subjects("main..HEAD")) == (MANAGED, [SUBJECT])


STAGE = "cp hub/requirements.yaml kept; echo '# Theirs' >>hub/requirements.yaml; git add hub/requirements.yaml"
NOT_COMMITTED = " M hub/requirements.yaml\n M images/hub/Dockerfile"
# A hook (that of the switch is the first thing that runs after the plan) and what it does; what is said then, what git
# says of the files, where the hook's work is seen, and the commits of the branch.
MEANWHILE = {
    "a commit before ours": (
        *("pre-commit", f"git update-ref HEAD {COMMIT_TREE}"),
        *("HEAD is now {head}", NOT_COMMITTED, ("log",), ["Theirs"]),
    ),
    "a commit on top of ours": (
        *("post-commit", f"git update-ref HEAD {COMMIT_TREE}"),
        *(f"the branch {BRANCH} is now {{head}}", "", ("log",), ["Theirs", SUBJECT]),
    ),
    "a file saved": (
        *("post-checkout", "echo '# Theirs' >>hub/requirements.yaml"),
        *("hub/requirements.yaml has changed", NOT_COMMITTED, ("diff",), []),
    ),
    "a file staged": (
        *("post-checkout", f"unset GIT_INDEX_FILE; {STAGE}; mv kept hub/requirements.yaml"),
        *("the index has changed", "MM hub/requirements.yaml\n M images/hub/Dockerfile", ("diff", "--cached"), []),
    ),
}


@pytest.mark.parametrize(("name", "script", "what", "status", "look", "commits"), MEANWHILE.values(), ids=MEANWHILE)
def test_what_a_hook_changes_after_the_plan_stays_and_nothing_is_pushed(  # noqa: PLR0913, PLR0917 - the table's columns
    moved: Hub, name: str, script: str, what: str, status: str, look: tuple[str, ...], commits: list[str]
) -> None:
    hook(moved, name, script)
    done = commit(moved, "--push")
    assert (done.code, done.out) == (1, ""), done
    head = moved.git("rev-parse", "--short=12", "HEAD")
    assert fault(done)[0] == f"the plan no longer holds: {what.format(head=head)}"
    assert (moved.git("status", "--porcelain"), moved.subjects("main..HEAD")) == (status, commits)
    assert "Theirs" in moved.git(*look)
    assert moved.remote_git("branch", "--list", BRANCH) == ""


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
    assert moved.git("status", "--porcelain") == "", "the next commit would take back what the hook did"
    again = commit(moved, "--push")
    assert (again.code, again.out) == (0, f"pushed {BRANCH} to origin\n"), again


def test_a_file_that_a_hook_adds_is_not_left_staged_for_removal_but_what_the_user_staged_stays(moved: Hub) -> None:
    """As hooks do that write a chart's README: git makes the commit of some files beside the index."""
    hook(moved, "pre-commit", "for one in README.md mine.txt; do echo made >$one; git add $one; done")
    moved.write("mine.txt", "staged\n")
    moved.git("add", "mine.txt")
    again = "git show --stat HEAD; where that is right, run the same command again"
    assert fault(commit(moved, "--push")) == ("a hook added the file to the commit (README.md)", again)
    assert moved.remote_git("branch", "--list", BRANCH) == ""
    assert moved.git("status", "--porcelain") == "MM mine.txt"
    assert moved.git("show", ":mine.txt") == "staged"


def test_a_hook_finds_the_python_that_is_active(moved: Hub) -> None:
    """As hooks do that run ``python -m yamllint``, which is installed beside hubpress."""
    hook(moved, "pre-commit", 'echo "$VIRTUAL_ENV: $(command -v python)" >.git/found')
    own = Path(sys.executable).parent
    active = {"PATH": f"{own}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(own.parent)}
    succeed("commit", cwd=moved.path, env=active)
    assert moved.read(".git/found") == f"{own.parent}: {own}/python\n"


def test_a_commit_is_told_of_by_the_subject_that_a_hook_gave_it(moved: Hub) -> None:
    """As hooks do that put the number of a ticket before it."""
    hook(moved, "commit-msg", 'echo "HUB-1: $(cat "$1")" >"$1"')
    (told,) = succeed("commit", "--json", cwd=moved.path).json["commits"]
    assert told == {"hash": moved.git("rev-parse", "HEAD"), "subject": f"HUB-1: {SUBJECT}"}
