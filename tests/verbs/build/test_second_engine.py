"""Builds on an engine somewhere else: people name it, and need not know how Docker reaches it."""

from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tasks.tools.docker import Builder
from tests.support.cli import run_task, succeed
from tests.support.engine import Engine, make_context
from tests.support.hubs import Hub, make_hub

pytestmark = pytest.mark.engine

FROM = "FROM {mirror}:3.2.1\nUSER root\n"


@pytest.fixture
def hub(tmp_path: Path, registry: Registry, mirror: str) -> Hub:
    hub = make_hub(tmp_path / "hub", registry=f"{registry.address}/{tmp_path.name.lower()}", base=mirror)
    write_dockerfile(hub, mirror, "RUN --network=none echo made > /srv/made")
    return hub


def write_dockerfile(hub: Hub, mirror: str, *lines: str) -> None:
    hub.write("images/hub/Dockerfile", FROM.format(mirror=mirror) + "".join(f"{line}\n" for line in lines))
    hub.commit("Change the image")


def test_a_docker_context_is_a_builder_like_any_other(hub: Hub, engine: Engine) -> None:
    make_context("cluster", engine)
    shown = succeed("--dry", "build", "--builder", "cluster", cwd=hub.path)
    assert "for linux/amd64, native on the builder cluster\n" in shown.out
    assert '(cd "$context" && docker --context cluster buildx bake --file - --metadata-file metadata.json' in shown.out

    built = run_task("build", "--json", cwd=hub.path, env={"INVOKE_HUB_BUILDER": "cluster"})

    assert built.code == 0, built
    (image,) = built.json["images"]
    assert image["status"] == "built"
    assert image["platforms"] == ["linux/amd64"]
    assert f"{image['repository']}:{image['tag']}" in engine.docker(
        "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"
    )


@pytest.mark.parametrize(
    ("builder", "line", "env"),
    [
        pytest.param(Builder(), "docker buildx", {}, id="current"),
        pytest.param(Builder(None, "docker"), "docker buildx", {}, id="current-engine"),
        pytest.param(Builder("far", "docker"), "docker --context far buildx", {"DOCKER_CONTEXT": "far"}, id="context"),
        pytest.param(Builder("far", "kubernetes"), "docker buildx --builder far", {"BUILDX_BUILDER": "far"}, id="pods"),
        pytest.param(Builder("far", "remote"), "docker buildx --builder far", {"BUILDX_BUILDER": "far"}, id="remote"),
    ],
)
def test_each_driver_is_reached_its_own_way(builder: Builder, line: str, env: dict[str, str]) -> None:
    assert " ".join((*builder.buildx, *builder.flags)) == line
    assert builder.env == env
