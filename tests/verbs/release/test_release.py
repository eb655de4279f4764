import pytest

from tests.support.cli import INVOKE, Result, run_on_terminal, run_task, succeed
from tests.support.hubs import Hub
from tests.support.machine import PROJECT
from tests.support.scene import DOCKERFILE, Scene
from tests.support.world import fault

pytestmark = pytest.mark.engine

BRANCH = "bump-z2jh-3.3.8"
QUESTION = "Go on? [y/N] "
WAITING = f"- Wait for {BRANCH} to be pushed, reviewed and merged into main: invoke commit --pr"


def on_terminal(hub: Hub, *flags: str, typed: str) -> Result:
    return run_on_terminal(*INVOKE, "release", *flags, cwd=hub.path, typed=typed)


def release(hub: Hub, *flags: str) -> Result:
    return succeed("release", "--yes", *flags, cwd=hub.path)


# -- the question


def test_every_answer_but_yes_leaves_all_as_it_was(scene: Scene) -> None:
    before = scene.world()
    result = on_terminal(scene.hub, typed="yess\n")
    assert (result.code, result.out) == (1, "")
    plan, _, verdict = result.err.partition(QUESTION)
    assert plan.startswith(f"Plan for {scene.hub.path}\n")
    assert verdict == (
        "error: cancelled, nothing was changed\n"
        "hint: invoke release --dry, for the whole plan\n"
    )  # fmt: skip
    assert scene.world() == before


def test_yes_releases_and_the_second_time_nothing_is_asked_or_done(scene: Scene) -> None:
    result = on_terminal(scene.hub, typed="Yes\n")
    assert result.code == 0, result
    assert result.err.count(QUESTION) == 1
    assert scene.hub.git("branch", "--show-current") == BRANCH
    before = scene.world()
    again = on_terminal(scene.hub, typed="")
    assert again.code == 0, again
    assert again.err.splitlines()[-4:] == ["Nothing to do.", "Next steps:", WAITING, "- Deploy as usual"]
    assert QUESTION not in again.err
    assert scene.world() == before


def test_without_a_terminal_nobody_is_asked_and_nothing_done(scene: Scene) -> None:
    before = scene.world()
    result = run_task("release", cwd=scene.hub.path, stdin="y\n")
    assert (result.code, result.out) == (1, "")
    assert fault(result) == ("confirmation needed, but there is no terminal", "look at the plan, then add --yes")
    assert result.err.startswith(f"Plan for {scene.hub.path}\n")
    assert scene.world() == before


# -- what it says


def test_a_release_tells_all_that_its_steps_do_and_a_dry_one_all_but_what_the_commit_decides(scene: Scene) -> None:
    told = run_task("--dry", "release", "--json", cwd=scene.hub.path).json
    (image,) = told["images"]
    assert (image["tag"], image["digest"]) == ("0.0.1-0.dev.git.2.h{commit}", None)
    assert [commit["hash"] for commit in told["commits"]] == [None, None]
    assert [step["seconds"] for step in told["steps"]] == [None] * 5
    told = run_task("release", "--yes", "--push", "--json", cwd=scene.hub.path).json
    named, moved = scene.hub.git("log", "-2", "--pretty=%H").splitlines()
    (image,) = told["images"]
    assert (told["chart"]["after"], told["base"]["image_after"]) == ("3.3.8", f"{scene.base}:3.3.8")
    assert (image["status"], image["tag"]) == ("built", f"0.0.1-0.dev.git.2.h{moved[:7]}")
    assert told["branch"] == BRANCH
    assert told["commits"] == [
        {"hash": moved, "subject": "Move z2jh from 3.2.1 to 3.3.8"},
        {"hash": named, "subject": f"Use hub image {image['tag']}"},
    ]
    assert told["pull_request"] is None
    assert [(step["name"], step["status"]) for step in told["steps"]] == [
        ("auth", "skipped"),
        ("bump", "done"),
        ("commit", "done"),
        ("build", "done"),
        ("commit", "done"),
    ]
    assert all(step["seconds"] >= 0 for step in told["steps"])


# -- when it is stopped


def test_a_release_whose_build_fails_goes_on_once_the_dockerfile_is_mended(scene: Scene) -> None:
    scene.hub.change(DOCKERFILE, "RUN pip install", "RUN exit 7; pip install")
    failed = run_task("release", "--yes", cwd=scene.hub.path)
    assert (failed.code, failed.out) == (3, "")
    moved = scene.hub.git("log", "-1", "--pretty=%h", "--abbrev=12")
    log, standing = failed.err.partition("Done so far:\n")[::2]
    assert "did not complete successfully: exit code: 7" in log
    assert standing.splitlines()[:-2] == [
        f"  images/hub/Dockerfile: {scene.base}:3.2.1 -> {scene.base}:3.3.8",
        "  hub/requirements.yaml: jupyterhub 3.2.1 -> 3.3.8",
        f"  commit {moved} on {BRANCH}: Move z2jh from 3.2.1 to 3.3.8",
        "  not pushed",
        f"To continue, run: invoke --search-root {PROJECT} release --yes",
    ]
    assert scene.hub.subjects("main..HEAD") == ["Move z2jh from 3.2.1 to 3.3.8"]
    scene.hub.change(DOCKERFILE, "RUN exit 7; pip install", "RUN pip install")
    told = release(scene.hub, "--json").json
    (image,) = told["images"]
    assert [step["name"] for step in told["steps"] if step["status"] == "done"] == ["build", "commit"]
    assert scene.hub.subjects("main..HEAD") == [
        f"Use hub image {image['tag']}",
        f"Change {DOCKERFILE}",
        "Move z2jh from 3.2.1 to 3.3.8",
    ]
    succeed("release", cwd=scene.hub.path)
