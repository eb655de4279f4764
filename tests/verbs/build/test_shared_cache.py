"""The build cache that colleagues share: what one has built, another need not build again."""

import json
from pathlib import Path

import pytest

from tasks.core.settings import Settings
from tasks.image.engines import cache_fields
from tasks.rehearsal.registry import Registry
from tasks.repo.hub import open_hub
from tasks.tools.docker import Builder
from tasks.tools.git import Git
from tests.support.cli import run_task, succeed
from tests.support.engine import Engine
from tests.support.hubs import Hub, make_hub

NAME = "127.0.0.1:1/core/hub"
DOCKER, PODS = Builder(None, "docker"), Builder("pods", "kubernetes")
FROM_PINNED = [f"type=registry,ref={NAME}:0.0.1"]
FROM_KEPT = [f"type=registry,ref={NAME}:buildcache"]
TO_KEPT = [f"type=registry,ref={NAME}:buildcache,mode=max,ignore-error=true"]


@pytest.mark.parametrize(
    ("mode", "builder", "fields"),
    [
        pytest.param("off", DOCKER, {}, id="off"),
        pytest.param("on", DOCKER, {"cache-from": FROM_PINNED, "cache-to": ["type=inline"]}, id="on-engine"),
        pytest.param("on", PODS, {"cache-from": FROM_KEPT, "cache-to": TO_KEPT}, id="on-elsewhere"),
        pytest.param("inline", PODS, {"cache-from": FROM_PINNED, "cache-to": ["type=inline"]}, id="inline"),
        pytest.param("registry", DOCKER, {"cache-from": FROM_KEPT, "cache-to": TO_KEPT}, id="registry"),
    ],
)
def test_the_cache_is_the_one_that_the_builder_can(
    tmp_path: Path, mode: str, builder: Builder, fields: dict[str, list[str]]
) -> None:
    hub = make_hub(tmp_path / "hub", registry="127.0.0.1:1")
    hub.edit("hub/values.yaml", "name:\n      tag:\n", f"name: {NAME}\n      tag: 0.0.1\n")
    opened = open_hub(Settings(cache=mode), Git.around(hub.path))

    assert cache_fields(opened, opened.images[0], builder, push=True) == fields


@pytest.mark.engine
def test_a_colleague_does_not_build_again_what_the_last_image_has(
    tmp_path: Path, registry: Registry, mirror: str, engine: Engine
) -> None:
    """The second engine is the colleague's: it has never built anything."""
    hub = _hub_with_cache(tmp_path, registry, mirror, "on")
    succeed("build", cwd=hub.path)
    hub.write("images/hub/requirements.txt", "changed\n")
    hub.commit("Change one line")
    engine.forget_everything()

    built = run_task("--debug", "build", cwd=hub.path, env={"DOCKER_HOST": engine.host})

    assert built.code == 0, built
    assert "RUN --network=none date +%N > /srv/made\n#" in built.err
    assert _was_cached(built.err, "RUN --network=none date"), built.err


@pytest.mark.engine
def test_a_cache_that_fails_does_not_fail_the_build(tmp_path: Path, registry: Registry, mirror: str) -> None:
    """The values name an image that the registry has lost; and Docker's own driver cannot write the registry kind."""
    hub = _hub_with_cache(tmp_path, registry, mirror, "registry")
    name = json.loads(run_task("--dry", "build", "--json", cwd=hub.path).out)["images"][0]["repository"]
    hub.edit("hub/values.yaml", "name:\n      tag:\n", f"name: {name}\n      tag: lost\n")
    hub.commit("Name a lost image")

    built = run_task("build", cwd=hub.path)

    assert built.code == 0, built
    assert "building once more without the shared cache" in built.err


def _hub_with_cache(tmp_path: Path, registry: Registry, mirror: str, mode: str) -> Hub:
    hub = make_hub(tmp_path / "hub", registry=f"{registry.address}/{tmp_path.name.lower()}", base=mirror)
    hub.write("invoke.yaml", f"hub: {{cache: {mode}}}\n")
    steps = "RUN --network=none date +%N > /srv/made\nCOPY requirements.txt /srv/\n"
    hub.write("images/hub/Dockerfile", f"FROM {mirror}:3.2.1\nUSER root\n{steps}")
    hub.commit("Share the build cache")
    return hub


def _was_cached(progress: str, step: str) -> bool:
    """Whether BuildKit's plain progress says of ``step`` that it was taken from a cache."""
    numbers = {line.split()[0] for line in progress.splitlines() if step in line and line.startswith("#")}
    return any(line in {f"{number} CACHED" for number in numbers} for line in progress.splitlines())
