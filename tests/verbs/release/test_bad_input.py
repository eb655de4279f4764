"""Bug reports: whatever a release cannot be made from, each with the one error and the one hint that come of it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from glob import escape
from typing import NamedTuple

import pytest

from tests.support.cli import Result, run_task
from tests.support.hubs import NO_REGISTRY
from tests.support.scene import CHARTPRESS, DOCKERFILE, PROGRAM, REFUSED, REQUIREMENTS, UNREACHABLE, UNUSABLE, Scene
from tests.support.world import fault


class Bug(NamedTuple):
    """A bug report: what was typed, what was broken, and what must come of it.

    Attributes:
        typed: the task and its flags.
        breaks: breaks the scene.
        code: the exit code.
        error: the error line; ``{s.charts.url}`` and the like stand for what the scene ``s`` has there, ``...`` for
            the words of an outside program.
        hint: the hint line, likewise.
        foreseen: whether a dry run ends in the same way.
    """

    typed: str
    breaks: Callable[[Scene], None]
    code: int
    error: str
    hint: str
    foreseen: bool = True


def change(file: str, old: str, new: str) -> Callable[[Scene], None]:
    """Return what replaces a text in a file; ``{s.prefix}`` and the like in it stand for the scene's."""
    return lambda scene: scene.hub.change(file, old.format(s=scene), new)


def unborn(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--orphan", "new")
    scene.hub.git("checkout", "main", "--", ".")


def settings_that_are_not_yaml(scene: Scene) -> None:
    scene.hub.write("invoke.yaml", "hub: [\n")


def only(*names: str) -> Callable[[Scene], None]:
    """Leave nothing but the programs ``names`` on PATH."""

    def breaks(scene: Scene) -> None:
        programs = scene.folder / "programs"
        programs.mkdir()
        for name in names:
            (programs / name).symlink_to(str(shutil.which(name)))
        scene.env["PATH"] = str(programs)

    return breaks


def image_on_artifact_registry_without_gcloud(scene: Scene) -> None:
    scene.hub.change(CHARTPRESS, NO_REGISTRY, "us-central1-docker.pkg.dev/cal-icor-hubs")
    only("git")(scene)


def no_engine(scene: Scene) -> None:
    scene.env["DOCKER_HOST"] = f"unix://{scene.folder}/nobody.sock"


ANYWHERE = {
    "no network": Bug(
        "bump",
        change(REQUIREMENTS, "{s.charts.url}", "http://127.0.0.1:1/"),
        UNREACHABLE,
        "connection refused (http://127.0.0.1:1/index.yaml)",
        "look at what is there: curl -fsSL http://127.0.0.1:1/index.yaml | head",
    ),
    "Dockerfile without a z2jh FROM": Bug(
        "bump",
        change(DOCKERFILE, "/k8s-hub:", "/minimal-notebook:"),
        UNUSABLE,
        "no FROM inherits from z2jh's hub image (images/hub/Dockerfile)",
        "write FROM quay.io/jupyterhub/k8s-hub:VERSION, with the version in hub/requirements.yaml",
    ),
    "branch without a commit, and a build": Bug(
        "build",
        unborn,
        REFUSED,
        "the image hub has files that are not committed (chartpress.yaml, images/hub/Dockerfile, ...)",
        "git commit -- chartpress.yaml images/hub/Dockerfile images/hub/requirements.txt; "
        "its tag names the last commit",
    ),
    "invoke.yaml is not YAML": Bug(
        "bump",
        settings_that_are_not_yaml,
        UNUSABLE,
        "the file is not YAML: line 2: expected the node content, but found '<stream end>' (invoke.yaml)",
        "fix {s.hub.path}/invoke.yaml",
    ),
    "git missing": Bug(
        "bump", only(), PROGRAM, "git is not installed (PATH)", "install git: https://git-scm.com/downloads"
    ),
    "gcloud missing": Bug(
        "auth",
        image_on_artifact_registry_without_gcloud,
        PROGRAM,
        "gcloud is not installed (PATH)",
        "install the Google Cloud CLI, for Google's registries: https://cloud.google.com/sdk/docs/install",
    ),
}
WITH_ENGINE = {
    "engine not running": Bug(
        "build",
        no_engine,
        PROGRAM,
        "the Docker engine does not answer (docker info)",
        "start the engine that DOCKER_HOST names, unix://{s.folder}/nobody.sock, or: unset DOCKER_HOST",
    ),
    "a RUN fails": Bug(
        "build",
        change(DOCKERFILE, "RUN pip install", "RUN exit 7; pip install"),
        PROGRAM,
        "failed to solve: process ... did not complete successfully: exit code: 7",
        "fix the Dockerfile, commit it, and build again",
        foreseen=False,
    ),
    "base image that does not exist": Bug(
        "build",
        change(DOCKERFILE, "k8s-hub:3.2.1", "k8s-hub:3.2.9"),
        REFUSED,
        "the base image does not exist ({s.base}:3.2.9)",
        "invoke bump, or fix the FROM; a mirror needs a copy of that release's image",
    ),
    "registry down": Bug(
        "build",
        change(CHARTPRESS, "{s.prefix}", f"{NO_REGISTRY}/hubs"),
        UNREACHABLE,
        "cannot reach the registry: connection refused (127.0.0.1:1)",
        "curl -I http://127.0.0.1:1/v2/",
    ),
    "a stand-in would leave this machine": Bug(
        "build",
        change(CHARTPRESS, "{s.prefix}", "registry.invalid/hubs"),
        REFUSED,
        "the base image here is a rehearsal's stand-in, not z2jh's hub image ({s.base}:3.2.1)",
        "docker image rm {s.base}:3.2.1, then: docker pull {s.base}:3.2.1",
    ),
}


@pytest.mark.parametrize(
    "bug",
    [
        *(pytest.param(bug, id=report) for report, bug in ANYWHERE.items()),
        *(pytest.param(bug, id=report, marks=pytest.mark.engine) for report, bug in WITH_ENGINE.items()),
    ],
)
def test_bad_input_gives_one_error_and_one_hint_dry_or_not_and_changes_nothing(bug: Bug, scene: Scene) -> None:
    bug.breaks(scene)
    before = scene.world()
    dry = run_task("--dry", *bug.typed.split(), cwd=scene.hub.path, env=scene.env)
    if bug.foreseen:
        # What is known of the plan is shown, and the step that is refused in it.
        assert dry.out == "" or " x " in dry.out, dry
        expect(bug, scene, replace(dry, out=""))
    else:
        assert (dry.code, dry.err) == (0, ""), dry
    expect(bug, scene, run_task(*bug.typed.split(), cwd=scene.hub.path, env=scene.env))
    assert scene.world() == before


def expect(bug: Bug, scene: Scene, result: Result) -> None:
    error, hint = fault(result)
    words = bug.error.format(s=scene)
    assert (result.code, result.out, hint) == (bug.code, "", bug.hint.format(s=scene))
    assert error == words or fnmatchcase(error, escape(words).replace("...", "*"))
