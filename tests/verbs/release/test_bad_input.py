"""Bug reports: whatever a release cannot be made from, each with the one error and the one hint that come of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from glob import escape

import pytest

from tests.support.cli import Result, run_task, sh
from tests.support.hubs import NO_REGISTRY
from tests.support.scene import (
    CHARTPRESS,
    DOCKERFILE,
    PROGRAM,
    REFUSED,
    REQUIREMENTS,
    UNREACHABLE,
    UNUSABLE,
    VALUES,
    Scene,
)
from tests.support.world import fault


@dataclass(frozen=True)
class Bug:
    """A bug report: what was broken, what was typed, and what must come of it.

    Attributes:
        report: its title.
        typed: the task and its flags.
        breaks: breaks the scene.
        code: the exit code.
        error: the error line; ``{s.charts.url}`` and the like stand for what the scene ``s`` has there, ``...`` for
            the words of an outside program.
        hint: the hint line, likewise.
        foreseen: whether a dry run ends in the same way.
    """

    report: str
    typed: str
    breaks: Callable[[Scene], None]
    code: int
    error: str
    hint: str
    foreseen: bool = True


INDEX = "/index.yaml"
LOGIN_PAGE = b"<!DOCTYPE html>\n<html><body>Sign in to the guest network</body></html>\n"
OTHER_CHARTS = b"apiVersion: v1\nentries:\n  binderhub:\n  - name: binderhub\n    version: 1.0.0\n"
LOOK = "look at what is there: curl -fsSL {s.charts.url}index.yaml | head"


def nothing(scene: Scene) -> None:
    """Break nothing: what was typed is wrong."""


# -- the Helm repository


def no_helm_repository(scene: Scene) -> None:
    scene.change(REQUIREMENTS, scene.charts.url, "http://127.0.0.1:1/")


def index(body: bytes, status: int = 200) -> Callable[[Scene], None]:
    return lambda scene: scene.charts.answers.update({INDEX: (status, body)})


HELM_REPOSITORY = [
    Bug(
        "no network",
        "bump",
        no_helm_repository,
        UNREACHABLE,
        "connection refused (http://127.0.0.1:1/index.yaml)",
        "look at what is there: curl -fsSL http://127.0.0.1:1/index.yaml | head",
    ),
    Bug(
        "the index is a login page",
        "bump",
        index(LOGIN_PAGE),
        UNREACHABLE,
        "this is a web page, not the index of a Helm repository ({s.charts.url}index.yaml)",
        LOOK,
    ),
    Bug(
        "the index names no jupyterhub",
        "bump",
        index(OTHER_CHARTS),
        UNREACHABLE,
        "the index has no release of jupyterhub ({s.charts.url}index.yaml)",
        LOOK,
    ),
]


# -- the files


def base_of_others(scene: Scene) -> None:
    scene.change(DOCKERFILE, "/k8s-hub:", "/minimal-notebook:")


def chartpress_file_that_is_not_yaml(scene: Scene) -> None:
    scene.change(CHARTPRESS, "charts:\n", "charts: [\n")


FILES = [
    Bug(
        "Dockerfile without a z2jh FROM",
        "bump",
        base_of_others,
        UNUSABLE,
        "no FROM inherits from z2jh's hub image (images/hub/Dockerfile)",
        "write FROM quay.io/jupyterhub/k8s-hub:VERSION, with the version in hub/requirements.yaml",
    ),
    Bug(
        "chartpress.yaml is not YAML",
        "bump",
        chartpress_file_that_is_not_yaml,
        UNUSABLE,
        "not YAML: expected the node content, but found '-' (chartpress.yaml:2)",
        "correct the file there",
    ),
]


# -- clones, remotes and settings that no task can work with


# -- the clone and its remote


def merging(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--create", "side")
    scene.change(VALUES, "256M", "512M")
    scene.hub.git("switch", "--quiet", "main")
    scene.hub.git("merge", "--quiet", "--no-ff", "--no-commit", "side")


def unborn(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--orphan", "new")
    scene.hub.git("checkout", "main", "--", ".")


CLONE = [
    Bug(
        "branch without a commit, and a build",
        "build",
        unborn,
        REFUSED,
        "the image hub has files that are not committed (chartpress.yaml, images/hub/Dockerfile, ...)",
        "git commit -- chartpress.yaml images/hub/Dockerfile images/hub/requirements.txt; "
        "its tag names the last commit",
    ),
]


# -- the settings


def settings(text: str) -> Callable[[Scene], None]:
    return lambda scene: scene.hub.write("invoke.yaml", text)


SETTINGS = [
    Bug(
        "invoke.yaml is not YAML",
        "bump",
        settings("hub: [\n"),
        UNUSABLE,
        "the file is not YAML: line 2: expected the node content, but found '<stream end>' (invoke.yaml)",
        "fix {s.hub.path}/invoke.yaml",
    ),
]


# -- programs and registries that are missing, broken, or have something else than they should


DOCKER_HINT = "install Docker: https://docs.docker.com/engine/install/"
BUILDX_HINT = "install the buildx plugin: https://docs.docker.com/build/install-buildx/"


# -- programs


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
    scene.change(CHARTPRESS, NO_REGISTRY, "us-central1-docker.pkg.dev/cal-icor-hubs")
    only("git")(scene)


MISSING_PROGRAMS = [
    Bug(
        "git missing",
        "bump",
        only(),
        PROGRAM,
        "git is not installed (PATH)",
        "install git: https://git-scm.com/downloads",
    ),
    Bug(
        "gcloud missing",
        "auth",
        image_on_artifact_registry_without_gcloud,
        PROGRAM,
        "gcloud is not installed (PATH)",
        "install the Google Cloud CLI, for Google's registries: https://cloud.google.com/sdk/docs/install",
    ),
]


def no_engine(scene: Scene) -> None:
    scene.env["DOCKER_HOST"] = f"unix://{scene.folder}/nobody.sock"


def run_that_fails(scene: Scene) -> None:
    scene.change(DOCKERFILE, "RUN pip install", "RUN exit 7; pip install")


ENGINE = [
    Bug(
        "engine not running",
        "build",
        no_engine,
        PROGRAM,
        "the Docker engine does not answer (docker info)",
        "start the engine that DOCKER_HOST names, unix://{s.folder}/nobody.sock, or: unset DOCKER_HOST",
    ),
    Bug(
        "a RUN fails",
        "build",
        run_that_fails,
        PROGRAM,
        "failed to solve: process ... did not complete successfully: exit code: 7",
        "fix the Dockerfile, commit it, and build again",
        foreseen=False,
    ),
]


# -- what is to be built


def shallow(scene: Scene) -> None:
    scene.change(VALUES, "256M", "512M")
    scene.hub.git("push", "--quiet")
    shutil.rmtree(scene.hub.path)
    sh("git", "clone", "--quiet", "--depth=1", scene.hub.remote.as_uri(), scene.hub.path.name, cwd=scene.folder)


def no_such_base(scene: Scene) -> None:
    scene.change(DOCKERFILE, "k8s-hub:3.2.1", "k8s-hub:3.2.9")


IMAGES = [
    Bug(
        "base image that does not exist",
        "build",
        no_such_base,
        REFUSED,
        "the base image does not exist ({s.base}:3.2.9)",
        "invoke bump, or fix the FROM; a mirror needs a copy of that release's image",
    ),
]


# -- registries


def registry_down(scene: Scene) -> None:
    scene.change(CHARTPRESS, scene.prefix, f"{NO_REGISTRY}/hubs")


def registry_beyond_this_machine(scene: Scene) -> None:
    scene.change(CHARTPRESS, scene.prefix, "registry.invalid/hubs")


REGISTRIES = [
    Bug(
        "registry down",
        "build",
        registry_down,
        UNREACHABLE,
        "cannot reach the registry: connection refused (127.0.0.1:1)",
        "curl -I http://127.0.0.1:1/v2/",
    ),
    Bug(
        "a stand-in would leave this machine",
        "build",
        registry_beyond_this_machine,
        REFUSED,
        "the base image here is a rehearsal's stand-in, not z2jh's hub image ({s.base}:3.2.1)",
        "docker image rm {s.base}:3.2.1, then: docker pull {s.base}:3.2.1",
    ),
]


# -- each of them, dry or not


ANYWHERE = (*HELM_REPOSITORY, *FILES, *CLONE, *SETTINGS, *MISSING_PROGRAMS)
WITH_ENGINE = (*ENGINE, *IMAGES, *REGISTRIES)


BUGS = [
    *(pytest.param(bug, id=bug.report) for bug in ANYWHERE),
    *(pytest.param(bug, id=bug.report, marks=pytest.mark.engine) for bug in WITH_ENGINE),
]


@pytest.mark.parametrize("bug", BUGS)
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
