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
NAME_UNKNOWN = 'name unknown: Repository "core" not found'
LIST = "gcloud auth list; gcloud artifacts repositories describe core --location=us-central1 --project=cal-icor-hubs"
WRONG_OR_NONE = "the account is wrong or lacks the role artifactregistry.writer, or the repository does not exist"


NO_HELPER, NO_RESPONSE = "Docker's credential helper is not on PATH", "Docker's credential helper does not respond"
DENIED, AGAIN, LOGIN = "the registry denied access", "Google asks you to sign in again", "docker login quay.io"
ANY_REPOSITORY = "gcloud auth list; gcloud artifacts repositories list"
READINGS = {
    "no role to upload": (UPLOAD, GOOGLE, WRONG_OR_NONE, LIST),
    "no role to download": (DOWNLOAD, GOOGLE, WRONG_OR_NONE, LIST),
    "no role, resource unnamed": ("denied: (or it may not exist)", GOOGLE, WRONG_OR_NONE, ANY_REPOSITORY),
    "nobody signed in": (UNAUTHENTICATED, GOOGLE, "not signed in to the registry", "invoke auth"),
    "reauth, invalid_rapt": (REAUTH, GOOGLE, AGAIN, "gcloud auth login"),
    "invalid_grant": (INVALID_GRANT, GOOGLE, AGAIN, "gcloud auth login"),
    "no such repository on Google": (NAME_UNKNOWN, GOOGLE, "no such repository", ANY_REPOSITORY),
    "no such repository elsewhere": (NAME_UNKNOWN, OTHER, "no such repository", LOGIN),
    "helper not on PATH": (NOT_ON_PATH, GOOGLE, NO_HELPER, "put the folder of docker-credential-gcloud on PATH"),
    "helper without an answer": (NO_ANSWER, GOOGLE, NO_RESPONSE, "invoke auth"),
    "another helper without an answer": (NO_ANSWER, OTHER, NO_RESPONSE, LOGIN),
    "no login": (BASIC, OTHER, DENIED, LOGIN),
    "no login on Google": (BASIC, GOOGLE, DENIED, "invoke auth"),
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
    fault = denied(UNAUTHENTICATED, GOOGLE)
    what = f"{name} is set in place of whoever is signed in: {UNAUTHENTICATED}"
    assert (fault.what, fault.hint) == (what, f"unset {name}")
    assert "ya29" not in str(fault)
    # It is nothing to another registry.
    assert denied(BASIC, OTHER).hint == LOGIN


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
    assert (fault.what, fault.hint) == (told if is_sudo else (f"{DENIED}: {BASIC}", LOGIN))
