"""Where the chart, its requirement and the hub image stand in the field's repositories: found without settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_repository

OLD, NEW = "3.2.1", "3.3.8"
V2 = "apiVersion: v2\nname: hub\nversion: 0.0.1\n"
V2_HUB = f"{V2}dependencies: [{{name: jupyterhub, version: 3.2.1, repository: URL}}]\n"
V1 = "apiVersion: v1\nname: hub\nversion: 0.0.1\n"
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


def requirement(text: str, moved: tuple[str, str], *, title: str, file: str = "requirements.yaml") -> Layout:
    """Return a plain repository with ``text`` in the chart's requirement file."""
    charts = {"hub/Chart.yaml": V1, f"hub/{file}": text}
    base = {"chartpress.yaml": CHARTPRESS, "hub/values.yaml": VALUES, "images/hub/Dockerfile": DOCKERFILE}
    return Layout(title, {**base, **charts}, {f"hub/{file}": moved, "images/hub/Dockerfile": (OLD, NEW)})


def chart_yaml(text: str, moved: tuple[str, str], *, title: str) -> Layout:
    return requirement(V2 + text, moved, title=title, file="Chart.yaml")


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
    requirement(
        "dependencies:\n- name: jupyterhub\n  version: 3.2.1\n  repository: URL/\n",
        EXACTLY,
        title="requirements.yaml, list at column 0",
    ),
    requirement(
        'dependencies:\n  - name: "jupyterhub"\n    version: "3.2.1"\n    repository: "URL"\n',
        ('version: "3.2.1"', 'version: "3.3.8"'),
        title="double quotes, address without a slash",
    ),
    requirement(
        "dependencies:\n  - repository: 'URL/'\n    version: '3.2.1' # z2jh\n    name: 'jupyterhub'",
        ("version: '3.2.1' # z2jh", "version: '3.3.8' # z2jh"),
        title="single quotes, name last, comment, no newline at the end",
    ),
    requirement(
        "dependencies:\r\n  - name: jupyterhub\r\n    version: 3.2.1\r\n    repository: URL\r\n",
        EXACTLY,
        title="CRLF",
    ),
    requirement(
        "dependencies:\n"
        "# - name: jupyterhub\n#   version: 3.2.0\n"
        "- name: jupyterhub-ssh\n  version: 3.2.1-0.dev.git.1.habc\n  repository: https://x.invalid/\n"
        "- name: jupyterhub\n  version: 3.2.1 # move images/hub too\n  repository: URL\n"
        "- name: jupyterhub-home-nfs\n  version: 3.2.1-rc1\n  repository: oci://ghcr.io/2i2c-org\n",
        ("version: 3.2.1 # move", "version: 3.3.8 # move"),
        title="among siblings of the same prefix, an old one in a comment above",
    ),
    chart_yaml(
        "dependencies:\n  - name: jupyterhub\n    version: 3.2.1\n    repository: URL\n",
        EXACTLY,
        title="Chart.yaml v2, plain",
    ),
    chart_yaml(
        'dependencies:\n- name: jupyterhub\n  version: "3.2.1"\n  repository: "URL/"\n  import-values: [a]\n',
        ('version: "3.2.1"', 'version: "3.3.8"'),
        title="Chart.yaml v2, quoted",
    ),
    Layout(
        "Chart.yaml v2 beside the requirements.yaml that Helm still prefers",
        {
            "chartpress.yaml": CHARTPRESS,
            "hub/Chart.yaml": f"{V2}dependencies: [{{name: jupyterhub, version: 3.2.0, repository: URL}}]\n",
            "hub/requirements.yaml": "dependencies: [{name: jupyterhub, version: 3.2.1, repository: URL}]\n",
            "hub/values.yaml": VALUES,
            "images/hub/Dockerfile": DOCKERFILE,
        },
        {"hub/requirements.yaml": EXACTLY, "images/hub/Dockerfile": (OLD, NEW)},
    ),
    below("helm-charts", "chartpress.yaml in a folder below"),
    below("ops/clusters/helm", "chartpress.yaml three folders below"),
    below("helm-charts", "run from a folder beside it", cwd="helm-charts/images"),
    Layout(
        "a chart that is not there yet beside the one that counts",
        {
            "chartpress.yaml": "charts: [{name: later}, {name: hub, images: {hub: }}]\n",
            "hub/Chart.yaml": V2_HUB,
            "images/hub/Dockerfile": DOCKERFILE,
        },
        {"hub/Chart.yaml": EXACTLY, "images/hub/Dockerfile": (OLD, NEW)},
    ),
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
    Layout(
        "two images of one Dockerfile, a third with its own",
        {
            "chartpress.yaml": "charts:\n- name: hub\n  images:\n"
            "    hub:\n    beta: {contextPath: images/hub}\n    slim:\n",
            "hub/Chart.yaml": V2_HUB,
            "images/hub/Dockerfile": DOCKERFILE,
            "images/slim/Dockerfile": "from jupyterhub/k8s-hub-slim:3.2.1 as hub\n",
        },
        {
            "hub/Chart.yaml": EXACTLY,
            "images/hub/Dockerfile": (OLD, NEW),
            "images/slim/Dockerfile": ("k8s-hub-slim:3.2.1", "k8s-hub-slim:3.3.8"),
        },
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
