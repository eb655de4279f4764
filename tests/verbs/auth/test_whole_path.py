"""From nobody signed in to an image that is pushed: the real gcloud, its real credential helper, a real registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.logins import docker_config, use_helper, write_program

from ...support.cli import Result, run_task, sh
from ...support.hubs import Hub, make_repository
from ...support.registry import private_registry
from .google import ACCOUNT, HELPER, HOST, REAUTH, TOKEN, USER, TokenServer, key_file, token_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ...support.helm import HelmServer

pytestmark = [pytest.mark.engine, pytest.mark.gcloud]

VALUES = "hub/values.yaml"
CHARTPRESS = """\
charts:
- name: hub
  images:
    hub:
      imageName: {address}/core/hub
      valuesPath: jupyterhub.hub.image
    published:
      imageName: {google}/cal-icor-hubs/core/hub
      contextPath: images/hub
      dockerfilePath: images/hub/Dockerfile
      valuesPath: published
"""


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with token_server() as served:
        yield served


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Registry]:
    """A registry that lets in whoever has gcloud's token."""
    with private_registry(tmp_path / "private", {USER: TOKEN}) as served:
        yield served


@pytest.fixture
def hub(tmp_path: Path, private: Registry, mirror: str, helm_repository: HelmServer) -> Hub:
    """A hub with one image for a registry on this machine, and one for Google's."""
    return make_repository(
        tmp_path / "hub",
        {
            "chartpress.yaml": CHARTPRESS.format(address=private.address, google=HOST),
            "hub/Chart.yaml": "apiVersion: v2\nname: hub\nversion: 0.0.1\n"
            f"dependencies:\n- {{name: jupyterhub, version: 3.2.1, repository: '{helm_repository.url}'}}\n",
            VALUES: "jupyterhub:\n  hub:\n    image:\n      name:\n      tag:\npublished:\n  name:\n  tag:\n",
            "images/hub/Dockerfile": f"FROM {mirror}:3.2.1\nRUN pip install jupyterhub-nativeauthenticator\n",
        },
    )


def build(hub: Hub) -> Result:
    return run_task("build", "--image", "hub", "--json", cwd=hub.path)


def refused(hub: Hub) -> tuple[str, str]:
    """Demand that a build is denied before anything is built; return the error and the hint."""
    before = hub.snapshot()
    result = build(hub)
    assert (result.code, result.out) == (4, ""), result
    assert "load build definition" not in result.err
    assert hub.snapshot() == before
    error, hint = result.err.splitlines()[-2:]
    return error, hint


def pushed(hub: Hub) -> None:
    """Demand that a build ends well, and that the registry has what the values name."""
    result = build(hub)
    assert result.code == 0, result
    assert TOKEN not in result.out + result.err
    (image,) = result.json["images"]
    name = f"{image['repository']}:{image['tag']}"
    seen = sh("docker", "buildx", "imagetools", "inspect", name, "--format={{json .Manifest}}", cwd=hub.path)
    assert json.loads(seen)["digest"] == image["digest"]
    assert f"      name: {image['repository']}\n      tag: {image['tag']}\n" in hub.read(VALUES)


def test_a_push_is_refused_before_auth_and_works_after_it(
    hub: Hub, private: Registry, tokens: TokenServer, programs: Path, tmp_path: Path
) -> None:
    write_program(programs, "docker-credential-loopback", HELPER)
    use_helper(private.address, "loopback")
    error, hint = refused(hub)
    assert error.startswith("error: Docker's credential helper gives no answer: ")
    assert hint == "hint: invoke auth"

    key = key_file(tmp_path, tokens.address)
    assert run_task("auth", "--key-file", str(key), cwd=hub.path).code == 0
    assert docker_config()["credHelpers"] == {private.address: "loopback", HOST: "gcloud"}
    assert sh("gcloud", "config", "get-value", "account", cwd=tmp_path) == ACCOUNT
    pushed(hub)


def test_an_account_that_google_wants_to_see_again_is_told_to_sign_in(
    hub: Hub, tokens: TokenServer, programs: Path, private: Registry, tmp_path: Path
) -> None:
    key = key_file(tmp_path, tokens.address)
    assert run_task("auth", "--key-file", str(key), cwd=hub.path).code == 0
    tokens.refusal = REAUTH
    write_program(programs, "docker-credential-loopback", HELPER)
    use_helper(private.address, "loopback")
    error, hint = refused(hub)
    assert error.startswith("error: Docker's credential helper gives no answer: ")
    assert hint == "hint: invoke auth"

    result = run_task("auth", cwd=hub.path)
    error, hint = result.err.splitlines()
    assert result.code == 4
    assert error.startswith(f"error: Docker's helper gcloud gives no credentials for {ACCOUNT} any more")
    assert hint == "hint: on a terminal: gcloud auth login; in CI: invoke auth --key-file PATH"
