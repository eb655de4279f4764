from __future__ import annotations

import fcntl
import re
from typing import TYPE_CHECKING

import pytest

from ...support.cli import INVOKE, Result, run_on_terminal, run_task
from .scene import DOCKERFILE, REQUIREMENTS, VALUES
from .world import World, fault

if TYPE_CHECKING:
    from ...support.hubs import Hub
    from .scene import Scene

pytestmark = pytest.mark.engine

BRANCH = "bump-z2jh-3.3.8"
QUESTION = "Go on? [y/N] "
TIME = r"\d+\.\d s"


def on_terminal(hub: Hub, *flags: str, typed: str) -> Result:
    return run_on_terminal(*INVOKE, "release", *flags, cwd=hub.path, typed=typed)


def release(hub: Hub, *flags: str) -> Result:
    result = run_task("release", "--yes", *flags, cwd=hub.path)
    assert result.code == 0, result
    return result


# -- the question


@pytest.mark.parametrize("answer", ["", "n", "no", "q", "yess"])
def test_every_answer_but_yes_leaves_all_as_it_was(scene: Scene, answer: str) -> None:
    before = scene.world()
    result = on_terminal(scene.hub, typed=f"{answer}\n")
    assert (result.code, result.out) == (1, "")
    plan, _, verdict = result.err.partition(QUESTION)
    assert plan.startswith(f"Plan for {scene.hub.path}\n")
    assert verdict == (
        "error: not agreed to, nothing was done\n"
        "hint: invoke release, and answer y; or invoke --dry release\n"
    )  # fmt: skip
    assert scene.world() == before


@pytest.mark.parametrize("answer", ["y", "Yes"])
def test_yes_releases(scene: Scene, answer: str) -> None:
    result = on_terminal(scene.hub, typed=f"{answer}\n")
    assert result.code == 0, result
    assert result.err.count(QUESTION) == 1
    assert scene.hub.git("branch", "--show-current") == BRANCH


def test_the_question_stays_out_of_the_json(scene: Scene) -> None:
    result = on_terminal(scene.hub, "--json", typed="y\n")
    assert (result.code, result.json["branch"]) == (0, BRANCH)
    assert QUESTION in result.err


def test_without_a_terminal_nobody_is_asked_and_nothing_done(scene: Scene) -> None:
    before = scene.world()
    result = run_task("release", cwd=scene.hub.path, stdin="y\n")
    assert (result.code, result.out) == (1, "")
    assert fault(result) == ("nobody can be asked here (no terminal)", "look at the plan, then: add --yes")
    assert result.err.startswith(f"Plan for {scene.hub.path}\n")
    assert scene.world() == before


# -- what it says


def test_a_release_ends_with_a_summary_the_times_and_the_next_step(scene: Scene) -> None:
    result = release(scene.hub)
    named, moved = scene.hub.git("log", "-2", "--pretty=%h", "--abbrev=12").splitlines()
    tag = scene.hub.read(VALUES).partition("tag: ")[2].partition("\n")[0]
    said = result.out.splitlines()
    assert said[:4] == [
        f"images/hub/Dockerfile: {scene.base}:3.2.1 -> {scene.base}:3.3.8",
        "hub/requirements.yaml: jupyterhub 3.2.1 -> 3.3.8",
        f"commit {moved} on {BRANCH}: Move z2jh from 3.2.1 to 3.3.8",
        f"{scene.prefix}/core/hub:{tag}: built, pushed, proved",
    ]
    assert [line.split()[0] for line in said[4:7]] == ["digest", "platform", "base"]
    assert said[7:] == [f"commit {named} on {BRANCH}: Use hub image {tag}"]
    times, review, step = result.err.splitlines()[-3:]
    steps = ("auth", "bump", "commit", "build", "commit")
    assert re.fullmatch(f"Steps: {', '.join(f'{name} {TIME}' for name in steps)}", times)
    assert review == f"Review it: git log --patch main..{BRANCH}"
    assert step == f"Once {BRANCH} is merged, proceed to deployment as normal."


def test_a_second_release_asks_nothing_and_does_nothing(scene: Scene) -> None:
    release(scene.hub)
    before = scene.world()
    result = on_terminal(scene.hub, typed="")
    assert result.code == 0, result
    pushed = f"{BRANCH} to be pushed, reviewed and merged into main: invoke commit --pr"
    assert result.err.endswith(f"Nothing to do. Waiting for {pushed}\n")
    assert QUESTION not in result.err
    assert scene.world() == before


# -- what it leaves alone


def test_the_users_other_changes_stay_where_they_are(scene: Scene) -> None:
    hub = scene.hub
    hub.edit("hub/Chart.yaml", "Our hub", "Our own hub")
    hub.git("stash")
    hub.write("notes.txt", "staged\n")
    hub.git("add", "notes.txt")
    hub.edit("hub/Chart.yaml", "Our hub", "The hub")
    hub.write("draft.txt", "untracked\n")
    release(hub)
    assert hub.git("status", "--porcelain").splitlines() == [" M hub/Chart.yaml", "A  notes.txt", "?? draft.txt"]
    assert len(hub.git("stash", "list").splitlines()) == 1
    committed = hub.git("log", "--name-only", "--pretty=", "main..HEAD").split()
    assert sorted(committed) == sorted([DOCKERFILE, REQUIREMENTS, VALUES])


def test_the_default_branch_and_the_remote_stay_where_they_are(scene: Scene) -> None:
    main, remote = scene.hub.git("rev-parse", "main"), World.around(scene.hub).remote
    release(scene.hub)
    assert (scene.hub.git("rev-parse", "main"), World.around(scene.hub).remote) == (main, remote)


# -- where it goes


def test_a_release_is_pushed_when_that_is_wanted(scene: Scene) -> None:
    main = scene.hub.remote_git("rev-parse", "main")
    release(scene.hub, "--push")
    assert scene.hub.remote_git("rev-parse", BRANCH) == scene.hub.git("rev-parse", "HEAD")
    assert scene.hub.remote_git("rev-parse", "main") == main


def test_a_release_on_a_feature_branch_stays_there(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--create", "our-upgrade")
    release(scene.hub)
    assert scene.hub.git("branch", "--show-current") == "our-upgrade"
    assert len(scene.hub.subjects("main..our-upgrade")) == 2


def test_a_branch_and_a_message_can_be_given(scene: Scene) -> None:
    release(scene.hub, "--to", "3.3.7", "--branch", "ops/hub", "--message", "Upgrade the hub\n\nSee #42.")
    named, moved = scene.hub.subjects("main..ops/hub")
    assert moved == "Upgrade the hub"
    assert named.startswith("Use hub image ")
    assert "k8s-hub:3.3.7\n" in scene.hub.read(DOCKERFILE)


# -- when it is stopped


def test_a_release_whose_build_fails_goes_on_once_the_dockerfile_is_mended(scene: Scene) -> None:
    scene.change(DOCKERFILE, "RUN pip install", "RUN exit 7; pip install")
    failed = run_task("release", "--yes", cwd=scene.hub.path)
    assert (failed.code, failed.out) == (3, "")
    assert scene.hub.subjects("main..HEAD") == ["Move z2jh from 3.2.1 to 3.3.8"]
    scene.change(DOCKERFILE, "RUN exit 7; pip install", "RUN pip install")
    told = release(scene.hub, "--json").json
    (image,) = told["images"]
    assert [step["name"] for step in told["steps"] if step["status"] == "done"] == ["build", "commit"]
    assert scene.hub.subjects("main..HEAD") == [
        f"Use hub image {image['tag']}",
        "Break it",
        "Move z2jh from 3.2.1 to 3.3.8",
    ]
    assert run_task("release", cwd=scene.hub.path).code == 0


def test_a_second_run_in_the_same_clone_is_refused_while_the_first_is_under_way(scene: Scene) -> None:
    before = scene.world()
    with (scene.hub.path / ".git" / "hubpress.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run_task("release", "--yes", cwd=scene.hub.path)
    assert (result.code, result.out) == (1, "")
    assert fault(result) == (
        f"another run is under way here, process 4711 ({scene.hub.path})",
        "wait for it, or look at it: ps -fp 4711",
    )
    assert scene.world() == before
