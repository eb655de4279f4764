"""No secret is ever printed: they are planted wherever a task may come across one, and looked for in all it says."""

import base64
import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.cli import run_on_screen, run_task
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT

IN_REMOTE, IN_CHARTS, IN_DOCKER = "ghp-tulip-remote-4711", "tulip-charts-4712", "tulip-docker-4713"
IN_SHELL = {
    "GITHUB_TOKEN": "ghp-tulip-shell-4714",
    "CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.tulip-shell-4715",
    "DOCKER_PASSWORD": "tulip-shell-4716",
    "HUB_API_KEY": "tulip-shell-4717",
    "AWS_SECRET_ACCESS_KEY": "tulip/shell+4718",
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
