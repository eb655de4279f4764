from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import run_task, sh, succeed
from tests.support.processes import write_program
from tests.support.scene import Scene
from tests.support.steps import BRANCH, refs
from tests.support.team import Team
from tests.support.world import commands, files_in

pytestmark = pytest.mark.engine


RUNS = {
    "release, and again": ("release --yes", "release --yes"),
    "step by step": ("auth", "commit", "bump", "bump", "commit --push", "build --no-push", "build"),
}


def everything(scene: Scene, temporary: Path) -> tuple[object, ...]:
    """Return all that a dry run must leave alone: the clone's own folder to the byte, and the temporary folder too."""
    return scene.world(), files_in(scene.hub.path / ".git"), files_in(temporary)


@pytest.mark.parametrize("tasks", RUNS.values(), ids=RUNS)
def test_a_dry_run_prints_the_plan_touches_nothing_and_ends_as_the_real_one(
    tasks: tuple[str, ...], scene: Scene
) -> None:
    temporary = scene.folder / "temporary"
    temporary.mkdir()
    env = {"TMPDIR": str(temporary)}
    for typed in map(str.split, tasks):
        before = everything(scene, temporary)
        dry = succeed("--dry", *typed, "--json", cwd=scene.hub.path, env=env)
        assert everything(scene, temporary) == before
        assert dry.err.startswith(f"Plan for {scene.hub.path}\n")
        real = succeed(*typed, "--json", cwd=scene.hub.path)
        assert shape(dry.json) == shape(real.json)


def shape(told: Any) -> Any:  # noqa: ANN401 - any part of what a task printed as JSON
    """Return the keys of an object, of its objects, and of the objects in its lists."""
    if isinstance(told, dict):
        return {key: shape(value) for key, value in told.items()}
    return [shape(value) for value in told] if isinstance(told, list) else None


def test_a_plans_git_commands_can_be_pasted(scene: Scene) -> None:
    succeed("bump", cwd=scene.hub.path)
    switch, *push = commands(run_task("--dry", "commit", "--push", cwd=scene.hub.path).out)
    for command in (switch, "git commit --quiet --all --message=Ours", *push):
        sh("bash", "-c", command, cwd=scene.hub.path)
    assert scene.hub.remote_git("rev-parse", "bump-z2jh-3.3.8") == scene.hub.git("rev-parse", "HEAD")
    assert run_task("commit", "--push", cwd=scene.hub.path).out == "Nothing to do.\n"


# -- chains, and what would be refused


def lines(plan: str) -> list[str]:
    return [" ".join(line.split()) for line in plan.splitlines() if not line.startswith("Plan for ")]


@pytest.mark.parametrize(("tag", "flags"), [("chartpress", ("--pr",)), ("{chart_version}-{content}", ())])
def test_a_dry_chain_plans_what_release_plans(tag: str, flags: tuple[str, ...], scene: Scene) -> None:
    env, first = {"INVOKE_HUB_TAG": tag}, ["commit"] if tag == "chartpress" else []
    chain = ("auth", "bump", *first, "build", "commit", *flags)
    planned = run_task("--dry", *chain, cwd=scene.hub.path, env=env)
    assert (planned.code, planned.err) == (0, ""), planned
    assert lines(planned.out) == lines(run_task("--dry", "release", *flags, cwd=scene.hub.path, env=env).out)


def test_a_dry_task_after_a_release_plans_on_what_that_leaves(scene: Scene) -> None:
    planned = succeed("--dry", "release", "bump", cwd=scene.hub.path)
    assert "bump - images/hub/Dockerfile, hub/requirements.yaml: nothing to change" in lines(planned.out)


def a_loose_file(scene: Scene) -> None:
    scene.hub.edit("images/hub/requirements.txt", "1.3.0", "1.3.1")


def no_remote(scene: Scene) -> None:
    scene.hub.git("remote", "set-url", "origin", str(scene.folder / "gone.git"))


def a_branch_of_somebody_else(scene: Scene) -> None:
    theirs = scene.hub.git("commit-tree", "main^{tree}", "-p", "main", "-m", "Theirs")
    scene.hub.git("push", "--quiet", "origin", f"{theirs}:refs/heads/{BRANCH}")


@pytest.mark.parametrize(
    ("breaks", "planned", "refused", "code"),
    [
        pytest.param(
            a_loose_file,
            {"bump *", "commit *"},
            "build x refused: the image hub has files that are not committed (images/hub/requirements.txt)",
            1,
            id="loose file",
        ),
        pytest.param(no_remote, {"auth -", "bump *", "commit *", "build *"}, "fetch x refused: ", 4, id="no remote"),
        pytest.param(
            a_branch_of_somebody_else,
            {"bump *", "commit *", "build *", "commit * commit hub/values.yaml"},
            f"x refused: the remote's branch {BRANCH} has commits that are not here (origin)",
            1,
            id="remote branch",
        ),
    ],
)
def test_a_dry_release_shows_the_plan_and_the_step_that_is_refused(
    breaks: Callable[[Scene], None], planned: set[str], refused: str, code: int, scene: Scene
) -> None:
    breaks(scene)
    before = scene.world()
    flags = ("--push",) if breaks is not a_loose_file else ("--no-push",)
    dry = run_task("--dry", "release", *flags, cwd=scene.hub.path)
    real = run_task("release", *flags, "--yes", cwd=scene.hub.path)
    shown = lines(dry.out)
    assert any(line.startswith(refused) for line in shown), dry
    assert {start for start in planned if any(line.startswith(start) for line in shown)} == planned
    assert (dry.code, real.code, real.out) == (code, code, "")
    assert real.err.endswith(f"\n{dry.err}")
    assert real.err.startswith(f"Plan for {scene.hub.path}\n")
    assert scene.world() == before


# -- a team that works in forks, against ``staging``, and merges one way or another; gh is a stand-in


@pytest.mark.parametrize(("start", "tag"), [("a merged branch", "chartpress"), ("HEAD alone", "h{content}")])
def test_a_dry_run_of_a_clone_that_is_behind_plans_what_the_release_does(
    team: Team, start: str, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, colleague = team.hub, team.colleague
    for name in ("old.txt", "changed.txt"):
        team.work(f"images/hub/{name}")
    team.work("invoke.yaml", f"hub:\n  tag: {tag}\n")
    hub.git("pull", "--quiet", "--ff-only", "upstream", "staging")
    if start == "a merged branch":
        succeed("release", "--yes", "--pr", "--to", "3.3.7", cwd=hub.path)
        team.merge("bump-z2jh-3.3.7", squash=True)
    if start == "HEAD alone":
        monkeypatch.setenv("CI", "true")
        hub.git("switch", "--quiet", "--detach")
    colleague.git("rm", "--quiet", "images/hub/old.txt")
    colleague.write("hub/values.yaml", colleague.read("hub/values.yaml") + "# theirs\n")
    team.work("images/hub/changed.txt", "more\n")
    team.work("images/hub/Dockerfile", colleague.read("images/hub/Dockerfile") + "# theirs\n")
    team.work("images/hub/a new/file", "new\n")
    hub.write("mine.txt", "mine\n")
    before = refs(hub), hub.snapshot(), hub.git("status", "--porcelain", "--branch")
    write_program(hub.path / ".git/hooks", "post-index-change", f"touch {hub.path}/hook-ran")

    dry = succeed("--dry", "release", "--pr", "--json", cwd=hub.path).json
    (hub.path / ".git/hooks/post-index-change").unlink()
    assert (refs(hub), hub.snapshot(), hub.git("status", "--porcelain", "--branch")) == before
    done = succeed("release", "--yes", "--pr", "--json", cwd=hub.path).json
    told = [{key: one[key] for key in ("chart", "base", "branch")} for one in (dry, done)]
    assert told[0] == told[1]
    made = done["images"][0]["tag"].rpartition("h")[2] if tag == "chartpress" else "{commit}"
    assert [one["tag"].replace("{commit}", made) for one in dry["images"]] == [one["tag"] for one in done["images"]]
    subjects = [[one["subject"].replace("{commit}", made) for one in each["commits"]] for each in (dry, done)]
    assert subjects[0] == subjects[1]
    assert hub.git("status", "--porcelain") == "?? mine.txt"
