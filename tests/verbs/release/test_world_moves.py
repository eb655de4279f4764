"""A plan holds only in the world that it was made in: whatever moves after it is found before anything relies on it.

Somebody works on in the same clone, or at the same remote, while a release asks its question or builds its image.
"""

import os
import shlex
import shutil
from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.support.cli import INVOKE, Result, run_on_screen, sh
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.scene import Scene
from tests.support.world import World

pytestmark = pytest.mark.engine

BRANCH = "bump-z2jh-3.3.8"
MOVED = "Move z2jh from 3.2.1 to 3.3.8"
SWITCH = "git switch --quiet --create elsewhere"
BACK_TO_MAIN = "git switch --quiet main"
COMMIT = "echo diary >private.txt && git add private.txt && git commit --quiet --message='Private work'"
AGAIN = "run the same command again"
Somebody: TypeAlias = Callable[[str], None]


def save(path: str) -> str:
    return f"echo '# mine' >>{path}"


def at_the_question(scene: Scene, somebody: str) -> tuple[Result, World]:
    """Release; do ``somebody`` when it asks, and then say yes. Return also how things stood then."""
    stands: list[World] = []

    def meanwhile() -> None:
        sh("bash", "-c", somebody, cwd=scene.hub.path)
        stands.append(scene.world())

    shown = run_on_screen(*INVOKE, "release", "--push", cwd=scene.hub.path, meanwhile=meanwhile)
    (stand,) = stands
    return Result(shown.code, "", shown.out), stand


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


# -- at the question: nothing was done yet, and nothing is
