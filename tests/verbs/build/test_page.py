"""docs/builders.md: each command of the page that is not ours is one that its program takes."""

import re
import shlex
from pathlib import Path

import pytest

from tests.support.cli import run, sh
from tests.support.machine import PROJECT

from .clusters import KUBECONFIG

PAGE = (PROJECT / "docs" / "builders.md").read_text(encoding="utf-8")


def commands(beginning: str) -> list[list[str]]:
    """Return the page's commands that begin so, as words."""
    text = "\n".join(re.findall(r"```console[^\n]*\n(.+?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
    typed = (line.removeprefix("$ ").partition(" # ")[0] for line in text.splitlines())
    return [shlex.split(line) for line in typed if line.startswith(beginning)]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What kubectl and buildx read of a cluster; it does not answer."""
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))


@pytest.mark.engine
@pytest.mark.usefixtures("cluster")
def test_the_builder_in_a_gke_cluster_is_made_as_the_page_says(tmp_path: Path) -> None:
    (create,) = commands("docker buildx create")
    assert sh(*create, cwd=tmp_path) == "cluster"
    told = sh("docker", "buildx", "inspect", "cluster", cwd=tmp_path)
    assert "kubernetes" in told
    for option in ('namespace="buildkit"', 'nodeselector="kubernetes.io/arch=amd64"', 'requests.memory="4Gi"'):
        assert option in told
    (start,) = commands("docker buildx inspect")
    started = run(*start, cwd=tmp_path)
    assert (started.code, "connection refused" in started.err) == (1, True), started
    (remove,) = commands("docker buildx rm")
    assert 'no builder "cluster" found' not in run(*remove, cwd=tmp_path).err


@pytest.mark.engine
def test_the_context_of_another_engine_is_made_as_the_page_says(tmp_path: Path) -> None:
    (create,) = commands("docker context create")
    sh(*create, cwd=tmp_path)
    host = sh("docker", "context", "inspect", "cluster", "--format", "{{.Endpoints.docker.Host}}", cwd=tmp_path)
    assert host == "ssh://you@build.example.edu"


@pytest.mark.gcloud
def test_gcloud_takes_the_pages_command(tmp_path: Path) -> None:
    """It gets as far as asking for the cluster."""
    (credentials,) = commands("gcloud")
    env = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": "http://127.0.0.1:1/", "CLOUDSDK_CORE_PROJECT": "cal-icor-hubs"}
    asked = run(*credentials, cwd=tmp_path, env=env)
    assert asked.code == 1, asked
    assert "unrecognized arguments" not in asked.err
