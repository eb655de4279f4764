"""Where the chart, its requirement and the hub image stand in the field's repositories: found without settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import INVOKE, run
from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_repository
from tests.support.steps import committed_files

OLD, NEW = "3.2.1", "3.3.8"
V2 = "apiVersion: v2\nname: hub\nversion: 0.0.1\n"
V2_HUB = f"{V2}dependencies: [{{name: jupyterhub, version: 3.2.1, repository: URL}}]\n"
DOCKERFILE = "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n"
VALUES = "jupyterhub: {hub: {image: {name: , tag: }}}\n"
CHARTPRESS = "charts:\n- name: hub\n  images:\n    hub: {valuesPath: jupyterhub.hub.image}\n"


@dataclass(frozen=True)
class Layout:
    """A repository's files, and what a bump moves in them."""

    title: str
    files: Mapping[str, str]
    moves: Mapping[str, tuple[str, str]]
    cwd: str = "."

    def make(self, path: Path, charts: HelmServer) -> Hub:
        address = charts.url.rstrip("/")
        return make_repository(path, {name: text.replace("URL", address) for name, text in self.files.items()})


def below(folder: str, title: str, *, cwd: str = ".") -> Layout:
    """Return a repository that has all of its hub in a folder, and other things beside it."""
    inner = {
        "chartpress.yaml": CHARTPRESS,
        "hub/Chart.yaml": f"{V2}dependencies:\n- {{name: jupyterhub, version: 3.2.1, repository: URL}}\n",
        "hub/values.yaml": VALUES,
        "images/hub/Dockerfile": DOCKERFILE,
    }
    files = {f"{folder}/{name}": text for name, text in inner.items()}
    moves = {f"{folder}/{name}": (OLD, NEW) for name in ("hub/Chart.yaml", "images/hub/Dockerfile")}
    return Layout(title, {"README.md": f"z2jh {OLD}\n", **files}, moves, cwd)


EXACTLY = ("version: 3.2.1", "version: 3.3.8")
LAYOUTS = [
    below("ops/clusters/helm", "chartpress.yaml three folders below"),
    below("helm-charts", "run from a folder beside it", cwd="helm-charts/images"),
    Layout(
        "contexts and Dockerfiles above the folder of chartpress.yaml",
        {
            "helm/chartpress.yaml": "charts:\n- name: hub\n  images:\n"
            "    hub: {contextPath: ../docker, dockerfilePath: ../docker/hub.dockerfile}\n",
            "helm/hub/Chart.yaml": V2_HUB,
            "docker/hub.dockerfile": DOCKERFILE,
        },
        {"helm/hub/Chart.yaml": EXACTLY, "docker/hub.dockerfile": (OLD, NEW)},
    ),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.title)
def test_a_bump_moves_requirement_and_base_and_not_one_other_byte(
    layout: Layout, hubpress: Hubpress, helm_repository: HelmServer, tmp_path: Path
) -> None:
    hub = layout.make(tmp_path / "hub", helm_repository)
    expected = hub.snapshot()
    for name, (old, new) in layout.moves.items():
        assert expected[name].count(old.encode()) == 1, name
        expected[name] = expected[name].replace(old.encode(), new.encode())
    done = hubpress(hub.path / layout.cwd, "bump")
    assert done.code == 0, done
    assert hub.snapshot() == expected
    again = hubpress(hub.path / layout.cwd, "bump")
    assert again.code == 0, again
    assert hub.snapshot() == expected


# -- a hub of very many images


NAMES = [f"hub{number}" for number in range(60)]


def test_more_images_than_files_may_be_open_are_moved(tmp_path: Path, helm_repository: HelmServer) -> None:
    chart = f"dependencies:\n- {{name: jupyterhub, version: 3.2.1, repository: '{helm_repository.url}'}}\n"
    images = "".join(f"    {name}: {{valuesPath: {name}.image}}\n" for name in NAMES)
    hub = make_repository(
        tmp_path / "hub",
        {
            "chartpress.yaml": f"charts:\n- name: hub\n  imagePrefix: 127.0.0.1:1/\n  images:\n{images}",
            "hub/Chart.yaml": f"apiVersion: v2\nname: hub\nversion: 0.0.1\n{chart}",
            "hub/values.yaml": "".join(f"{name}: {{image: {{name: , tag: }}}}\n" for name in NAMES),
            **{f"images/{name}/Dockerfile": "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n" for name in NAMES},
        },
    )
    tasks = "bump check --offline commit"
    done = run("sh", "-c", 'ulimit -n 100; exec "$@"', "sh", *INVOKE, *tasks.split(), cwd=hub.path)
    assert done.code == 0, done
    assert len(committed_files(hub).splitlines()) == len(NAMES) + 1
