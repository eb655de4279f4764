"""What the user has set for git, and where the clone lies, changes nothing of what a task says and does."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.tools.git import Git
from tests.support.cli import Result, run, run_task, succeed
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.steps import BRANCH, MANAGED, committed_files
from tests.support.traps import Trap
from tests.support.world import files_in

# The tasks, and how they end.
TASKS = {
    "status --json": 0,
    "check --offline": 1,
    "--dry build": 0,
    "bump --to 3.3.8": 0,
    "--dry commit --push": 0,
    "commit --push --message Größer": 0,
}


@pytest.fixture
def hub(hub: Hub, helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub repository with a tag that was not pushed, a submodule, a file in latin letters, and commits in a year."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_DATE", "2024-05-06T07:08:09+00:00")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    make_hub(hub.path.parent / "other", chart_repository=helm_repository.url)
    hub.git("submodule", "--quiet", "add", "../other.git", "vendor/other")
    hub.write("images/hub/Größe.txt", "1\n")
    hub.commit("Größe")
    hub.git("push", "--quiet")
    hub.git("tag", "--annotate", "--message", "Not yet", "0.9.0")
    hub.write("vendor/other/hub/values.yaml", "{}\n")
    return hub


LOOKS = (("cat-file", "commit", "HEAD"), ("ls-files", "--stage", "-z"), ("for-each-ref",))


def outcome(hub: Hub, env: Mapping[str, str]) -> tuple[list[Result], list[str], dict[str, bytes]]:
    """Run the tasks in the hub, with ``env``, and put the hub back to what it was.

    Returns:
        What was said; the commit, the index and the references of the clone, and those of the remote; the files.
    """
    kept = [(path, path.with_name(f"{path.name}.kept")) for path in (hub.path, hub.remote)]
    for path, copy in kept:
        shutil.copytree(path, copy, symlinks=True)
    said = [run_task(*task.split(), cwd=hub.path, env=env) for task in TASKS]
    places = [*((look, hub.path) for look in LOOKS), (LOOKS[-1], hub.remote)]
    settings = {"GIT_CONFIG_GLOBAL": os.devnull}
    told = [run("git", "-c", "core.fsmonitor=false", *look, cwd=place, env=settings).out for look, place in places]
    files = hub.snapshot()
    for path, copy in kept:
        shutil.rmtree(path)
        copy.rename(path)
    return said, told, files


TRAP = "TRAP"
# What a user's own git may be set to, by the value.
ODD = {
    "always": tuple(
        f"color.{name}" for name in ("ui", "advice", "diff", "grep", "push", "remote", "status", "transport")
    ),
    TRAP: (
        *("core.pager", "core.editor", "core.fsmonitor", "pager.log", "pager.status", "pager.commit", "diff.external"),
        "gpg.program",
    ),
    f"!{TRAP}": ("alias.status", "alias.switch", "alias.commit", "alias.push"),
    "true": (
        *("log.showSignature", "log.follow", "log.abbrevCommit", "format.notes", "diff.noprefix", "diff.relative"),
        *("diff.mnemonicPrefix", "diff.suppressBlankEmpty", "status.short", "status.branch", "status.showStash"),
        *("status.submoduleSummary", "status.displayCommentPrefix", "push.followTags", "push.autoSetupRemote"),
        *("submodule.recurse", "fetch.prune", "tag.gpgSign", "advice.statusHints", "advice.detachedHead"),
        "advice.pushUpdateRejected",
    ),
    "false": ("core.quotePath", "log.showRoot", "status.relativePaths", "status.aheadBehind", "checkout.guess"),
    "copies": ("diff.renames", "status.renames"),
    "full": ("log.decorate",),
    "raw": ("log.date",),
    "first-parent": ("log.diffMerges",),
    "%GG": ("format.pretty",),
    "ORDER": ("diff.orderFile", "commit.template"),
    "log": ("diff.submodule",),
    "zebra": ("diff.colorMoved",),
    "0": ("diff.context",),
    "all": ("diff.ignoreSubmodules", "diff.wsErrorHighlight"),
    "patience": ("diff.algorithm",),
    "no": ("status.showUntrackedFiles",),
    "verbatim": ("commit.cleanup",),
    "nothing": ("push.default",),
    "on-demand": ("push.recurseSubmodules",),
    "ISO-8859-1": ("i18n.commitEncoding",),
    "UTF-16": ("i18n.logOutputEncoding",),
    "explicit": ("safe.bareRepository",),
}


@pytest.mark.engine
def test_settings_of_the_user_and_variables_of_git_change_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.put("deploy.sh", "helm upgrade hub jupyterhub/jupyterhub --version 3.2.1  # hubpress: jupyterhub\n")
    plain = outcome(hub, {})
    said, (commit, *_, remote), _ = plain
    assert [done.code for done in said] == [*TASKS.values()], said
    assert (commit.endswith("\n\nGrößer\n"), "encoding" in commit, remote.count("\n")) == (True, False, 2)

    trap, other = Trap.set_up(tmp_path), make_hub(tmp_path / "elsewhere").path
    (tmp_path / "order").write_text("*.yaml\n")
    odd = (
        "".join("[{}]\n{} = {}\n".format(*name.split("."), value) for value, names in ODD.items() for name in names)
        .replace(TRAP, str(trap.program))
        .replace("ORDER", str(tmp_path / "order"))
    )
    given = Path(os.environ["GIT_CONFIG_GLOBAL"]).read_text()
    (tmp_path / "odd").write_text(f"{odd}{given}")
    variables = {
        **dict.fromkeys(("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_OBJECT_DIRECTORY"), f"{other}/.git/objects"),
        **dict.fromkeys(("GIT_COMMON_DIR", "GIT_DIR"), f"{other}/.git"),
        **dict.fromkeys(
            ("GIT_EDITOR", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SEQUENCE_EDITOR", "PAGER"), str(trap.program)
        ),
        **dict.fromkeys(("GIT_ICASE_PATHSPECS", "GIT_OPTIONAL_LOCKS", "GIT_PAGER_IN_USE"), "1"),
        **dict.fromkeys(("GIT_FLUSH", "GIT_REF_PARANOIA"), "0"),
        "GIT_ATTR_SOURCE": "HEAD",
        "GIT_CEILING_DIRECTORIES": str(hub.path.parent),
        "GIT_CONFIG": f"{other}/.git/config",
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_DIFF_OPTS": "--unified=0",
        "GIT_INDEX_FILE": f"{other}/.git/index",
        "GIT_INDEX_VERSION": "4",
        "GIT_NAMESPACE": "elsewhere",
        "GIT_PREFIX": "hub/",
        "GIT_PRINT_SHA1_ELLIPSIS": "yes",
        "GIT_REFLOG_ACTION": "mine",
        "GIT_WORK_TREE": str(other),
    }
    before = files_in(other)
    for env in ({"GIT_CONFIG_GLOBAL": str(tmp_path / "odd")}, variables):
        assert outcome(hub, env) == plain
        assert (trap.said(), files_in(other)) == ("", before)


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


def test_files_of_any_name(hub: Hub) -> None:
    git = Git.around(hub.path / "images")
    names = {os.fsdecode(name.replace(b"/", b"")) for name in ODD_NAMES}
    for name in names:
        (hub.path / name).write_text("x\n")
    assert names <= set(git.changed(["."]))
    hub.commit("Odd names")
    assert names <= {*git.differing_files("HEAD^", "HEAD")}
    assert names <= set(git.names("ls-files", "-z"))
    assert all((git.folder / name).is_file() for name in git.names("ls-files", "-z", "--", ":(exclude)vendor"))
    assert set(git.show_all(sorted(names), "HEAD").values()) == {b"x\n"}


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
