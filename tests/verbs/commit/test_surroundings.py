"""What the user has set for git, and where the clone lies, changes nothing of what a task says and does."""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.tools.git import Git
from tasks.tools.git_states import switched
from tests.support.cli import INVOKE, Result, run, run_task, sh, succeed
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.processes import write_program
from tests.support.steps import BRANCH, MANAGED, committed_files
from tests.support.traps import Trap

# The tasks, and how they end.
TASKS = {
    "status": 0,
    "check": 1,
    "check --offline --json": 1,
    "--dry bump --to 3.3.8 commit --push": 0,
    "--dry build": 0,
    "bump --to 3.3.8": 0,
    "--dry commit": 0,
    "commit --push --message Größer": 0,
    "status --json": 0,
    "--dry build --json": 0,
    "commit --push": 0,
}


@pytest.fixture
def hub(
    tmp_path: Path, helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Hub:
    """A hub repository with a tag that was not pushed, a submodule, a file in latin letters, and commits in a year."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_DATE", "2024-05-06T07:08:09+00:00")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    if request.node.get_closest_marker("engine"):
        registry = f"{request.getfixturevalue('registry').address}/{secrets.token_hex(4)}"
        base = request.getfixturevalue("mirror")
        hub = make_hub(tmp_path / "hub", base=base, registry=registry, chart_repository=helm_repository.url)
    else:
        hub = make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    make_hub(tmp_path / "other", chart_repository=helm_repository.url)
    hub.git("submodule", "--quiet", "add", "../other.git", "vendor/other")
    hub.write("images/hub/Größe.txt", "1\n")
    hub.commit("Größe")
    hub.git("push", "--quiet")
    hub.git("tag", "--annotate", "--message", "Not yet", "0.9.0")
    (hub.path / "vendor/other/hub/values.yaml").write_text("{}\n")
    return hub


class Outcome(NamedTuple):
    """What came of the tasks: what was said, the clone's commits and index, the remote's references."""

    said: list[Result]
    commit: str
    staged: str
    here: str
    remote: str
    files: dict[str, bytes]


def outcome(hub: Hub, env: Mapping[str, str]) -> Outcome:
    """Run the tasks in the hub, with ``env``, and put the hub back to what it was."""
    kept = [(path, path.with_name(f"{path.name}.kept")) for path in (hub.path, hub.remote)]
    for path, copy in kept:
        shutil.copytree(path, copy, symlinks=True)
    said = [run_task(*task.split(), cwd=hub.path, env=env) for task in TASKS]
    with_no_settings = {"GIT_CONFIG_GLOBAL": os.devnull}

    def ask(*arguments: str, cwd: Path = hub.path) -> str:
        return run("git", "-c", "core.fsmonitor=false", *arguments, cwd=cwd, env=with_no_settings).out

    done = Outcome(
        said,
        ask("cat-file", "commit", "HEAD"),
        ask("ls-files", "--stage", "-z"),
        ask("for-each-ref"),
        ask("for-each-ref", cwd=hub.remote),
        hub.snapshot(),
    )
    for path, copy in kept:
        shutil.rmtree(path)
        copy.rename(path)
    return done


def require_same(hub: Hub, env: Mapping[str, str], plain: Outcome) -> None:
    odd = outcome(hub, env)
    for task, before, after in zip(TASKS, plain.said, odd.said, strict=True):
        assert (after.code, after.out, after.err) == (before.code, before.out, before.err), task
    assert odd == plain


@pytest.fixture
def plain(hub: Hub) -> Outcome:
    found = outcome(hub, {})
    assert [done.code for done in found.said] == [*TASKS.values()], found.said
    assert found.commit.endswith("\n\nGrößer\n")
    assert "encoding" not in found.commit
    assert found.remote.count("\n") == 2
    return found


ODD = """\
[color]
    ui = always
    advice = always
    branch = always
    diff = always
    push = always
    remote = always
    status = always
    transport = always
[core]
    pager = TRAP
    editor = TRAP
    fsmonitor = TRAP
    quotePath = false
[pager]
    log = TRAP
    status = TRAP
    commit = TRAP
[interactive]
    diffFilter = TRAP
[log]
    showSignature = true
    follow = true
    decorate = full
    date = raw
    abbrevCommit = true
    showRoot = false
    diffMerges = first-parent
[gpg]
    program = TRAP
[format]
    pretty = %GG
    notes = true
[diff]
    noprefix = true
    mnemonicPrefix = true
    renames = copies
    relative = true
    external = TRAP
    orderFile = ORDER
    submodule = log
    colorMoved = zebra
    wordRegex = .
    context = 0
    interHunkContext = 9
    ignoreSubmodules = all
    algorithm = patience
    suppressBlankEmpty = true
    statGraphWidth = 1
    wsErrorHighlight = all
[status]
    short = true
    branch = true
    showStash = true
    relativePaths = false
    showUntrackedFiles = no
    submoduleSummary = true
    renames = copies
    aheadBehind = false
    displayCommentPrefix = true
[commit]
    template = ORDER
    verbose = 2
    status = false
    cleanup = verbatim
[column]
    ui = always
    status = always
[push]
    followTags = true
    default = nothing
    recurseSubmodules = on-demand
    autoSetupRemote = true
[submodule]
    recurse = true
[fetch]
    prune = true
[branch]
    sort = -committerdate
[tag]
    sort = -version:refname
    gpgSign = true
[advice]
    statusHints = true
    detachedHead = true
    pushUpdateRejected = true
[i18n]
    commitEncoding = ISO-8859-1
    logOutputEncoding = UTF-16
[safe]
    bareRepository = explicit
[alias]
    status = !TRAP
    switch = !TRAP
    commit = !TRAP
    push = !TRAP
[checkout]
    guess = false
[merge]
    conflictStyle = diff3
[blame]
    showRoot = true
[versionsort]
    suffix = -rc
"""


@pytest.mark.engine
def test_settings_of_the_user_and_variables_of_git_change_nothing(hub: Hub, plain: Outcome, tmp_path: Path) -> None:
    trap = Trap.set_up(tmp_path)
    (tmp_path / "order").write_text("*.yaml\n")
    odd = tmp_path / "odd"
    given = run("git", "config", "--list", "--global", "--null", cwd=tmp_path).out
    odd.write_text(ODD.replace("TRAP", str(trap.program)).replace("ORDER", str(tmp_path / "order")))
    for setting in given.split("\0")[:-1]:
        name, _, value = setting.partition("\n")
        sh("git", "config", "--file", str(odd), "--add", name, value, cwd=tmp_path)
    require_same(hub, {"GIT_CONFIG_GLOBAL": str(odd)}, plain)
    assert trap.said() == ""
    other = make_hub(tmp_path / "elsewhere").path
    variables = {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(other / ".git/objects"),
        "GIT_ATTR_SOURCE": "HEAD",
        "GIT_CEILING_DIRECTORIES": str(hub.path.parent),
        "GIT_COMMON_DIR": str(other / ".git"),
        "GIT_CONFIG": str(other / ".git/config"),
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_DIFF_OPTS": "--unified=0",
        "GIT_DIR": str(other / ".git"),
        "GIT_EDITOR": str(trap.program),
        "GIT_EXTERNAL_DIFF": str(trap.program),
        "GIT_FLUSH": "0",
        "GIT_ICASE_PATHSPECS": "1",
        "GIT_INDEX_FILE": str(other / ".git/index"),
        "GIT_INDEX_VERSION": "4",
        "GIT_NAMESPACE": "elsewhere",
        "GIT_OBJECT_DIRECTORY": str(other / ".git/objects"),
        "GIT_OPTIONAL_LOCKS": "1",
        "GIT_PAGER": str(trap.program),
        "GIT_PAGER_IN_USE": "1",
        "GIT_PREFIX": "hub/",
        "GIT_PRINT_SHA1_ELLIPSIS": "yes",
        "GIT_REF_PARANOIA": "0",
        "GIT_REFLOG_ACTION": "mine",
        "GIT_SEQUENCE_EDITOR": str(trap.program),
        "GIT_WORK_TREE": str(other),
        "PAGER": str(trap.program),
    }
    before = {path: path.read_bytes() for path in sorted(other.rglob("*")) if path.is_file()}
    require_same(hub, variables, plain)
    assert trap.said() == ""
    assert {path: path.read_bytes() for path in sorted(other.rglob("*")) if path.is_file()} == before


# -- where the clone lies


ODD_NAMES = [b"-dash", b"a\nb", b"caf\xe9", b"$(touch evil)", b":(glob)*?[x]"]


def test_a_clone_at_any_path(hub: Hub, tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"".join(ODD_NAMES)) / "hubs"
    place.parent.mkdir()
    hub.path.rename(place)
    moved = Hub(place, hub.remote)
    for task in ("status", "check --offline", "--dry bump --to 3.3.8 commit", "bump --to 3.3.8", "commit --push"):
        done = run_task(*task.split(), cwd=place / "images")
        assert done.code == (1 if task.startswith("check") else 0), (task, done)
    assert moved.git("branch", "--show-current") == BRANCH
    assert committed_files(moved) == MANAGED
    assert hub.remote_git("rev-parse", BRANCH) == moved.git("rev-parse", "HEAD")
    assert Git.around(place / "hub").clone.top == place
    assert not list(tmp_path.rglob("evil"))


def test_a_clone_at_an_odd_path_as_it_will_be_on_another_branch(tmp_path: Path) -> None:
    clone = tmp_path / os.fsdecode(b'a\nb \xff"c')
    clone.mkdir()
    sh("git", "init", "--quiet", "--initial-branch=main", cwd=clone)
    sh("git", "commit", "--quiet", "--allow-empty", "--message", "begin", cwd=clone)
    (tmp_path / "ahead").mkdir()
    ahead = switched(Git(clone), "other", str(Git(clone).head()), (), tmp_path / "ahead")
    assert (ahead.branch(), ahead.head()) == ("other", Git(clone).head())


def test_files_of_any_name(hub: Hub) -> None:
    git = Git.around(hub.path / "images")
    names = {os.fsdecode(name.replace(b"/", b"")) for name in ODD_NAMES}
    for name in names:
        (hub.path / name).write_text("x\n")
    assert names <= set(git.changed(["."]))
    hub.git("add", "--all")
    hub.git("commit", "--quiet", "--message", "Odd names")
    assert names <= {*git.unlike("HEAD^", "HEAD")}
    assert names <= set(git.names("ls-files", "-z"))
    assert all((git.folder / name).is_file() for name in git.names("ls-files", "-z", "--", ":(exclude)vendor"))
    assert set(git.show_all(sorted(names)).values()) == {b"x\n"}


def test_files_that_are_called_as_revisions(hub: Hub) -> None:
    hub.write("HEAD", "x\n")
    hub.write("origin/main", "x\n")
    hub.commit("Names")
    for task in ("status", "check --offline --json", "bump --to 3.3.8", "commit --push"):
        done = run_task(*task.split(), cwd=hub.path)
        assert done.code == TASKS.get(task, 0), (task, done)
    assert committed_files(hub) == MANAGED


# -- kinds of clones


def bump_and_commit(hub: Hub, branch: str = BRANCH) -> None:
    """Bump and commit, started in a folder of the clone, and demand that all went into it."""
    succeed("bump", "--to", "3.3.8", "commit", cwd=hub.path / "images/hub")
    assert hub.git("branch", "--show-current") == branch
    assert committed_files(hub) == MANAGED


def test_a_linked_worktree(hub: Hub, tmp_path: Path) -> None:
    before = hub.snapshot()
    hub.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    bump_and_commit(Hub(tmp_path / "side", hub.remote), "side")
    assert (hub.git("branch", "--show-current"), hub.snapshot()) == ("main", before)


def test_a_submodule(hub: Hub) -> None:
    other = Hub(hub.path / "vendor/other", hub.remote)
    other.git("checkout", "--quiet", "--", ".")
    other.git("remote", "set-head", "origin", "main")
    before = hub.read("hub/requirements.yaml")
    bump_and_commit(other)
    assert hub.read("hub/requirements.yaml") == before
    assert hub.git("branch", "--show-current") == "main"


def test_a_git_folder_elsewhere(hub: Hub, tmp_path: Path) -> None:
    hub.git("submodule", "--quiet", "deinit", "--all", "--force")
    hub.git("init", "--quiet", f"--separate-git-dir={tmp_path / 'a git folder'}")
    bump_and_commit(hub)
    assert not (hub.path / ".git").is_dir()


def test_inside_of_a_hook(hub: Hub, tmp_path: Path) -> None:
    make_hub(tmp_path / "elsewhere")
    script = f'env | grep ^GIT_ >"{tmp_path}/inherited"; cd hub && "$0.sh" >"{tmp_path}/said" 2>&1; exit 0'
    write_program(hub.path / ".git/hooks", "pre-commit", script)
    arguments = " ".join(f"'{word}'" for word in (*INVOKE, "check", "--offline"))
    write_program(hub.path / ".git/hooks", "pre-commit.sh", f"exec {arguments}")
    hub.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    sh("git", "commit", "--quiet", "--allow-empty", "--message", "x", cwd=tmp_path / "side")
    assert "GIT_DIR=" in (tmp_path / "inherited").read_text()
    plain = run_task("check", "--offline", cwd=tmp_path / "side")
    assert (tmp_path / "said").read_text() == plain.out


# -- what the user's own programs see

GOES_PLACES = """\
{{
  (cd hub && git rev-parse --show-prefix --show-toplevel)
  (cd "{elsewhere}/hub" && git rev-parse --show-prefix --show-toplevel)
  (cd "{bare}" && git rev-parse --is-bare-repository)
}} >>"{said}" 2>&1
"""


def test_hooks_find_every_repository_as_they_do_without_us(hub: Hub, tmp_path: Path) -> None:
    elsewhere = make_hub(tmp_path / "elsewhere")
    said = tmp_path / "said"
    script = GOES_PLACES.format(elsewhere=elsewhere.path, bare=elsewhere.remote, said=said)
    for hook in ("pre-commit", "pre-push"):
        write_program(hub.path / ".git/hooks", hook, script)
    succeed("bump", "--to", "3.3.8", "commit", "--push", cwd=hub.path / "images")
    once = f"hub/\n{hub.path}\nhub/\n{elsewhere.path}\ntrue\n"
    assert said.read_text() == once * (said.read_text().count("\n") // 5)
    assert said.read_text()
