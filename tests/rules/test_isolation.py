import socket
from pathlib import Path

import pytest

from tests.support.cli import run


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80)], ids=["IPv4", "IPv6"])
def test_no_test_connects_to_another_machine(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(ConnectionRefusedError, match="tests stay on this machine"):
        client.connect(address)


@pytest.mark.parametrize("program", ["gcloud", "docker-credential-gcloud", "gh", "helm"])
def test_a_program_that_would_reach_out_only_complains(program: str, tmp_path: Path) -> None:
    result = run(program, "auth", "login", cwd=tmp_path)
    assert result.code == 97
    assert result.err.startswith(f"a test started the real {program}: ")
