"""Helm repositories and files that a release cannot be made from."""

from collections.abc import Callable

from tests.support.scene import CHARTPRESS, DOCKERFILE, REFUSED, REQUIREMENTS, UNREACHABLE, UNUSABLE, Bug, Scene

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
        "write FROM quay.io/jupyterhub/k8s-hub:VERSION, the version being the one in hub/requirements.yaml",
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
        "commit them first, a hook's too: git commit -- hub/requirements.yaml; "
        "or put them aside: git stash push -- hub/requirements.yaml",
    ),
]
