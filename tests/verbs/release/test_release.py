from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.scene import DOCKERFILE, REQUIREMENTS, VALUES
from tests.support.world import fault

from ...support.cli import INVOKE, Result, run_on_terminal, run_task

if TYPE_CHECKING:
    from tests.support.scene import Scene

    from ...support.hubs import Hub

pytestmark = pytest.mark.engine

BRANCH = "bump-z2jh-3.3.8"
QUESTION = "Go on? [y/N] "
TIME = r"\d+\.\d s"
WAITING = f"- Wait for {BRANCH} to be pushed, reviewed and merged into main: invoke commit --pr"
STEPS = [
    "Next steps:",
    f"- Review {BRANCH} (git log --patch main..{BRANCH})",
    f"- Merge {BRANCH} into main",
    "- Deploy as usual",
]


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
        "error: cancelled, nothing was changed\n"
        "hint: invoke release, and answer y; or invoke --dry release\n"
    )  # fmt: skip
    assert scene.world() == before


@pytest.mark.parametrize("answer", ["y", "Yes"])
def test_yes_releases(scene: Scene, answer: str) -> None:
    result = on_terminal(scene.hub, typed=f"{answer}\n")
    assert result.code == 0, result
    assert result.err.count(QUESTION) == 1
    assert scene.hub.git("branch", "--show-current") == BRANCH


def test_without_a_terminal_nobody_is_asked_and_nothing_done(scene: Scene) -> None:
    before = scene.world()
    result = run_task("release", cwd=scene.hub.path, stdin="y\n")
    assert (result.code, result.out) == (1, "")
    assert fault(result) == (
        "confirmation needed, but there is no terminal",
        "look at the plan, then: add --yes",
    )
    assert result.err.startswith(f"Plan for {scene.hub.path}\n")
    assert scene.world() == before


# -- what it says


def test_a_release_ends_with_a_summary_the_times_and_the_next_steps(scene: Scene) -> None:
    result = release(scene.hub)
    named, moved = scene.hub.git("log", "-2", "--pretty=%h", "--abbrev=12").splitlines()
    tag = scene.hub.read(VALUES).partition("tag: ")[2].partition("\n")[0]
    said = result.out.splitlines()
    assert said[:4] == [
        f"images/hub/Dockerfile: {scene.base}:3.2.1 -> {scene.base}:3.3.8",
        "hub/requirements.yaml: jupyterhub 3.2.1 -> 3.3.8",
        f"commit {moved} on {BRANCH}: Move z2jh from 3.2.1 to 3.3.8",
        f"{scene.prefix}/core/hub:{tag}: built, pushed, verified",
    ]
    assert [line.split()[0] for line in said[4:7]] == ["digest", "platform", "base"]
    assert said[7:] == [f"commit {named} on {BRANCH}: Use hub image {tag}"]
    times, *steps_after = result.err.splitlines()[-5:]
    steps = ("auth", "bump", "commit", "build", "commit")
    assert re.fullmatch(f"Steps: {', '.join(f'{name} {TIME}' for name in steps)}", times)
    assert steps_after == STEPS


def test_a_second_release_asks_nothing_and_does_nothing(scene: Scene) -> None:
    release(scene.hub)
    before = scene.world()
    result = on_terminal(scene.hub, typed="")
    assert result.code == 0, result
    assert result.err.splitlines()[-4:] == ["Nothing to do.", "Next steps:", WAITING, "- Deploy as usual"]
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
