from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import machine
from tests.support.cli import run

if TYPE_CHECKING:
    from tests.support.machine import Home


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80)], ids=["IPv4", "IPv6"])
def test_no_test_connects_to_another_machine(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(ConnectionRefusedError, match="tests stay on this machine"):
        client.connect(address)


def test_no_test_asks_for_another_machines_address() -> None:
    with pytest.raises(socket.gaierror, match=r"tests stay on this machine: 'hub\.jupyter\.org'"):
        socket.create_connection(("hub.jupyter.org", 443))


def test_loopback_can_be_reached_by_address_and_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1])).close()


@pytest.mark.parametrize("program", ["gcloud", "docker-credential-gcloud", "gh", "helm"])
def test_a_program_that_would_reach_out_only_complains(program: str, tmp_path: Path) -> None:
    result = run(program, "auth", "login", cwd=tmp_path)
    assert result.code == 97
    assert result.err.startswith(f"a test started the real {program}: ")


@pytest.mark.gcloud
def test_a_test_marked_gcloud_gets_the_real_one_with_settings_of_its_own(isolated: Home, tmp_path: Path) -> None:
    result = run("gcloud", "info", "--format=value(config.paths.global_config_dir)", cwd=tmp_path)
    assert result.out.strip() == str(isolated.folder / "gcloud")


def test_a_test_has_a_home_of_its_own(isolated: Home) -> None:
    assert Path.home() == isolated.folder
    assert os.environ["DOCKER_CONFIG"].startswith(str(isolated.folder))


def test_a_users_own_settings_do_not_reach_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ("INVOKE_HUB_REPO", "GIT_DIR", "DOCKER_CONTEXT", "https_proxy", "PYTHONPATH", "CI")
    for name in own:
        monkeypatch.setenv(name, "theirs")
    monkeypatch.setenv("PATH_TO_NOWHERE", "kept")
    assert set(own) <= set(machine.users_own_variables())
    assert "PATH_TO_NOWHERE" not in machine.users_own_variables()


@pytest.mark.parametrize(("in_ci", "outcome"), [(False, pytest.skip.Exception), (True, pytest.fail.Exception)])
def test_what_is_missing_skips_a_test_and_fails_it_in_ci(
    in_ci: bool, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "IN_CI", in_ci)
    with pytest.raises(outcome, match="no engine"):
        machine.demand("no engine")


def test_nothing_missing_lets_a_test_run() -> None:
    machine.demand(None)
