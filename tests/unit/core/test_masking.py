import json
import shlex
import sys
from pathlib import Path

import pytest

from tasks.core.faults import LONGEST_PART, Refused
from tasks.core.visible import keep_secret, mask, visible_json
from tasks.image.engines import definition
from tasks.repo.charts import read_chartpress
from tasks.repo.dockerfile import hub_base
from tasks.tools.command import Command
from tasks.tools.process import watch
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.steps import set_image

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
            f"key: {PEM}\n", "key: -----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\n", id="private key"
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
        *("DB_PWD", "DBPASS", "API_KEY_PROD", "accessKey", "SLACK_WEBHOOK"),
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
        ("OLDPWD", "/home/robin/hubs"),
        ("SIGNING_KEY_ID", "robin-2024-key"),
        ("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "/etc/keys/token"),
    ],
)
def test_other_variables_are_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert mask(f"it is {value}") == f"it is {value}"


def test_everyday_values_of_secret_variables_mask_no_word_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"A_TOKEN": "true", "A_SECRET": "1", "PASSWORD": "main", "A_KEY": "hub"}.items():
        monkeypatch.setenv(name, value)
    line = "hub:1 is built from main: true"
    assert mask(f"{line}; A_KEY=hub") == f"{line}; A_KEY=***"
    monkeypatch.setenv("B_KEY", "registry")
    assert visible_json({"in_registry": "no registry"}) == '{"in_registry": "no ***"}'


def test_a_secret_of_several_lines_is_masked_in_every_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    content = '{\n  "private_key_id": "tulip-4711",\n  "client_id": "1234567890"\n}'
    monkeypatch.setenv("GOOGLE_CREDENTIALS", content)
    for shown in (content, " ".join(content.split()), json.dumps({"key": content})):
        assert "tulip-4711" not in mask(shown)


def test_a_fault_that_is_cut_short_holds_no_half_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "tulip-garden  4711")
    for length in range(LONGEST_PART - 20, LONGEST_PART):
        fault = Refused(
            f"{'x' * length}tulip-garden  4711", where="tulip-garden  4711", hint="it is tulip-garden  4711"
        )
        assert "tulip" not in mask(str(fault))


def test_a_secret_is_masked_however_a_program_writes_it(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "tulip-garden-4711")
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    slowly = "printf 'a tulip-'; sleep 0.2; printf garden-; sleep 0.2; echo 4711"
    script = write_program(tmp_path, "slow", f"{slowly}; printf '\\377 b' >&2")
    assert watch(Command((str(script),))).ok
    assert capfdbinary.readouterr().err == b"a ***\n\\xff b"


# -- build arguments


SECRETS = {
    "plain": "tulip-garden-4711",
    "with bake's signs": "tulip${garden}%{4711}",
    "with quotes": "tulip'garden\"4711",
    "with a backslash": "tulip\\garden\\n4711",
    "with letters beyond ASCII": "tulpe-gärten-4711",
    "of several lines": "tulip-garden\nof-the-year-4711",
    "with blanks": "tulip  garden 4711",
    "with signs of addresses": "tulip/garden+4711&x=%",
    "with all of them": "tü'\"\\${a}%{b}\n lip garden/4711",
    "short": "tulip",
    "short, with signs": "t'\"${é",
}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.core.visible._kept", set())


def spellings(secret: str) -> list[str]:
    """Return what a build shows where ``secret`` is a build argument and a label."""
    fields = {"args": {"API_TOKEN": secret, "OTHER": "shown"}, "labels": {"api-secret": secret}}
    bake = definition({"hub": fields})
    command = Command(("docker", "build", "--build-arg", f"API_TOKEN={secret}", f"--label=api-secret={secret}"))
    shown = [bake, str(command), str(Command(("docker", "buildx", "bake"), stdin=bake)), shlex.join(("echo", bake))]
    return [
        *shown,
        *(json.dumps({"shown": one}, ensure_ascii=ascii_only) for one in shown for ascii_only in (True, False)),
    ]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_build_argument_is_masked_however_it_is_written(secret: str) -> None:
    keep_secret("API_TOKEN", secret)
    keep_secret("api-secret", secret)
    keep_secret("OTHER", "shown")
    for spelling in spellings(secret):
        masked = mask(spelling)
        for piece in ("tulip", "tulpe", "garden", "gärten", "g\\u00e4rten", "4711", "lip"):
            assert piece not in masked, masked
        assert "***" in masked
        if "OTHER" in spelling:
            assert "shown" in masked


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "line",
    [
        "buildArgs: {API_TOKEN: 'tulip${garden}4711'}",
        "extraBuildCommandOptions: ['--build-arg=API_TOKEN=tulip${garden}4711']",
        "extraBuildCommandOptions: ['--build-arg', 'API_TOKEN=tulip${garden}4711']",
        "extraBuildCommandOptions: ['--label=api_token=tulip${garden}4711']",
    ],
)
def test_what_chartpress_yaml_says_is_masked_from_then_on(hub: Hub, line: str) -> None:
    set_image(hub, line)
    read_chartpress((hub.path / "chartpress.yaml").read_bytes(), "chartpress.yaml")
    assert mask("it is tulip${garden}4711, or tulip$${garden}4711") == "it is ***, or ***"


@pytest.mark.usefixtures("kept")
def test_a_default_in_a_dockerfile_is_masked_from_then_on() -> None:
    hub_base(b"ARG V=3.2.1 API_TOKEN=tulip-garden-4711\nFROM quay.io/jupyterhub/k8s-hub:${V}\n", "Dockerfile")
    assert mask("-ARG V=3.2.1 API_TOKEN=tulip-garden-4711") == "-ARG V=3.2.1 API_TOKEN=***"


@pytest.mark.usefixtures("kept")
def test_a_short_secret_is_no_part_of_other_words() -> None:
    keep_secret("API_TOKEN", "hub")
    assert mask("the hub image: API_TOKEN=hub, API_TOKEN='hub'") == "the hub image: API_TOKEN=***, API_TOKEN='***'"
