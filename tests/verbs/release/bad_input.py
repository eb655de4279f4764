"""Bug reports: whatever a release cannot be made from, each with the one error and the one hint that come of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.cli import sh
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
    Bug,
    Scene,
)

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


def archive_of_another_release(scene: Scene) -> None:
    other = (scene.charts.folder / "jupyterhub-3.3.8.tgz").read_bytes()
    scene.charts.answers["/jupyterhub-3.2.1.tgz"] = (200, other)


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
    Bug(
        "version that does not exist",
        "bump --to 3.3.9",
        nothing,
        REFUSED,
        "version 3.3.9 does not exist ({s.charts.url}index.yaml)",
        "choose one that exists: --to 3.3.8",
    ),
    Bug(
        "archive whose digest differs",
        "bump --to 3.2.1",
        archive_of_another_release,
        UNREACHABLE,
        "archive jupyterhub-3.2.1.tgz does not have the digest that the index names "
        "({s.charts.url}jupyterhub-3.2.1.tgz)",
        "choose another release with --to VERSION, and tell those who keep the repository",
    ),
]


# -- the files


def base_of_others(scene: Scene) -> None:
    scene.change(DOCKERFILE, "/k8s-hub:", "/minimal-notebook:")


def no_requirement(scene: Scene) -> None:
    scene.change(REQUIREMENTS, "name: jupyterhub", "name: dask-gateway")


def chartpress_file_that_is_not_yaml(scene: Scene) -> None:
    scene.change(CHARTPRESS, "charts:\n", "charts: [\n")


def other_changes_in_a_managed_file(scene: Scene) -> None:
    scene.hub.edit(REQUIREMENTS, "version: 3.2.1", "version: 3.3.8")
    scene.hub.edit(REQUIREMENTS, "dependencies:\n", "# Ours.\ndependencies:\n")


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
        "requirement missing",
        "bump",
        no_requirement,
        UNUSABLE,
        "no chart depends on jupyterhub (hub/requirements.yaml)",
        "add jupyterhub to the chart's dependencies, with version and repository",
    ),
    Bug(
        "chartpress.yaml is not YAML",
        "bump",
        chartpress_file_that_is_not_yaml,
        UNUSABLE,
        "not YAML: expected the node content, but found '-' (chartpress.yaml:2)",
        "correct the file there",
    ),
    Bug(
        "a managed file has other changes",
        "commit",
        other_changes_in_a_managed_file,
        REFUSED,
        "the file has uncommitted changes besides the release's (hub/requirements.yaml)",
        "commit them, a hook's too: git commit -- hub/requirements.yaml; "
        "or put them aside: git stash push -- hub/requirements.yaml",
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


def no_clone(scene: Scene) -> None:
    shutil.rmtree(scene.hub.path / ".git")


def something_to_push(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--create", "ours")
    scene.change(VALUES, "256M", "512M")


def push_rejected(scene: Scene) -> None:
    something_to_push(scene)
    hook = scene.hub.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no releases on Fridays'\nexit 1\n")
    hook.chmod(0o755)


CLONE = [
    Bug(
        "merge under way",
        "release --yes",
        merging,
        REFUSED,
        "a merge is under way ({s.hub.path})",
        "git merge --continue, or git merge --abort",
    ),
    Bug(
        "branch without a commit, and a build",
        "build",
        unborn,
        REFUSED,
        "the image hub has files that are not committed (chartpress.yaml, images/hub/Dockerfile, ...)",
        "git add -- chartpress.yaml images/hub/Dockerfile images/hub/requirements.txt && git commit -- chartpress.yaml "
        "images/hub/Dockerfile images/hub/requirements.txt; its tag names the last commit",
    ),
    Bug(
        "not a git repository",
        "bump",
        no_clone,
        UNUSABLE,
        "not a git repository ({s.hub.path})",
        "change into the hub repository, or name it: --repo PATH",
    ),
    Bug(
        "push rejected",
        "commit --push",
        push_rejected,
        UNREACHABLE,
        "the remote rejected the branch ours: pre-receive hook declined (origin)",
        "ask who keeps origin why, then: git push origin ours",
        foreseen=False,
    ),
]


# -- the settings


def settings(text: str) -> Callable[[Scene], None]:
    return lambda scene: scene.hub.write("invoke.yaml", text)


SETTINGS = [
    Bug(
        "unknown setting",
        "bump",
        settings("hub: {platfrom: linux/amd64}\n"),
        UNUSABLE,
        "unknown setting hub.platfrom (invoke.yaml)",
        "did you mean hub.platform?",
    ),
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
    Bug("docker missing", "build", only("git"), PROGRAM, "docker is not installed (PATH)", DOCKER_HINT),
    Bug(
        "gcloud missing",
        "auth",
        image_on_artifact_registry_without_gcloud,
        PROGRAM,
        "gcloud is not installed (PATH)",
        "install the Google Cloud CLI, for Google's registries: https://cloud.google.com/sdk/docs/install",
    ),
]


def docker_that_says(words: str) -> Callable[[Scene], None]:
    """Put a client in docker's place that has no plugin."""

    def breaks(scene: Scene) -> None:
        only("git")(scene)
        client = Path(scene.env["PATH"]) / "docker"
        client.write_text(f"#!/bin/sh\n/bin/cat >&2 <<'END'\n{words}\nEND\nexit 1\n")
        client.chmod(0o755)

    return breaks


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
        "buildx missing",
        "build",
        docker_that_says("docker: unknown command: docker buildx\n\nRun 'docker --help' for more information"),
        PROGRAM,
        "docker has no buildx (docker buildx version)",
        BUILDX_HINT,
    ),
    Bug(
        "no such builder",
        "build --builder nobody",
        nothing,
        PROGRAM,
        'the builder does not answer: ..."nobody"... (nobody)',
        "docker buildx ls",
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


def no_values_path(scene: Scene) -> None:
    scene.change(VALUES, "    image:\n", "    picture:\n")


def shallow(scene: Scene) -> None:
    scene.change(VALUES, "256M", "512M")
    scene.hub.git("push", "--quiet")
    shutil.rmtree(scene.hub.path)
    sh("git", "clone", "--quiet", "--depth=1", scene.hub.remote.as_uri(), scene.hub.path.name, cwd=scene.folder)


def no_such_base(scene: Scene) -> None:
    scene.change(DOCKERFILE, "k8s-hub:3.2.1", "k8s-hub:3.2.9")


IMAGES = [
    Bug(
        "values path missing",
        "build",
        no_values_path,
        UNUSABLE,
        "values path jupyterhub.hub.image is missing (hub/values.yaml)",
        'add "image: {{name: , tag: }}" under jupyterhub.hub, line 4',
    ),
    Bug(
        "shallow clone",
        "build",
        shallow,
        REFUSED,
        "the clone is shallow, so commits cannot be counted ({s.hub.path})",
        "git fetch --unshallow",
    ),
    Bug(
        "base image that does not exist",
        "build",
        no_such_base,
        REFUSED,
        "the base image does not exist ({s.base}:3.2.9)",
        "invoke bump, or fix the FROM",
    ),
    Bug(
        "base image that is not there for the platform",
        "build --platform linux/riscv64",
        nothing,
        REFUSED,
        "the base image is not available for linux/riscv64, only for linux/amd64 ({s.base}:3.2.1)",
        "name another platform: --platform, or hub.platform in invoke.yaml",
    ),
]


# -- registries


def registry_down(scene: Scene) -> None:
    scene.change(CHARTPRESS, scene.prefix, f"{NO_REGISTRY}/hubs")


def registry_that_denies(scene: Scene) -> None:
    scene.change(CHARTPRESS, scene.prefix, f"{scene.request.getfixturevalue('locked_registry').address}/hubs")


def registry_beyond_this_machine(scene: Scene) -> None:
    scene.change(CHARTPRESS, scene.prefix, "registry.invalid/hubs")


def tag_on_another_base(scene: Scene) -> None:
    push_as_ours(scene, f"FROM {scene.base}:4.4.0\n")


def tag_for_another_platform(scene: Scene) -> None:
    push_as_ours(scene, "FROM scratch\nLABEL lab=1\n", "--platform=linux/arm64")


def push_as_ours(scene: Scene, dockerfile: str, *flags: str) -> None:
    """Push an image of another Dockerfile under the tag that the hub's last commit makes."""
    context = scene.folder / "other"
    context.mkdir()
    (context / "Dockerfile").write_text(dockerfile)
    build = ("docker", "buildx", "build", "--quiet", "--push", "--provenance=false", "--tag", scene.image)
    sh(*build, *flags, ".", cwd=context)


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
        "registry that denies",
        "build",
        registry_that_denies,
        UNREACHABLE,
        "the registry denied access: no credentials for it on this machine ({s.registry})",
        "docker login {s.registry}",
    ),
    Bug(
        "the tag is there on another base",
        "build",
        tag_on_another_base,
        REFUSED,
        "the image is not built on {s.base}:3.2.1 ({s.image})",
        "commit a change of the image's files for a new tag, or rebuild this one: invoke build --force",
    ),
    Bug(
        "the tag is there for another platform",
        "build",
        tag_for_another_platform,
        REFUSED,
        "the image is for linux/arm64, not for linux/amd64 ({s.image})",
        "rebuild it for the right platform: invoke build --force",
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
