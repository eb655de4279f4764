from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.faults import LONGEST_PART, Refused
from tasks.masking import mask
from tasks.tools.run import Command, watch

if TYPE_CHECKING:
    from pathlib import Path

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKC\nAQEAtulip\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("https://robin:tulip@git.test/a", "https://***@git.test/a", id="password in an address"),
        pytest.param("https://robin:tu@lip@git.test/a", "https://***@git.test/a", id="password with an at-sign"),
        pytest.param("https://tulip@git.test/a", "https://***@git.test/a", id="token in an address"),
        pytest.param(
            '{"a":"https://a.test","b":"robin@hub.test"}',
            '{"a":"https://a.test","b":"robin@hub.test"}',
            id="mail address behind an address",
        ),
        pytest.param(
            "GET https://s.test/b?X-Goog-Signature=0a1b2c&X-Goog-Date=2026 ok",
            "GET https://s.test/b?X-Goog-Signature=***&X-Goog-Date=2026 ok",
            id="signed address",
        ),
        pytest.param(
            '"GET /b?sig=0a1b&token=x HTTP/1.1"', '"GET /b?sig=***&token=*** HTTP/1.1"', id="log of a request"
        ),
        pytest.param("Authorization: Bearer abc.def", "Authorization: Bearer ***", id="authorization header"),
        pytest.param("Authorization: Basic cm9iaW4=", "Authorization: Basic ***", id="password header"),
        pytest.param("no basic auth credentials", "no basic auth credentials", id="words of Docker"),
        pytest.param(
            f"key: {PEM}\n",
            "key: -----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\n",
            id="private key",
        ),
        pytest.param(f"ghp_{'a1' * 18} is", "*** is", id="GitHub's token"),
        pytest.param(f"\x1b[32mghp_{'a1' * 18}\x1b[0m", "\x1b[32m***\x1b[0m", id="token in colour"),
        pytest.param(f'{{"a": "b\\nglpat-{"a1" * 10}"}}', '{"a": "b\\n***"}', id="token in JSON behind a line break"),
        pytest.param(f"a ya29.{'a-1' * 20}", "a ***", id="Google's token"),
        pytest.param(f"sha256:{'0a' * 32}", f"sha256:{'0a' * 32}", id="digest"),
    ],
)
def test_a_secret_is_known_by_where_it_stands_or_how_it_looks(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize(
    "name",
    [
        *("GITHUB_TOKEN", "DOCKER_AUTH_CONFIG", "DB_PASS", "HUB_JWT", "npm_config_apikey", "REGISTRY_PASSWORD_2"),
        *("GPG_PASSPHRASE", "SIGNING_KEY", "AWS_SECRET_ACCESS_KEY", "SESSION_COOKIE", "GH_PAT"),
    ],
)
def test_a_variable_whose_name_says_secret_is_masked(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "tulip-garden-4711")
    assert mask("it is tulip-garden-4711.") == "it is ***."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_AUTHOR_NAME", "Robin Operator"),
        ("SSH_AUTH_SOCK", "/run/user/1000/keyring/ssh"),
        ("KEYBOARD", "querty-123456"),
        ("PATHOLOGY", "something-long"),
        ("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "/etc/keys/token"),
    ],
)
def test_other_variables_are_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert mask(f"it is {value}") == f"it is {value}"


def test_a_secret_that_begins_like_a_path_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "/tulip+garden/4711")
    assert mask("it is /tulip+garden/4711") == "it is ***"


def test_a_secret_of_several_lines_is_masked_in_every_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    content = '{\n  "private_key_id": "tulip-4711",\n  "client_id": "1234567890"\n}'
    monkeypatch.setenv("GOOGLE_CREDENTIALS", content)
    for shown in (content, " ".join(content.split()), json.dumps({"key": content})):
        assert "tulip-4711" not in mask(shown)


def test_a_secret_in_an_address_is_masked_as_it_is_spelled_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "tulip/garden 4711")
    assert mask("GET /a?x=tulip%2Fgarden%204711") == "GET /a?x=***"


def test_a_fault_that_is_cut_short_holds_no_half_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "tulip-garden  4711")
    for length in range(LONGEST_PART - 20, LONGEST_PART):
        fault = Refused(
            f"{'x' * length}tulip-garden  4711", where="tulip-garden  4711", hint="it is tulip-garden  4711"
        )
        assert "tulip" not in mask(str(fault))


def test_what_a_program_says_is_masked(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "tulip-garden-4711")
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    output = watch(Command(("sh", "-c", "printf 'a%s\\n' $HUB_TOKEN; printf '\\377 b' >&2")))
    assert output.ok
    assert capfdbinary.readouterr().err == b"a***\n\\xff b"


def test_a_secret_is_masked_however_a_program_writes_it(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "tulip-garden-4711")
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    script = tmp_path / "slow"
    script.write_text("#!/bin/sh\nprintf tulip-; sleep 0.2; printf garden-; sleep 0.2; echo 4711\n")
    script.chmod(0o755)
    watch(Command((str(script),)))
    assert capfdbinary.readouterr().err == b"***\n"
