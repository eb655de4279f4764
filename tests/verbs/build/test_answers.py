"""Builders that do not answer, or are of another kind: said before anything is done, or where it goes wrong."""

import os
import shutil
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tasks.tools.docker import Builder
from tests.support.cli import Result, run_task, sh
from tests.support.hubs import Hub, make_hub

NOBODY = "tcp://127.0.0.1:1"
ARM = "Name: default\nDriver: docker\nNodes:\nName: default\nStatus: running\nPlatforms: linux/arm64, linux/amd64\n"
BUILD_NATIVELY = (
    "hint: build on a machine of that platform: --builder NAME; or install what emulates it: "
    "docker run --privileged --rm tonistiigi/binfmt --install all"
)


@pytest.fixture
def hub(tmp_path: Path, registry: Registry, mirror: str) -> Hub:
    hub = make_hub(tmp_path / "hub", registry=f"{registry.address}/{tmp_path.name.lower()}", base=mirror)
    hub.write("images/hub/Dockerfile", f"FROM {mirror}:3.2.1\nUSER root\nRUN --network=none true\n")
    hub.commit("Change the image")
    return hub


def last_lines(done: Result) -> list[str]:
    return done.err.splitlines()[-2:]


# -- that do not answer


@pytest.mark.engine
def test_an_engine_somewhere_else_that_is_down(hub: Hub) -> None:
    sh("docker", "context", "create", "far", "--docker", f"host={NOBODY}", cwd=hub.path)
    for flags in ((), ("--dry",)):
        refused = run_task(*flags, "build", "--builder", "far", cwd=hub.path)
        assert refused.code == 3, refused
        assert refused.err == (
            f"error: the builder does not answer: Cannot connect to the Docker daemon at {NOBODY}. "
            "Is the docker daemon running? (far)\n"
            "hint: docker --context far info\n"
        )


# -- that emulate


@pytest.mark.engine
def test_a_program_that_dies_in_qemu_is_said_to(hub: Hub, mirror: str) -> None:
    words = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped"
    run = f"RUN --network=none echo '{words}' >&2; exit 139"
    hub.write("images/hub/Dockerfile", f"FROM {mirror}:3.2.1\nUSER root\n{run}\n")
    hub.commit("Die as under QEMU")
    failed = run_task("build", cwd=hub.path)
    assert failed.code == 3, failed
    assert last_lines(failed)[0].endswith("exit code: 139")
    assert last_lines(failed)[1] == BUILD_NATIVELY


@pytest.mark.engine
def test_a_current_builder_of_another_kind_is_told_the_platform(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``docker context use`` or ``docker buildx use`` may have chosen one; a STAND-IN for docker says what it is."""
    (tmp_path / "path").mkdir()
    docker = tmp_path / "path" / "docker"
    docker.write_text(
        f"#!/bin/sh\n[ \"$*\" = 'buildx inspect' ] || exec {shutil.which('docker')} \"$@\"\nprintf '{ARM}'\n"
    )
    docker.chmod(0o755)
    native = run_task("--dry", "build", cwd=hub.path)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    told = run_task("--dry", "build", cwd=hub.path)
    assert "\n          native on this PC, x86_64\n" in native.out
    assert '"platforms"' not in native.out
    assert "\n          for linux/amd64, emulated by Docker's current builder\n" in told.out
    assert '"platforms": [' in told.out


# -- what they say of themselves


def test_what_a_builder_runs() -> None:
    told = """\
Name:          mixed
Driver:        kubernetes
Nodes:
Name:      mixed0
Status:    running
Platforms: linux/arm64/v8, linux/amd64*
Name:      mixed1
Status:    running
Platforms: linux/amd64, linux/386
"""
    builder = Builder.read("mixed", told)
    assert builder == Builder("mixed", "kubernetes", (("linux/arm64", "linux/amd64"), ("linux/amd64", "linux/386")))
    assert [builder.is_native(one) for one in ("linux/amd64", "linux/arm64", "linux/386")] == [True, True, False]
    assert [builder.can_run(one) for one in ("linux/386", "linux/s390x")] == [True, False]
    assert builder.runs
