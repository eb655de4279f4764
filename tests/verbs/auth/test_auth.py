"""``auth``: runs what is missing, and nothing else; gcloud is a stand-in that writes down its calls."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from tasks.tools.logins import denied, is_google
from tests.support.cli import INVOKE, Result, run_on_terminal, run_task, succeed
from tests.support.gcloud import SECRET, GcloudStandIn, configure_docker
from tests.support.hubs import Hub, make_hub
from tests.support.processes import write_program
from tests.support.world import demand_fault, ended, fault

HOST = "us-central1-docker.pkg.dev"
LIST = "gcloud auth list --filter=status:ACTIVE '--format=value(account)' --quiet"
LOGIN = "gcloud auth login"
CONFIGURE = f"gcloud auth configure-docker {HOST} --quiet"
ADC = "gcloud auth application-default login"


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return make_hub(tmp_path / "hub", registry=f"{HOST}/cal-icor-hubs")


@pytest.fixture
def gcloud(tmp_path: Path) -> GcloudStandIn:
    return GcloudStandIn.install(tmp_path / "stand-in-gcloud")


def auth(hub: Hub, gcloud: GcloudStandIn, *arguments: str) -> Result:
    return run_task("auth", *arguments, cwd=hub.path, env=gcloud.env)


def auth_on_terminal(hub: Hub, gcloud: GcloudStandIn, *arguments: str) -> Result:
    return run_on_terminal(*INVOKE, "auth", *arguments, cwd=hub.path, env=gcloud.env)


# What a machine may have, by the words of the tables below; it begins with nothing.
LOGGED_IN = """echo '{"Username": "oauth2accesstoken", "Secret": "tulip-token-4721"}'"""
LOGGED_OUT = 'echo "credentials not found in native keychain" >&2; exit 1'


def use_store(gcloud: GcloudStandIn, script: str) -> None:
    """Let Docker ask a store for every host, as Docker Desktop sets it up."""
    write_program(gcloud.folder, "docker-credential-desktop", f"# A stand-in for Docker Desktop's store.\n{script}")
    configure_docker({"credsStore": "desktop"})


def use_another_helper(gcloud: GcloudStandIn) -> None:
    (gcloud.folder / "docker-credential-gcloud").rename(gcloud.folder / "docker-credential-gcr")
    configure_docker({"credHelpers": {HOST: "gcr"}})


def make_default_credentials(_: GcloudStandIn) -> None:
    folder = Path(os.environ["CLOUDSDK_CONFIG"])
    folder.mkdir()
    (folder / "application_default_credentials.json").write_text("{}")


HAS: dict[str, Callable[[GcloudStandIn], object]] = {
    "account": lambda gcloud: gcloud.sign_in(),
    "key's account": lambda gcloud: gcloud.sign_in("ci@hub.example"),
    "expired": GcloudStandIn.expire,
    "helper": lambda _: configure_docker({"credHelpers": {HOST: "gcloud"}}),
    "another helper": use_another_helper,
    "empty configuration": lambda _: Path(os.environ["DOCKER_CONFIG"], "config.json").write_text("\n"),
    "store": lambda _: configure_docker({"credsStore": "gcloud"}),
    "store with a login": partial(use_store, script=LOGGED_IN),
    "empty store": partial(use_store, script=LOGGED_OUT),
    "default credentials": make_default_credentials,
    "refusal": lambda gcloud: gcloud.let("refuses"),
    "silent helper": lambda gcloud: gcloud.let("silent"),
    "stubborn account": lambda gcloud: gcloud.let("stays"),
}


def prepare(gcloud: GcloudStandIn, has: str) -> None:
    """Give the machine what ``has`` names, one after the other."""
    for one in filter(None, has.split(", ")):
        HAS[one](gcloud)


# What a machine has, what is typed, and the calls of gcloud that come of it.
RUNS = {
    "nothing is set up": ("", "", [LIST, LOGIN, CONFIGURE]),
    "somebody is signed in": ("account", "", [LIST, CONFIGURE]),
    "the sign-in has expired": ("account, expired, helper", "", [LIST, LOGIN]),
    "Docker's configuration is empty": ("account, empty configuration", "", [LIST, CONFIGURE]),
    "all is set up": ("account, helper", "", []),
    "no browser": ("", "--no-browser", [LIST, f"{LOGIN} --no-launch-browser", CONFIGURE]),
    "default credentials": ("account, helper", "--adc", [ADC]),
    "default credentials that are there": ("account, helper, default credentials", "--adc", []),
    "gcr's hosts": ("account, helper", "--default-registries", ["gcloud auth configure-docker --quiet"]),
    "another helper for Google's registry": ("account, another helper", "", []),
    "Docker Desktop's store has nothing": ("account, empty store", "", [LIST, CONFIGURE]),
    "Docker Desktop's store has a login": ("store with a login", "", []),
}


@pytest.mark.parametrize(("has", "typed", "calls"), RUNS.values(), ids=RUNS)
def test_what_is_missing_is_run_and_nothing_else(
    hub: Hub, gcloud: GcloudStandIn, has: str, typed: str, calls: list[str]
) -> None:
    prepare(gcloud, has)
    asks = any(call.startswith((LOGIN, ADC)) for call in calls)
    done = (auth_on_terminal if asks else auth)(hub, gcloud, *typed.split())
    assert (done.code, done.err, gcloud.calls) == (0, "", calls), done
    assert done.out == (f"signed in for {HOST}\n" if calls else "Nothing to do.\n")


def test_a_sign_in_that_fails_is_denied(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.let("refuses")
    assert ended(auth_on_terminal(hub, gcloud)) == (4, "signing in to Google Cloud failed (gcloud)", LOGIN)
    assert gcloud.calls == [LIST, LOGIN]


NO_TERMINAL = "and there is no terminal to sign in on (gcloud)"


@pytest.mark.parametrize(
    ("has", "typed", "code", "what", "hint"),
    [
        ("", "", 4, f"not signed in, {NO_TERMINAL}", f"on a terminal: {LOGIN}; in CI: invoke auth --key-file PATH"),
        (
            *("account, helper", "--adc --no-browser", 4),
            f"there are no application default credentials, {NO_TERMINAL}",
            f"on a terminal: {ADC} --no-launch-browser; in CI: export GOOGLE_APPLICATION_CREDENTIALS=KEY-FILE",
        ),
        ("account, refusal", "", 3, "gcloud auth configure-docker: (gcloud) no", CONFIGURE),
    ],
    ids=["no terminal", "no terminal for default credentials", "gcloud fails"],
)
def test_without_a_terminal_nobody_is_asked_and_what_fails_is_quoted(  # noqa: PLR0913, PLR0917 - the table's columns
    hub: Hub, gcloud: GcloudStandIn, has: str, typed: str, code: int, what: str, hint: str
) -> None:
    prepare(gcloud, has)
    demand_fault(auth(hub, gcloud, *typed.split()), code, what, hint)


def test_default_credentials_that_no_program_would_find_are_not_made(
    hub: Hub, gcloud: GcloudStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(gcloud, "account, helper")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    demand_fault(
        auth(hub, gcloud, "--adc"),
        1,
        "GOOGLE_APPLICATION_CREDENTIALS names no file, and counts before all others (/nowhere/key.json)",
        "unset GOOGLE_APPLICATION_CREDENTIALS, then run the same command again",
    )
    assert gcloud.calls == []


# -- key files


def test_a_key_file_is_refused_where_no_registry_is_googles(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", registry="quay.io/core")
    what = "a key file signs in to Google, where none of the registries is (quay.io)"
    demand_fault(run_task("auth", "--key-file", "key.json", cwd=hub.path), 1, what, "docker login quay.io")


ACCOUNT = {"type": "service_account", "client_email": "ci@hub.example", "private_key": "tulip-key-4720"}
WORKLOAD = {"type": "external_account", "audience": "//iam.googleapis.com/projects/1"}
USE_KEY = "gcloud auth login --cred-file=KEY --quiet"


def auth_with_key(hub: Hub, gcloud: GcloudStandIn, content: dict[str, str] = ACCOUNT) -> Result:
    """Sign in with a key file, whose secret must not be shown."""
    (hub.path.parent / "key.json").write_text(json.dumps(content))
    done = auth(hub, gcloud, "--key-file", str(hub.path.parent / "key.json"))
    assert "tulip" not in done.out + done.err
    return done


@pytest.mark.parametrize(
    ("has", "content", "calls"),
    [
        pytest.param("", ACCOUNT, [LIST, USE_KEY, CONFIGURE, LIST], id="nobody is signed in"),
        pytest.param("key's account", ACCOUNT, [LIST, CONFIGURE, LIST], id="its account is signed in"),
        pytest.param("key's account, expired, helper", ACCOUNT, [USE_KEY, LIST], id="its tokens have run out"),
        pytest.param("key's account, store", ACCOUNT, [LIST, CONFIGURE, LIST], id="a login in Docker's store"),
        pytest.param("", WORKLOAD, [USE_KEY, CONFIGURE, LIST], id="workload identity"),
    ],
)
def test_a_key_signs_in_without_a_terminal_where_its_account_is_not(
    hub: Hub, gcloud: GcloudStandIn, has: str, content: dict[str, str], calls: list[str]
) -> None:
    prepare(gcloud, has)
    assert auth_with_key(hub, gcloud, content).code == 0
    assert [call.replace(str(hub.path.with_name("key.json")), "KEY") for call in gcloud.calls] == calls
    assert gcloud.helper_calls == [f"helper get {HOST}"] * (2 if has.endswith(("helper", "store")) else 1)


SILENT = (
    "docker-credential-gcloud returned no credentials for the key file",
    f"see why: echo {HOST} | docker-credential-gcloud get",
)
UNSET = (
    "unset CLOUDSDK_CORE_ACCOUNT and CLOUDSDK_AUTH_ACCESS_TOKEN_FILE, or remove the host's entry from {}; "
    "then run it again"
)
ANOTHER = ("docker-credential-gcloud answers for robin@hub.example, not for ci@hub.example", UNSET)
KEY_OF_ANOTHER = json.dumps({"client_email": "robin@hub.example"})
PACKED = base64.b64encode(KEY_OF_ANOTHER.encode()).decode()


@pytest.mark.parametrize(
    ("has", "answer", "told"),
    [
        pytest.param("silent helper", None, SILENT, id="the helper has no credentials"),
        pytest.param("account, stubborn account", None, ANOTHER, id="another account stays active"),
        pytest.param("key's account, helper", ("robin@hub.example", "tulip"), ANOTHER, id="another one's name"),
        pytest.param("key's account, helper", ("_json_key", KEY_OF_ANOTHER), ANOTHER, id="another one's key"),
        pytest.param("key's account, helper", ("_json_key_base64", PACKED), ANOTHER, id="another one's packed key"),
    ],
)
def test_a_key_for_which_the_helper_does_not_answer_is_no_success(
    hub: Hub, gcloud: GcloudStandIn, has: str, answer: tuple[str, str] | None, told: tuple[str, str]
) -> None:
    prepare(gcloud, has)
    if answer:
        gcloud.answer(*answer)
    done = auth_with_key(hub, gcloud)
    hint = told[1].format(f"{os.environ['DOCKER_CONFIG']}/config.json")
    assert (done.code, done.out, fault(done)) == (4, "", (f"{told[0]} ({HOST})", hint)), done


@pytest.mark.parametrize("text", ['{"type": "authorized_user"}', "[]", "-----BEGIN PRIVATE KEY-----"])
def test_a_file_that_is_no_key_is_refused(hub: Hub, gcloud: GcloudStandIn, tmp_path: Path, text: str) -> None:
    (tmp_path / "key.json").write_text(text)
    what = f"not a service account key or workload identity file ({tmp_path}/key.json)"
    assert ended(auth(hub, gcloud, "--key-file", str(tmp_path / "key.json")))[:2] == (2, what)
    assert gcloud.calls == []


def test_every_registry_of_googles_is_known() -> None:
    hosts = (HOST, "eu.gcr.io", "europe-docker.pkg.dev", "quay.io", "mygcr.io", "docker.pkg.dev.evil.example")
    assert [host for host in hosts if is_google(host)] == [*hosts[:3]]


# -- dry, JSON, faults


def test_a_dry_run_shows_the_commands_and_runs_none_that_changes(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    done = auth(hub, gcloud, "--dry")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        f"Plan for {hub.path}\n"
        "  auth - signed in as robin@hub.example\n"
        "       * run gcloud auth configure-docker\n"
        f"         because Docker has no helper for {HOST}\n"
        f"         $ {CONFIGURE}\n"
    )
    assert gcloud.calls == [LIST]


@pytest.mark.parametrize(("host", "helper"), [(HOST, "gcloud"), ("quay.io", None)])
def test_json_tells_each_registry(tmp_path: Path, gcloud: GcloudStandIn, host: str, helper: str | None) -> None:
    prepare(gcloud, "account, helper")
    done = auth(make_hub(tmp_path / "hub", registry=f"{host}/core"), gcloud, "--json")
    assert (done.code, done.json) == (0, {"auth": [{"host": host, "google": host == HOST, "helper": helper}]})
    assert (gcloud.calls, bool(gcloud.helper_calls)) == ([], host == HOST)


def test_a_configuration_of_dockers_that_is_none_is_left_alone(hub: Hub, gcloud: GcloudStandIn) -> None:
    config = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    config.write_text("[]")
    what = f"Docker's configuration is not a JSON object ({config})"
    demand_fault(auth(hub, gcloud), 2, what, f"fix or remove it: {config}")
    assert config.read_text() == "[]"


def test_the_helpers_secret_is_shown_to_nobody(hub: Hub, gcloud: GcloudStandIn) -> None:
    prepare(gcloud, "account, helper")
    for arguments in (("auth",), ("--debug", "auth"), ("auth", "--json")):
        done = succeed(*arguments, cwd=hub.path, env=gcloud.env)
        assert SECRET not in done.out + done.err
    assert gcloud.helper_calls == [f"helper get {HOST}"] * 3


# -- what registries, Docker and gcloud say when they deny access, and what it means


OTHER = "quay.io"

UPLOAD = (
    'denied: Permission "artifactregistry.repositories.uploadArtifacts" denied on resource '
    '"projects/cal-icor-hubs/locations/us-central1/repositories/core" (or it may not exist)'
)
UNAUTHENTICATED = (
    "denied: Unauthenticated request. Unauthenticated requests do not have permission "
    '"artifactregistry.repositories.uploadArtifacts" on resource '
    '"projects/cal-icor-hubs/locations/us-central1/repositories/core" (or it may not exist)'
)
NOT_ON_PATH = (
    'error getting credentials - err: exec: "docker-credential-gcloud": executable file not found in $PATH, out: ``'
)
NO_ANSWER = "error getting credentials - err: exit status 1, out: ``"
REAUTH = "failed to authorize: failed to fetch oauth token: reauth related error (invalid_rapt)"
INVALID_GRANT = "error getting credentials - err: exit status 1, out: `invalid_grant: Bad Request`"
BASIC = "failed to do request: no basic auth credentials"
NAME_UNKNOWN = 'name unknown: Repository "core" not found'
CHECK = "gcloud auth list; gcloud artifacts repositories describe core --location=us-central1 --project=cal-icor-hubs"
WRONG_OR_NONE = "the account is wrong or lacks the role artifactregistry.writer, or the repository does not exist"


NO_HELPER, NO_RESPONSE = "Docker's credential helper is not on PATH", "Docker's credential helper does not respond"
DENIED, AGAIN, DOCKER_LOGIN = "the registry denied access", "Google asks you to sign in again", "docker login quay.io"
ANY_REPOSITORY = "gcloud auth list; gcloud artifacts repositories list"
READINGS = {
    "no role to upload": (UPLOAD, HOST, WRONG_OR_NONE, CHECK),
    "no role, resource unnamed": ("denied: (or it may not exist)", HOST, WRONG_OR_NONE, ANY_REPOSITORY),
    "nobody signed in": (UNAUTHENTICATED, HOST, "not signed in to the registry", "invoke auth"),
    "reauth, invalid_rapt": (REAUTH, HOST, AGAIN, "gcloud auth login"),
    "invalid_grant": (INVALID_GRANT, HOST, AGAIN, "gcloud auth login"),
    "no such repository on Google": (NAME_UNKNOWN, HOST, "no such repository", ANY_REPOSITORY),
    "helper not on PATH": (NOT_ON_PATH, HOST, NO_HELPER, "put the folder of docker-credential-gcloud on PATH"),
    "helper without an answer": (NO_ANSWER, HOST, NO_RESPONSE, "invoke auth"),
    "another helper without an answer": (NO_ANSWER, OTHER, NO_RESPONSE, DOCKER_LOGIN),
    "no login": (BASIC, OTHER, DENIED, DOCKER_LOGIN),
    "gcr.io": ("denied", "gcr.io", DENIED, "invoke auth"),
}


@pytest.mark.parametrize(("words", "host", "what", "hint"), READINGS.values(), ids=READINGS)
def test_the_words_are_read(words: str, host: str, what: str, hint: str) -> None:
    fault = denied(words, host)
    assert (fault.code, str(fault)) == (4, f"error: {what}: {words} ({host})\nhint: {hint}")


# -- where it is this machine


@pytest.mark.parametrize("name", ["CLOUDSDK_AUTH_ACCESS_TOKEN", "CLOUDSDK_CORE_ACCOUNT"])
def test_a_variable_that_overrides_the_account_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "ya29.somebody-elses")
    fault = denied(UNAUTHENTICATED, HOST)
    what = f"{name} is set in place of whoever is signed in: {UNAUTHENTICATED}"
    assert (fault.what, fault.hint) == (what, f"unset {name}")
    assert "ya29" not in str(fault)
    # It is nothing to another registry.
    assert denied(BASIC, OTHER).hint == DOCKER_LOGIN


@pytest.mark.parametrize(
    ("user", "env", "is_sudo"),
    [
        pytest.param(0, {"SUDO_USER": "robin"}, True, id="root by sudo"),
        pytest.param(0, {}, False, id="root herself"),
        pytest.param(1000, {"SUDO_USER": "root"}, False, id="sudo to somebody else"),
    ],
)
def test_sudo_without_the_users_own_sign_in_is_named(
    user: int, env: Mapping[str, str], is_sudo: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    fault = denied(BASIC, OTHER)
    told = (f"root is not signed in, robin may be: {BASIC}", "run it without sudo")
    assert (fault.what, fault.hint) == (told if is_sudo else (f"{DENIED}: {BASIC}", DOCKER_LOGIN))
