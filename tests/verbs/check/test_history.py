"""``check`` of consistent repositories, and what people do with git: rewritten and shallow histories, and hooks."""

import shlex
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.cli import run, run_task, sh, succeed
from tests.support.helm import RELEASES, HelmServer
from tests.support.hubs import Hub
from tests.support.layouts import make_2i2c_like
from tests.support.machine import PROJECT
from tests.support.processes import write_program
from tests.support.world import each

from .places import DOCKERFILE, PINS, built, check, computed_tag, consistent, digest_of, found, pin, pinned_tag


@pytest.fixture
def branched(settled: Hub) -> Hub:
    """A hub on a feature branch with two commits: a new image, and the values that name it."""
    settled.git("switch", "--quiet", "--create", "bump")
    settled.put(PINS, "jupyterhub-nativeauthenticator==1.3.1\n")
    pin(settled)
    settled.git("switch", "--quiet", "main")
    return settled


OTHER_WORK = "commit --allow-empty --message 'Work on something else'"
SQUASHED = ["merge --squash bump", "commit --message 'Move the authenticator (#42)'"]
REWRITTEN = {"squashed": SQUASHED, "rebased": [OTHER_WORK, "rebase main bump", "switch main", "merge --ff-only bump"]}


def type_git(hub: Hub, commands: list[str]) -> None:
    for command in commands:
        hub.git(*shlex.split(command))


def test_a_pull_request_that_was_merged_beside_other_work(branched: Hub) -> None:
    type_git(branched, [OTHER_WORK, "merge --no-ff --no-edit bump", "branch --delete --force bump"])
    consistent(branched, "--offline")


@pytest.mark.parametrize("commands", REWRITTEN.values(), ids=REWRITTEN)
def test_a_pull_request_that_was_squashed_or_rebased(branched: Hub, commands: list[str]) -> None:
    type_git(branched, commands)
    consistent(branched, "--offline")
    branched.change(PINS, "nativeauthenticator==", "nativeauthenticator>=")
    assert each(found(branched, "--offline"), "code severity") == [("values-commit-gone", "fault")]


def test_a_commit_that_was_never_fetched_is_a_warning(branched: Hub, tmp_path: Path) -> None:
    type_git(branched, SQUASHED)
    branched.git("push", "--quiet")
    sh("git", "clone", "--quiet", branched.remote.as_uri(), "fresh", cwd=tmp_path)
    fresh = Hub(tmp_path / "fresh", branched.remote)
    (problem,) = found(fresh, "--offline")
    assert (problem["code"], problem["severity"]) == ("values-commit-gone", "warning")
    assert problem["hint"].startswith("invoke build, then invoke commit; if this is intended, in invoke.yaml: ")
    # But the image is not that of the files any more, which nobody has built since.
    fresh.change("images/hub/requirements.txt", "nativeauthenticator==", "nativeauthenticator>=")
    assert each(found(fresh, "--offline"), "code severity") == [("values-commit-gone", "fault")]


@pytest.mark.engine
def test_a_history_that_is_cut_off_is_named_with_the_way_out(settled: Hub, tmp_path: Path) -> None:
    settled.git("push", "--quiet")
    sh("git", "clone", "--quiet", "--depth=1", settled.remote.as_uri(), "shallow", cwd=tmp_path)
    shallow = Hub(tmp_path / "shallow", settled.remote)
    result = check(shallow, "--offline", "--json")
    assert (result.code, result.json["problems"]) == (0, [])
    why = "the clone is shallow, so commits cannot be counted"
    assert result.json["not_checked"] == [
        {"message": f"whether hub:{pinned_tag(settled)} is current: {why}", "hint": "git fetch --unshallow"}
    ]
    assert check(shallow, "--offline").out.splitlines()[-1] == "No problems in what was checked."
    status = run_task("status", cwd=shallow.path).out.splitlines()
    assert "Cannot tell whether invoke release would build hub." in status
    shallow.git("fetch", "--quiet", "--unshallow")
    consistent(shallow, "--offline")


# -- as a hook


def hooked(hub: Hub) -> Path:
    """Make ``check --offline`` the pre-commit hook; return the file to which it writes each of its exit codes."""
    log = hub.path.parent / "hook.log"
    command = f"'{sys.executable}' -m invoke --search-root '{PROJECT}' check --offline"
    write_program(hub.path / ".git/hooks", "pre-commit", f"{command}\ncode=$?\necho $code >>'{log}'\nexit $code")
    return log


def test_a_hook_stops_an_inconsistent_commit(settled: Hub) -> None:
    log = hooked(settled)
    settled.edit("hub/requirements.yaml", "3.3.8", "3.3.7")
    result = run("git", "commit", "--all", "--message", "Move the chart alone", cwd=settled.path)
    assert result.code == 1
    assert "[base-not-of-release]" in result.out + result.err
    assert log.read_text().split() == ["1"]
    assert settled.subjects()[0] == "Use the image"


@pytest.mark.engine
def test_a_hook_lets_a_release_through(released: Hub) -> None:
    log = hooked(released)
    succeed("release", "--yes", "--to", "4.0.0-beta.4", cwd=released.path)
    assert log.read_text().split() == ["0", "0"]
    assert released.subjects("main..HEAD") == [
        f"Use hub image {computed_tag(released)}",
        "Move z2jh from 3.3.8 to 4.0.0-beta.4",
    ]


def test_pre_commit_runs_the_hook_for_every_commit_since_any_file_may_pin_a_release() -> None:
    (hook,) = YAML(typ="safe").load(PROJECT / ".pre-commit-hooks.yaml")
    assert (hook["id"], hook["entry"], hook["language"]) == ("hubpress-check", "hubpress check --offline", "python")
    assert (hook["pass_filenames"], "files" in hook) == (False, False)


# -- consistent repositories, whatever they look like and wherever they come from

DEV = next(release for release in RELEASES if release.image_tag.startswith("4.3.3-0.dev"))


@pytest.mark.engine
def test_a_dev_release_whose_base_tag_is_not_the_charts_version(released: Hub) -> None:
    succeed("bump", "--to", DEV.version, cwd=released.path)
    assert f":{DEV.image_tag}\n" in released.read(DOCKERFILE)
    assert f" {DEV.version}\n" in released.read("hub/requirements.yaml")
    released.commit("Move to a build of main")
    built(released)
    consistent(released, "--offline")
    consistent(released)


@pytest.mark.engine
@pytest.mark.parametrize("tagged", [":3.3.8", ""], ids=["tag and digest", "digest alone"])
def test_a_base_that_is_pinned_by_its_digest(released: Hub, mirror: str, tagged: str) -> None:
    released.change(DOCKERFILE, f"{mirror}:3.3.8", f"{mirror}{tagged}@{digest_of(f'{mirror}:3.3.8')}")
    built(released)
    consistent(released, "--offline")
    consistent(released)


def test_files_and_git_ask_nobody(settled: Hub, charts: HelmServer) -> None:
    """Nobody listens at its registry."""
    asked = len(charts.requests)
    consistent(settled, "--offline")
    assert len(charts.requests) == asked


def test_what_three_images_of_one_dockerfile_share_is_said_once(tmp_path: Path) -> None:
    hub = make_2i2c_like(tmp_path / "2i2c", version="3.3.8")
    hub.change("helm-charts/basehub/Chart.yaml", '"3.3.8"', '"3.3.7"')
    assert [problem["code"] for problem in found(hub, "--offline")].count("base-not-of-release") == 1
