"""A plan holds only in the world that it was made in: whatever moves after it is found before anything relies on it.

Somebody works on in the same clone, or at the same remote, while a release asks its question or builds its image.
"""

import os
import shlex
import shutil
from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.support.cli import INVOKE, run_on_screen, run_task, sh, succeed
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.scene import VALUES, Scene
from tests.support.world import fault

pytestmark = pytest.mark.engine

BRANCH = "bump-z2jh-3.3.8"
MOVED = "Move z2jh from 3.2.1 to 3.3.8"
BACK_TO_MAIN = "git switch --quiet main"
AGAIN = "run the same command again"
Somebody: TypeAlias = Callable[[str], None]


def save(path: str) -> str:
    return f"echo '# mine' >>{path}"


@pytest.fixture
def during_build(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Somebody:
    """What lets somebody do something in the clone when the engine has built, before anything is proved."""
    programs, docker = scene.folder / "path", shutil.which("docker")

    def let(somebody: str) -> None:
        once = f"test -e {programs}/built || (cd {shlex.quote(str(scene.hub.path))} && {somebody}) >&2"
        build = f'{docker} "$@"; status=$?; {once}; touch {programs}/built; exit $status'
        write_program(programs, "docker", f'case "$*" in *bake*) {build} ;; esac\nexec {docker} "$@"\n')
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)

    return let


def short(hub: Hub, revision: str) -> str:
    return hub.git("rev-parse", "--short=12", revision)


# -- at the question: what moves before anything is done, tests/rules has


def test_values_saved_at_the_question_stay_and_are_not_committed(scene: Scene) -> None:
    hub = scene.hub

    def meanwhile() -> None:
        hub.write(VALUES, f"{hub.read(VALUES)}# mine\n")

    done = run_on_screen(*INVOKE, "release", "--push", cwd=hub.path, meanwhile=meanwhile)
    assert done.code == 1, done
    assert done.out.splitlines()[-2:] == [f"error: the plan no longer holds: {VALUES} has changed", f"hint: {AGAIN}"]
    assert hub.git("status", "--porcelain").splitlines() == [
        " M hub/requirements.yaml",
        " M hub/values.yaml",
        " M images/hub/Dockerfile",
    ]
    assert hub.subjects() == ["Set up the hub"]


# -- during the build


def test_a_branch_switched_during_the_build_gets_nothing(scene: Scene, during_build: Somebody) -> None:
    hub = scene.hub
    before = (hub.git("rev-parse", "main"), hub.remote_git("for-each-ref"))
    during_build(BACK_TO_MAIN)
    done = run_task("release", "--yes", "--push", cwd=hub.path)
    assert done.code == 1, done
    error, hint = fault(done)
    assert error == "the plan no longer holds: the current branch is now main"
    assert hint == f"git switch {BRANCH}, then {AGAIN}"
    assert (hub.git("rev-parse", "main"), hub.remote_git("for-each-ref")) == before
    assert hub.git("status", "--porcelain") == ""
    assert hub.subjects(f"main..{BRANCH}") == [MOVED]
    hub.git("switch", "--quiet", BRANCH)
    succeed("release", "--yes", "--push", cwd=hub.path)
    assert hub.remote_git("log", "--format=%s", f"main..{BRANCH}").splitlines()[1:] == [MOVED]


def test_a_remote_branch_that_moves_during_the_build_is_not_overwritten(scene: Scene, during_build: Somebody) -> None:
    hub = scene.hub
    theirs = f"git push --quiet origin $(git commit-tree main^{{tree}} -p main -m Theirs):refs/heads/{BRANCH}"
    during_build(theirs)
    done = run_task("release", "--yes", "--push", cwd=hub.path)
    assert done.code == 1, done
    there = hub.remote_git("rev-parse", "--short=12", BRANCH)
    assert fault(done)[0] == f"the plan no longer holds: origin's branch {BRANCH} is now {there}"
    assert len(hub.subjects(f"main..{BRANCH}")) == 2
    assert hub.remote_git("log", "--format=%s", f"main..{BRANCH}") == "Theirs"


def test_a_remote_that_is_another_one_during_the_build_gets_nothing(scene: Scene, during_build: Somebody) -> None:
    hub, elsewhere = scene.hub, scene.folder / "elsewhere.git"
    during_build(f"git init --quiet --bare {elsewhere} && git remote set-url origin {elsewhere}")
    done = run_task("release", "--yes", "--push", cwd=hub.path)
    assert done.code == 1, done
    assert fault(done)[0] == f"the plan no longer holds: the address of origin is now {elsewhere}"
    assert sh("git", "for-each-ref", cwd=elsewhere) == hub.remote_git("branch", "--list", BRANCH) == ""


# -- the tasks that a release consists of


def test_values_saved_during_a_build_keep_it_from_writing_them(scene: Scene, during_build: Somebody) -> None:
    hub, before = scene.hub, scene.hub.read(VALUES)
    image = scene.image
    during_build(save(VALUES))
    done = run_task("build", cwd=hub.path)
    assert done.code == 1, done
    assert fault(done) == (f"the plan no longer holds: {VALUES} has changed", AGAIN)
    assert image in done.err.partition("Done so far:\n")[2]
    assert hub.read(VALUES).removesuffix("# mine\n") == before
    hub.git("restore", VALUES)
    succeed("build", cwd=hub.path)
