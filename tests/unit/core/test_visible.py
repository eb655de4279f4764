"""What others wrote, shown: text on a terminal, in CI, in JSON and in Markdown is all that it is, secrets masked."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.faults import LONGEST_PART, Refused
from tasks.core.visible import code, keep_secret, mask, plain, visible, visible_json
from tasks.image.engines import definition
from tasks.repo.charts import read_chartpress
from tasks.repo.dockerfile import hub_base
from tasks.tools.command import Command
from tasks.tools.process import run_with_output
from tests.support.cli import INVOKE, run_on_screen, run_task
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.scene import DOCKERFILE
from tests.support.steps import set_image

CLEAR, HIDE, TITLE = "\x1b[2J", "\x1b[8m", "\x1b]0;evil\x07"
HARMFUL = {
    "the screen cleared": (CLEAR, r"\x1b[2J"),
    "a link": ("\x1b]8;;http://evil\x1b\\", r"\x1b]8;;http://evil\x1b" + "\\"),
    "the line written over": ("fine\rplan", r"fine\rplan"),
    "NUL and DEL": ("\0\x7f", r"\x00\x7f"),
    "C1 controls": ("\x9b2J\x85", r"\x9b2J\x85"),
    "reading direction": ("\u202ea\u2066b\u200f", r"\u202ea\u2066b\u200f"),
    "line and paragraph separators": ("a\u2028b\u2029", r"a\u2028b\u2029"),
    "letters without width": ("a\u200bb\u2060\ufeff", r"a\u200bb\u2060\ufeff"),
    "tags": ("\U000e0041", r"\U000e0041"),
    "private and unassigned": ("\ue000\U0010ffff", r"\ue000\U0010ffff"),
    "half of a surrogate pair": ("\ud83d", r"\ud83d"),
    "a byte that is not UTF-8": (b"caf\xe9".decode(errors="surrogateescape"), r"caf\xe9"),
}
PLAIN = ("Zoë's hub, 日本語, עברית, हिन्दी, e\u0301, 🐋, №, «a\u00a0b», a\u3000b", "\ttab\nand line\n")


@pytest.mark.parametrize(("text", "shown"), HARMFUL.values(), ids=HARMFUL)
def test_what_is_more_than_text_is_shown_as_an_escape_in_text_json_and_markdown(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(f"日本 {text}\n") == f"日本 {shown}\n"
    as_json = visible_json({"a": text})
    assert (json.loads(as_json), as_json.isascii(), as_json.isprintable()) == ({"a": text}, True, True)
    assert (plain(text).isprintable(), code(text).isprintable()) == (True, True)


@pytest.mark.parametrize("text", PLAIN)
def test_text_of_every_script_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


# -- GitHub's runner


COMMANDS = {
    "::error::x": r":\x3aerror::x",
    "  ::set-output name=a::b": r"  :\x3aset-output name=a::b",
    "a\n::stop-commands::x": "a\n:\\x3astop-commands::x",
    "a ##[error]x": r"a ##\x5berror]x",
    "a::b, a ## b, [c]": "a::b, a ## b, [c]",
}


@pytest.mark.parametrize(("text", "shown"), COMMANDS.items())
def test_nothing_that_others_wrote_is_a_command_to_the_runner(
    monkeypatch: pytest.MonkeyPatch, text: str, shown: str
) -> None:
    assert visible(text) == text
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert visible(text) == shown
    assert json.loads(visible_json(text)) == text
    assert "##[" not in visible_json(text)


def test_a_problem_is_told_to_the_runner_and_what_it_quotes_is_no_command(hub: Hub) -> None:
    hub.edit("hub/values.yaml", "name:", "name: 'a::b/##[error]c' #")
    done = run_task("check", "--offline", cwd=hub.path, env={"GITHUB_ACTIONS": "true"})
    assert "##[" not in done.out + done.err
    assert all(line.startswith("::error file=") for line in done.err.splitlines() if line.lstrip().startswith("::"))


def test_a_plan_shows_what_a_line_says_and_does_not_do_it(hub: Hub) -> None:
    text = hub.read(DOCKERFILE)
    image, rest = text.partition("FROM ")[2].partition(":")[0], text.partition("\n")[2]
    hub.put(DOCKERFILE, f"ARG V=3.2.1 W={CLEAR}{HIDE}{TITLE}\u202e\nFROM {image}:${{V}}\n{rest}")
    task = ("--dry", "bump", "--to", "3.3.8")
    for done in (run_task(*task, cwd=hub.path), run_on_screen(*INVOKE, *task, cwd=hub.path)):
        assert done.code == 0, done
        assert r"-ARG V=3.2.1 W=\x1b[2J\x1b[8m\x1b]0;evil\x07\u202e" in done.out
        assert [one for one in ("\u202e", CLEAR, TITLE) if one in done.out + done.err] == []


# -- Markdown


@pytest.mark.parametrize(
    ("text", "as_code", "as_text"),
    [
        ("3.3.8", "`3.3.8`", "3.3.8"),
        ("a`b|c", "`a'b¦c`", "a\\`b\\|c"),
        ("a\r\n\tb\u2028 c\x1b[31m\n", r"`a b c\x1b[31m`", r"a b c\\x1b\[31m"),
        ("*bold* _thin_ [a](b)", "`*bold* _thin_ [a](b)`", r"\*bold\* \_thin\_ \[a\](b)"),
        ("<b>@all #1 ~~x~~", "`<b>@all #1 ~~x~~`", r"\<b\>\@all \#1 \~\~x\~\~"),
        ("back\\slash", r"`back\slash`", r"back\\slash"),
    ],
)
def test_what_outside_programs_say_is_no_markdown(text: str, as_code: str, as_text: str) -> None:
    assert (code(text), plain(text)) == (as_code, as_text)


@given(st.text())
def test_no_text_leaves_its_cell(text: str) -> None:
    assert code(text).isprintable()
    assert code(text).count("`") == 2
    assert "|" not in code(text)
    assert plain(text).isprintable()
    assert "|" not in plain(text).replace("\\|", "")


# -- secrets, known by where they stand or how they look


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKC\nAQEAtulip\n-----END RSA PRIVATE KEY-----"


SEEN = {
    "password in an address": ("https://robin:tulip@git.test/a", "https://***@git.test/a"),
    "password with an at-sign": ("https://robin:tu@lip@git.test/a", "https://***@git.test/a"),
    "password with an apostrophe": ("https://robin:tu'lip@git.test/a", "https://***@git.test/a"),
    "token in an address": ("https://tulip@git.test/a", "https://***@git.test/a"),
    "mail address behind an address": ('{"a":"https://a.test","b":"robin@hub.test"}',) * 2,
    "signed address": (
        "GET https://s.test/b?X-Goog-Signature=0a1b2c&X-Goog-Date=2026 ok",
        "GET https://s.test/b?X-Goog-Signature=***&X-Goog-Date=2026 ok",
    ),
    "log of a request": ('"GET /b?sig=0a1b&token=x HTTP/1.1"', '"GET /b?sig=***&token=*** HTTP/1.1"'),
    "authorization header": ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
    "password header": ("Authorization: Basic cm9iaW4=", "Authorization: Basic ***"),
    "words of Docker": ("no basic auth credentials", "no basic auth credentials"),
    "private key": (f"key: {PEM}\n", "key: -----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\n"),
    "GitHub's token": (f"ghp_{'a1' * 18} is", "*** is"),
    "token in colour": (f"\x1b[32mghp_{'a1' * 18}\x1b[0m", "\x1b[32m***\x1b[0m"),
    "token in JSON behind a line break": (f'{{"a": "b\\nglpat-{"a1" * 10}"}}', '{"a": "b\\n***"}'),
    "Google's token": (f"a ya29.{'a-1' * 20}", "a ***"),
    "digest": (f"sha256:{'0a' * 32}", f"sha256:{'0a' * 32}"),
}


@pytest.mark.parametrize(("text", "shown"), SEEN.values(), ids=SEEN)
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
    assert mask(f"{line}; A_KEY=hub, A_KEY='hub'") == f"{line}; A_KEY=***, A_KEY='***'"
    monkeypatch.setenv("B_KEY", "registry")
    assert visible_json({"in_registry": "no registry"}) == '{"in_registry": "no ***"}'


def test_a_secret_of_several_lines_is_masked_in_every_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    content = '{\n  "private_key_id": "tulip-4711",\n  "client_id": "1234567890"\n}'
    monkeypatch.setenv("GOOGLE_CREDENTIALS", content)
    for shown in (content, " ".join(content.split()), json.dumps({"key": content})):
        assert "tulip-4711" not in mask(shown)


def test_a_secret_that_is_not_utf8_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "tulip-caf\udce9")
    assert mask("it is tulip-caf\udce9, or tulip-caf%E9") == "it is ***, or ***"


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
    assert run_with_output(Command((str(script),))).ok
    assert capfdbinary.readouterr().err == b"a ***\n\\xff b"


# -- build arguments


SECRETS = {
    "plain": "tulip-garden-4711",
    "with blanks": "tulip  garden 4711",
    "with signs of addresses": "tulip/garden+4711&x=%",
    "of two lines, with quotes, a backslash, bake's signs and no ASCII": "tü'\"\\${a}%{b}\n lip garden/4711",
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
        for piece in ("tulip", "garden", "4711", "lip"):
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
