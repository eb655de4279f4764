"""Builders of every kind and place: how they are reached, what they say, and the cache that they share."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.image.engines import cache_fields
from tasks.tools.docker import Builder
from tests.support.calls import opened
from tests.support.cli import run_task, sh, succeed
from tests.support.engine import Engine, make_context, missing_for_second_engine, second_engine
from tests.support.hubs import Hub, make_hub
from tests.support.machine import demand
from tests.support.processes import write_program
from tests.support.scene import REFUSED, Place
from tests.support.world import demand_fault, fault

# -- on an engine somewhere else: people name it, and need not know how Docker reaches it


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    demand(missing_for_second_engine())
    # A socket's path may have 107 characters; pytest's own folders are longer than that.
    with tempfile.TemporaryDirectory(prefix="hubpress-") as folder, second_engine(Path(folder)) as running:
        yield running


def write_dockerfile(hub: Hub, mirror: str, *lines: str) -> None:
    text = "".join(f"{line}\n" for line in (f"FROM {mirror}:3.2.1", "USER root", *lines))
    hub.put("images/hub/Dockerfile", text)


@pytest.mark.engine
def test_a_docker_context_is_a_builder_like_any_other(hub: Hub, mirror: str, engine: Engine) -> None:
    write_dockerfile(hub, mirror, "RUN --network=none echo made > /srv/made")
    make_context("cluster", engine)
    shown = succeed("--dry", "build", "--builder", "cluster", cwd=hub.path)
    assert "for linux/amd64, native on the builder cluster\n" in shown.out
    assert '(cd "$context" && docker --context cluster buildx bake --file - --metadata-file metadata.json' in shown.out

    built = succeed("build", "--json", cwd=hub.path, env={"INVOKE_HUB_BUILDER": "cluster"})
    (image,) = built.json["images"]
    assert (image["status"], image["platforms"]) == ("built", ["linux/amd64"])
    assert f"{image['repository']}:{image['tag']}" in engine.docker(
        "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"
    )


@pytest.mark.engine
def test_a_builder_that_is_no_engine_is_named_to_buildx(hub: Hub) -> None:
    # It is listed, in the test's own Docker folder, and never started.
    sh("docker", "buildx", "create", "--name", "idle", "--driver", "docker-container", cwd=hub.path)
    shown = succeed("--dry", "build", "--builder", "idle", cwd=hub.path)
    assert "&& docker buildx bake --file - --metadata-file metadata.json --builder idle <<" in shown.out


NOBODY = "tcp://127.0.0.1:1"
ARM = "Name: default\nDriver: docker\nNodes:\nName: default\nStatus: running\nPlatforms: linux/arm64, linux/amd64\n"
BUILD_NATIVELY = (
    "build on a machine of that platform: --builder NAME; or install what emulates it: "
    "docker run --privileged --rm tonistiigi/binfmt --install all"
)


@pytest.mark.engine
def test_an_engine_somewhere_else_that_is_down(hub: Hub) -> None:
    sh("docker", "context", "create", "far", "--docker", f"host={NOBODY}", cwd=hub.path)
    for flags in ((), ("--dry",)):
        refused = run_task(*flags, "build", "--builder", "far", cwd=hub.path)
        what = f"the builder does not answer: Cannot connect to the Docker daemon at {NOBODY}. "
        demand_fault(refused, 3, f"{what}Is the docker daemon running? (far)", "docker --context far info")


@pytest.mark.engine
def test_a_program_that_dies_in_qemu_is_said_to(hub: Hub, mirror: str) -> None:
    words = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped"
    write_dockerfile(hub, mirror, f"RUN --network=none echo '{words}' >&2; exit 139")
    failed = run_task("build", cwd=hub.path)
    error, hint = fault(failed)
    assert (failed.code, error[-14:], hint) == (3, "exit code: 139", BUILD_NATIVELY)


@pytest.mark.engine
def test_a_current_builder_of_another_kind_is_told_the_platform(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``docker context use`` or ``docker buildx use`` may have chosen one; a STAND-IN for docker says what it is."""
    script = f"[ \"$*\" = 'buildx inspect' ] || exec {shutil.which('docker')} \"$@\"\nprintf '{ARM}'"
    docker = write_program(tmp_path / "path", "docker", script)
    native = run_task("--dry", "build", cwd=hub.path)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    told = run_task("--dry", "build", cwd=hub.path)
    assert "\n          native on this PC, x86_64\n" in native.out
    assert '"platforms"' not in native.out
    assert "\n          for linux/amd64, emulated by Docker's current builder\n" in told.out
    assert '"platforms": [' in told.out


# -- the build cache that colleagues share: what one has built, another need not build again


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
    here = opened(hub, cache=mode)
    assert cache_fields(here, here.images[0], builder, push=True) == fields


@pytest.mark.engine
def test_what_the_user_has_set_for_docker_changes_no_build(hub: Hub, mirror: str) -> None:
    write_dockerfile(hub, mirror)
    succeed("build", cwd=hub.path, env={"BUILDKIT_PROGRESS": "tty", "DOCKER_DEFAULT_PLATFORM": "linux/s390x"})


@pytest.mark.engine
def test_a_colleague_does_not_build_again_what_the_last_image_has(hub: Hub, mirror: str, engine: Engine) -> None:
    """The second engine is the colleague's: it has never built anything."""
    cache(hub, mirror, "on")
    succeed("build", cwd=hub.path)
    hub.put("images/hub/requirements.txt", "changed\n")
    engine.forget_everything()

    built = run_task("--debug", "build", cwd=hub.path, env={"DOCKER_HOST": engine.host})

    assert built.code == 0, built
    assert "RUN --network=none date +%N > /srv/made\n#" in built.err
    # So BuildKit's plain progress says that a step was taken from a cache.
    numbers = {line.split()[0] for line in built.err.splitlines() if "RUN --network=none date" in line}
    assert {f"{number} CACHED" for number in numbers} & {*built.err.splitlines()}, built.err


@pytest.mark.engine
def test_a_cache_that_fails_does_not_fail_the_build(hub: Hub, mirror: str) -> None:
    """The values name an image that the registry has lost; and Docker's own driver cannot write the registry kind."""
    cache(hub, mirror, "registry")
    name = run_task("--dry", "build", "--json", cwd=hub.path).json["images"][0]["repository"]
    hub.change("hub/values.yaml", "name:\n      tag:\n", f"name: {name}\n      tag: lost\n")

    built = succeed("build", cwd=hub.path)
    assert "building once more without the shared cache" in built.err


def cache(hub: Hub, mirror: str, mode: str) -> None:
    hub.write("invoke.yaml", f"hub: {{cache: {mode}}}\n")
    write_dockerfile(hub, mirror, "RUN --network=none date +%N > /srv/made", "COPY requirements.txt /srv/")


@pytest.mark.engine
def test_a_tag_that_is_moved_between_push_and_proof_is_not_written(place: Place) -> None:
    def push(_: object) -> None:
        place.behind.push(place.tag, "linux/amd64", "ab")

    # The connection is closed without an answer: whoever asks once more sees what was pushed.
    place.front.answer(f"GET {place.manifest}", push, times=1, after=f"PUT {place.manifest}")
    files = place.hub.snapshot()
    done = run_task("build", cwd=place.hub.path)
    assert (done.code, place.hub.snapshot()) == (REFUSED, files), done
    assert fault(done)[0].startswith("the tag was moved after the push: it names sha256:"), done
    # A tag that exists is never overwritten without --force.
    assert run_task("build", cwd=place.hub.path).code == REFUSED
    assert place.hub.snapshot() == files
    succeed("build", "--force", cwd=place.hub.path)
