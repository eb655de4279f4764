"""``auth``: runs what is missing, and nothing else; gcloud is a stand-in that writes down its calls."""

import base64
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.cli import INVOKE, Result, run_on_terminal, run_task, succeed
from tests.support.gcloud import SECRET, GcloudStandIn, configure_docker
from tests.support.hubs import Hub, make_hub
from tests.support.world import demand_fault

HOST = "us-central1-docker.pkg.dev"
LIST = "gcloud auth list --filter=status:ACTIVE --format=json --quiet"
LOGIN = "gcloud auth login"
CONFIGURE = f"gcloud auth configure-docker {HOST} --quiet"
ADC = "gcloud auth application-default login"
DEFAULTS = "gcloud auth configure-docker --quiet"


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A hub whose image goes to Artifact Registry."""
    return make_hub(tmp_path / "hub", registry=f"{HOST}/cal-icor-hubs")


@pytest.fixture
def gcloud(tmp_path: Path) -> GcloudStandIn:
    return GcloudStandIn.install(tmp_path / "stand-in-gcloud")


def auth(hub: Hub, gcloud: GcloudStandIn, *arguments: str) -> Result:
    """Run ``invoke auth`` without a terminal."""
    return run_task("auth", *arguments, cwd=hub.path, env=gcloud.env)


def auth_on_terminal(hub: Hub, gcloud: GcloudStandIn, *arguments: str) -> Result:
    return run_on_terminal(*INVOKE, "auth", *arguments, cwd=hub.path, env=gcloud.env)


def helper_is_set() -> None:
    configure_docker({"credHelpers": {HOST: "gcloud"}})


# -- on a terminal


def test_where_nothing_is_set_up_one_signs_in_and_docker_is_told(hub: Hub, gcloud: GcloudStandIn) -> None:
    done = auth_on_terminal(hub, gcloud)
    assert (done.code, done.out) == (0, f"signed in for {HOST}\n"), done
    assert gcloud.calls == [LIST, LOGIN, CONFIGURE]
    assert done.err == ""


def test_where_all_is_set_up_nothing_is_run(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    helper_is_set()
    for done in (auth(hub, gcloud), auth_on_terminal(hub, gcloud)):
        assert (done.code, done.out, done.err) == (0, "Nothing to do.\n", ""), done
    assert gcloud.calls == []
    assert gcloud.helper_calls == [f"helper get {HOST}"] * 2


def test_where_somebody_is_signed_in_docker_alone_is_told(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    done = auth(hub, gcloud)
    assert (done.code, done.out) == (0, f"signed in for {HOST}\n"), done
    assert gcloud.calls == [LIST, CONFIGURE]


def test_where_the_sign_in_has_expired_one_signs_in_again(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    gcloud.expire()
    helper_is_set()
    done = auth_on_terminal(hub, gcloud)
    assert done.code == 0, done
    assert gcloud.calls == [LIST, LOGIN]


def test_without_a_browser_the_address_is_printed(hub: Hub, gcloud: GcloudStandIn) -> None:
    assert auth_on_terminal(hub, gcloud, "--no-browser").code == 0
    assert gcloud.calls == [LIST, f"{LOGIN} --no-launch-browser", CONFIGURE]


def test_a_sign_in_that_fails_is_denied(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.refuse()
    done = auth_on_terminal(hub, gcloud)
    assert (done.code, done.out) == (4, "")
    assert done.err.endswith("error: signing in to Google Cloud failed (gcloud)\nhint: gcloud auth login\n")
    assert gcloud.calls == [LIST, LOGIN]


# -- without a terminal


def test_without_a_terminal_nobody_is_asked_to_sign_in(hub: Hub, gcloud: GcloudStandIn) -> None:
    done = auth(hub, gcloud)
    demand_fault(
        done,
        4,
        "not signed in, and there is no terminal to sign in on (gcloud)",
        "on a terminal: gcloud auth login; in CI: invoke auth --key-file PATH",
    )
    assert gcloud.calls == [LIST]


# -- key files


def test_a_key_file_is_refused_where_no_registry_is_googles(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", registry="quay.io/core")
    error = "error: a key file signs in to Google, where none of the registries is (quay.io)"
    done = run_task("auth", "--key-file", "key.json", cwd=hub.path)
    assert (done.code, done.err.splitlines()) == (1, [error, "hint: docker login quay.io"])


def key_file(folder: Path, **content: str) -> str:
    path = folder / "key.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_a_service_accounts_key_signs_in_without_a_terminal(hub: Hub, gcloud: GcloudStandIn, tmp_path: Path) -> None:
    key = key_file(tmp_path, type="service_account", client_email="ci@hub.example", private_key="tulip-key-4720")
    done = auth(hub, gcloud, "--key-file", key)
    assert done.code == 0, done
    assert gcloud.calls == [LIST, f"gcloud auth login --cred-file={key} --quiet", CONFIGURE, LIST]
    assert gcloud.helper_calls == [f"helper get {HOST}"]
    assert "tulip-key-4720" not in done.out + done.err


def test_a_key_whose_account_is_signed_in_is_not_used_again(hub: Hub, gcloud: GcloudStandIn, tmp_path: Path) -> None:
    gcloud.sign_in("ci@hub.example")
    key = key_file(tmp_path, type="service_account", client_email="ci@hub.example")
    assert auth(hub, gcloud, "--key-file", key).code == 0
    assert gcloud.calls == [LIST, CONFIGURE, LIST]


def test_a_workload_identity_file_signs_in(hub: Hub, gcloud: GcloudStandIn, tmp_path: Path) -> None:
    key = key_file(tmp_path, type="external_account", audience="//iam.googleapis.com/projects/1")
    assert auth(hub, gcloud, "--key-file", key).code == 0
    assert gcloud.calls == [f"gcloud auth login --cred-file={key} --quiet", CONFIGURE, LIST]


def denied(done: Result, error: str, hint: str) -> None:
    """Demand that a sign-in with a key says nothing of success, and what is wrong."""
    assert (done.code, done.out) == (4, ""), done
    assert done.err.splitlines()[-2:] == [f"error: {error} ({HOST})", f"hint: {hint}"], done


def test_a_key_with_which_the_helper_gives_no_credentials_is_no_success(
    hub: Hub, gcloud: GcloudStandIn, tmp_path: Path
) -> None:
    gcloud.stay_silent()
    key = key_file(tmp_path, type="service_account", client_email="ci@hub.example")
    denied(
        auth(hub, gcloud, "--key-file", key),
        "docker-credential-gcloud returned no credentials for the key file",
        f"see why: echo {HOST} | docker-credential-gcloud get",
    )


ANOTHER = "docker-credential-gcloud answers for robin@hub.example, not for ci@hub.example"
KEY_OF_ANOTHER = json.dumps({"client_email": "robin@hub.example"})


def hint_of_another() -> str:
    file = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    return (
        "unset CLOUDSDK_CORE_ACCOUNT and CLOUDSDK_AUTH_ACCESS_TOKEN_FILE, or remove the host's entry "
        f"from {file}; then run it again"
    )


def test_a_key_after_which_another_account_stays_active_is_no_success(
    hub: Hub, gcloud: GcloudStandIn, tmp_path: Path
) -> None:
    gcloud.sign_in("robin@hub.example")
    gcloud.keep_account()
    key = key_file(tmp_path, type="service_account", client_email="ci@hub.example")
    denied(auth(hub, gcloud, "--key-file", key), ANOTHER, hint_of_another())


@pytest.mark.parametrize(
    ("user", "secret"),
    [
        pytest.param("robin@hub.example", "tulip-garden", id="by name"),
        pytest.param("_json_key", KEY_OF_ANOTHER, id="with a key"),
        pytest.param("_json_key_base64", base64.b64encode(KEY_OF_ANOTHER.encode()).decode(), id="with a packed key"),
    ],
)
def test_a_helper_that_answers_for_another_account_is_no_success(
    hub: Hub, gcloud: GcloudStandIn, tmp_path: Path, user: str, secret: str
) -> None:
    gcloud.sign_in("ci@hub.example")
    helper_is_set()
    gcloud.answer(user, secret)
    key = key_file(tmp_path, type="service_account", client_email="ci@hub.example")
    denied(auth(hub, gcloud, "--key-file", key), ANOTHER, hint_of_another())


def test_a_key_whose_tokens_have_run_out_is_used_again(hub: Hub, gcloud: GcloudStandIn, tmp_path: Path) -> None:
    gcloud.sign_in("ci@hub.example")
    gcloud.expire()
    helper_is_set()
    key = key_file(tmp_path, type="service_account", client_email="ci@hub.example")
    assert auth(hub, gcloud, "--key-file", key).code == 0
    assert gcloud.calls == [f"gcloud auth login --cred-file={key} --quiet", LIST]


def test_a_login_in_dockers_store_does_not_count_for_a_key(hub: Hub, gcloud: GcloudStandIn, tmp_path: Path) -> None:
    gcloud.sign_in("ci@hub.example")
    configure_docker({"credsStore": "gcloud"})
    key = key_file(tmp_path, type="service_account", client_email="ci@hub.example")
    assert auth(hub, gcloud, "--key-file", key).code == 0
    assert gcloud.calls == [LIST, CONFIGURE, LIST]


NEITHER, NO_JSON = "not a service account key or workload identity file", "the key file is not JSON"
NO_KEYS = {
    "a person's credentials": ('{"type": "authorized_user"}', NEITHER),
    "a list": ("[]", NEITHER),
    "no JSON": ("-----BEGIN PRIVATE KEY-----", NO_JSON),
    "deeper than one can read": ("[" * 100_000, NO_JSON),
}


@pytest.mark.parametrize(("text", "what"), NO_KEYS.values(), ids=NO_KEYS)
def test_a_file_that_is_no_key_is_refused(
    hub: Hub, gcloud: GcloudStandIn, tmp_path: Path, text: str, what: str
) -> None:
    (tmp_path / "key.json").write_text(text)
    done = auth(hub, gcloud, "--key-file", str(tmp_path / "key.json"))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {what} ({tmp_path}/key.json)\nhint: ")
    assert gcloud.calls == []


# -- more than was asked for by default


def test_application_default_credentials_are_made_where_there_are_none(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    helper_is_set()
    assert auth_on_terminal(hub, gcloud, "--adc").code == 0
    assert gcloud.calls == [ADC]


def test_application_default_credentials_that_are_there_are_kept(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    helper_is_set()
    folder = Path(os.environ["CLOUDSDK_CONFIG"])
    folder.mkdir()
    (folder / "application_default_credentials.json").write_text("{}")
    assert auth(hub, gcloud, "--adc").out == "Nothing to do.\n"
    assert gcloud.calls == []


def test_application_default_credentials_need_a_terminal(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    done = auth(hub, gcloud, "--adc", "--no-browser")
    assert (done.code, done.err) == (
        4,
        (
            "error: there are no application default credentials, and there is no terminal to sign in on (gcloud)\n"
            f"hint: on a terminal: {ADC} --no-launch-browser; in CI: invoke auth --key-file PATH\n"
        ),
    )


def test_gcrs_hosts_are_set_up_where_they_are_asked_for(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    helper_is_set()
    assert auth(hub, gcloud, "--default-registries").code == 0
    assert gcloud.calls == [DEFAULTS]


# -- which registry


def test_a_registry_that_is_not_googles_needs_no_gcloud(tmp_path: Path, gcloud: GcloudStandIn) -> None:
    hub = make_hub(tmp_path / "hub", registry="quay.io/2i2c")
    done = auth(hub, gcloud)
    assert (done.code, done.out) == (0, "Nothing to do.\n"), done
    assert (gcloud.calls, gcloud.helper_calls) == ([], [])


@pytest.mark.parametrize(
    ("registry", "host"),
    [("eu.gcr.io/x", "eu.gcr.io"), ("europe-docker.pkg.dev/x", "europe-docker.pkg.dev")],
)
def test_every_registry_of_googles_is_known(tmp_path: Path, gcloud: GcloudStandIn, registry: str, host: str) -> None:
    gcloud.sign_in()
    assert auth(make_hub(tmp_path / "hub", registry=registry), gcloud).code == 0
    assert gcloud.calls == [LIST, f"gcloud auth configure-docker {host} --quiet"]


@pytest.mark.parametrize("registry", ["mygcr.io/x", "docker.pkg.dev.evil.example/x"])
def test_a_registry_that_only_looks_like_googles_is_not(tmp_path: Path, gcloud: GcloudStandIn, registry: str) -> None:
    assert auth(make_hub(tmp_path / "hub", registry=registry), gcloud).out == "Nothing to do.\n"
    assert gcloud.calls == []


def test_another_helper_for_googles_registry_is_asked_and_kept(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    (gcloud.folder / "docker-credential-gcloud").rename(gcloud.folder / "docker-credential-gcr")
    configure_docker({"credHelpers": {HOST: "gcr"}})
    assert auth(hub, gcloud).out == "Nothing to do.\n"
    assert gcloud.calls == []


def docker_desktop(gcloud: GcloudStandIn, script: str) -> None:
    """Let Docker ask a store for every host, as Docker Desktop sets it up."""
    store = gcloud.folder / "docker-credential-desktop"
    store.write_text(f"#!/bin/sh\n# A stand-in for Docker Desktop's store.\n{script}\n")
    store.chmod(0o755)
    configure_docker({"credsStore": "desktop"})


def test_docker_desktops_store_that_has_nothing_does_not_stand_for_gclouds_helper(
    hub: Hub, gcloud: GcloudStandIn
) -> None:
    gcloud.sign_in()
    docker_desktop(gcloud, 'echo "credentials not found in native keychain" >&2; exit 1')
    done = auth(hub, gcloud)
    assert done.code == 0, done
    assert gcloud.calls == [LIST, CONFIGURE]


def test_docker_desktops_store_that_has_a_login_is_enough(hub: Hub, gcloud: GcloudStandIn) -> None:
    docker_desktop(gcloud, 'echo \'{"Username": "oauth2accesstoken", "Secret": "tulip-token-4721"}\'')
    done = auth(hub, gcloud)
    assert (done.code, done.out) == (0, "Nothing to do.\n"), done
    assert gcloud.calls == []
    assert "tulip-token-4721" not in done.out + done.err


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


def test_a_dry_run_refuses_as_the_real_one_would(hub: Hub, gcloud: GcloudStandIn) -> None:
    done = auth(hub, gcloud, "--dry")
    assert done.code == 4
    assert done.out.startswith(
        f"Plan for {hub.path}\n"
        "  auth x sign in to Google Cloud\n"
        "         because not signed in, and there is no terminal to sign in on\n"
    )
    assert gcloud.calls == [LIST]


@pytest.mark.parametrize("dry", [(), ("--dry",)], ids=["", "dry"])
def test_json_tells_each_registry(hub: Hub, gcloud: GcloudStandIn, dry: tuple[str, ...]) -> None:
    gcloud.sign_in()
    helper_is_set()
    done = auth(hub, gcloud, "--json", *dry)
    assert done.code == 0, done
    assert done.json == {"auth": [{"host": HOST, "google": True, "helper": "gcloud"}]}


def test_json_of_a_registry_that_is_not_googles(tmp_path: Path, gcloud: GcloudStandIn) -> None:
    done = auth(make_hub(tmp_path / "hub", registry="quay.io/2i2c"), gcloud, "--json")
    assert done.json == {"auth": [{"host": "quay.io", "google": False, "helper": None}]}


def test_gcloud_that_is_missing_is_named_with_the_way_to_get_it(hub: Hub, gcloud: GcloudStandIn) -> None:
    (gcloud.folder / "gcloud").unlink()
    (gcloud.folder / "git").symlink_to(shutil.which("git") or "git")
    done = run_task("auth", cwd=hub.path, env={"PATH": str(gcloud.folder)})
    demand_fault(
        done,
        3,
        "gcloud is not installed (PATH)",
        "install the Google Cloud CLI, for Google's registries: https://cloud.google.com/sdk/docs/install",
    )


def test_gcloud_that_fails_to_tell_docker_is_quoted(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    gcloud.refuse()
    done = auth(hub, gcloud)
    assert (done.code, done.out) == (3, "")
    assert done.err.endswith(f"error: gcloud auth configure-docker: (gcloud) no\nhint: {CONFIGURE}\n")


@pytest.mark.parametrize("text", ["[]", "[" * 100_000])
def test_a_configuration_of_dockers_that_is_none_is_left_alone(hub: Hub, gcloud: GcloudStandIn, text: str) -> None:
    config = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    config.write_text(text)
    done = auth(hub, gcloud)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"error: Docker's configuration is not a JSON object ({config})\nhint: fix or remove it: {config}\n"
    )
    assert config.read_text() == text


def test_the_helpers_secret_is_shown_to_nobody(hub: Hub, gcloud: GcloudStandIn) -> None:
    gcloud.sign_in()
    helper_is_set()
    for arguments in (("auth",), ("--debug", "auth"), ("auth", "--json")):
        done = succeed(*arguments, cwd=hub.path, env=gcloud.env)
        assert SECRET not in done.out + done.err
