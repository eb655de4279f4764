"""No secret is ever printed: they are planted wherever a task may come across one, and looked for in all it says."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.core.visible import mask
from tests.support.cli import run_on_screen, run_task, sh
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT

if TYPE_CHECKING:
    from tests.support.helm import HelmServer

IN_REMOTE, IN_CHARTS, IN_DOCKER = "ghp-tulip-remote-4711", "tulip-charts-4712", "tulip-docker-4713"
IN_SHELL = {
    "GITHUB_TOKEN": "ghp-tulip-shell-4714",
    "CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.tulip-shell-4715",
    "DOCKER_PASSWORD": "tulip-shell-4716",
    "HUB_API_KEY": "tulip-shell-4717",
    "AWS_SECRET_ACCESS_KEY": "tulip/shell+4718",
}
SECRETS = (IN_REMOTE, IN_CHARTS, IN_DOCKER, *IN_SHELL.values())
COMMANDS = {
    "commit --push, to a remote that does not answer": ("commit", "--push"),
    "commit": ("commit",),
    "commit, dry": ("--dry", "commit"),
    "bump": ("bump",),
    "bump --json": ("bump", "--json"),
    "bump, dry": ("--dry", "bump"),
    "bump, to what is not there": ("bump", "--to", "9.9.9"),
    "build, whose registry does not answer": ("build",),
    "release, dry": ("--dry", "release", "--push"),
    "auth": ("auth", "--json"),
    "status": ("status", "--json"),
    "check": ("check",),
    "doctor": ("doctor",),
}


@pytest.fixture
def hub(tmp_path: Path, helm_repository: HelmServer) -> Hub:
    """A hub with a secret in its remote's address, in its Helm repository's and in Docker's configuration."""
    charts = helm_repository.url.replace("://", f"://robin:{IN_CHARTS}@")
    hub = make_hub(tmp_path / "hub", chart_repository=charts)
    hub.git("remote", "set-url", "origin", f"http://robin:{IN_REMOTE}@127.0.0.1:1/hub.git")
    packed = base64.b64encode(f"robin:{IN_DOCKER}".encode()).decode()
    config = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "auths": {"127.0.0.1:1": {"auth": packed}}}))
    return hub


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["", "debug"])
def test_no_secret_is_printed(hub: Hub, arguments: tuple[str, ...], debug: tuple[str, ...]) -> None:
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:3.2.0")
    done = run_task(*debug, *arguments, cwd=hub.path, env=IN_SHELL)
    said = done.out + done.err
    assert said
    assert [secret for secret in SECRETS if secret in said] == []


def test_what_a_program_draws_on_a_terminal_is_masked() -> None:
    watched = "import sys\nfrom tasks.tools.process import Command, watch\nwatch(Command(tuple(sys.argv[1:])))"
    argv = (sys.executable, "-c", watched, "printf", "a token: %s\n%s", *list(IN_SHELL.values())[:2])
    assert run_on_screen(*argv, cwd=PROJECT, env=IN_SHELL).out == "a token: ***\n***"


@pytest.mark.parametrize(
    "address", ["gopher://robin:{}@charts.test/", "http://robin:{}@[charts/", "http://robin:{}@127.0.0.1:1/"]
)
def test_an_address_that_cannot_be_used_is_told_without_its_password(hub: Hub, address: str) -> None:
    env = {"INVOKE_HUB_CHART_REPOSITORY": address.format(IN_CHARTS)}
    for debug in ((), ("--debug",)):
        done = run_task(*debug, "bump", cwd=hub.path, env=env)
        assert done.code in {2, 4}, done
        assert IN_CHARTS not in done.out + done.err


def test_a_fault_shows_the_address_without_its_password(hub: Hub) -> None:
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:3.2.0")
    done = run_task("commit", "--push", cwd=hub.path)
    assert done.code == 4
    assert "'http://***@127.0.0.1:1/hub.git/'" in done.err or "'http://127.0.0.1:1/hub.git/'" in done.err


def test_what_is_committed_holds_no_password(hub: Hub) -> None:
    run_task("bump", "commit", cwd=hub.path, env=IN_SHELL)
    committed = hub.git("show", "--pretty=%B", "HEAD")
    assert committed.startswith("Move z2jh from 3.2.1 to 3.3.8")
    assert [secret for secret in SECRETS if secret in committed.replace(f"robin:{IN_CHARTS}@127", "")] == []


def test_the_cache_holds_no_password(hub: Hub) -> None:
    run_task("bump", cwd=hub.path, env=IN_SHELL)
    cache = Path(os.environ["INVOKE_HUB_CACHE_FOLDER"])
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if any(secret.encode() in path.read_bytes() for secret in SECRETS)] == []
    assert [path for path in files if any(secret in str(path) for secret in SECRETS)] == []


def test_a_secret_in_a_message_that_others_print_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_API_KEY", "tulip-shell-4717")
    assert mask("curl -H tulip-shell-4717 https://robin:tulip@git.example/") == "curl -H *** https://***@git.example/"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("HOME_TOKENS", "short", id="too short to be one"),
        pytest.param("GOOGLE_APPLICATION_CREDENTIALS", "/etc/keys/hub.json", id="the path of a file"),
        pytest.param("EDITOR", "something-else", id="no secret's name"),
    ],
)
def test_what_is_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert mask(f"it is {value}") == f"it is {value}"


def test_an_address_without_a_password_is_shown() -> None:
    text = "https://git.example/hub.git ssh://git.example:22/hub jupyterhub@sha256:0 mail robin@hub.example"
    assert mask(text) == text


def test_the_clone_is_left_with_its_own_address(hub: Hub) -> None:
    run_task("commit", "--push", cwd=hub.path)
    assert sh("git", "remote", "get-url", "origin", cwd=hub.path) == f"http://robin:{IN_REMOTE}@127.0.0.1:1/hub.git"
