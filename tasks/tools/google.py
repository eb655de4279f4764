"""Google Cloud: who is signed in, the commands that sign in and let Docker use it, and what a registry's denial means.

A denial is told in the words of Docker, gcloud and Artifact Registry
(https://cloud.google.com/artifact-registry/docs/troubleshooting).
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..core.faults import DOOR, Denied, ProgramFailed, Unusable
from ..core.safe_files import read_file
from .command import MALFORMED, Command
from .process import attend, run_checked

HELPER = "gcloud"
GOOGLE_SUFFIXES = (".pkg.dev", ".gcr.io")
GOOGLE_HOSTS = ("gcr.io",)
# https://cloud.google.com/docs/authentication/application-default-credentials
_KEY_USER, _PACKED_KEY_USER = "_json_key", "_json_key_base64"
_ADC_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
# Each takes the place of whoever is signed in.
_OVERRIDES = (
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_CORE_ACCOUNT",
)
_RESOURCE = r"projects/(?P<project>[\w.:-]+)/locations/(?P<location>[\w-]+)/repositories/(?P<repository>[\w-]+)"
_HELPER_PROGRAM = r"docker-credential-[\w.-]+"
EXPIRED = r"(?i)expired|\b401\b|unauthorized|unauthenticated|authorization failed|failed to fetch oauth token"


def is_google(host: str) -> bool:
    """Whether ``host`` is a registry of Google's: Artifact Registry, or the older Container Registry."""
    return host in GOOGLE_HOSTS or host.endswith(GOOGLE_SUFFIXES)


def active_account() -> str | None:
    """Return the account that gcloud uses; None without a sign-in."""
    command = Command(("gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=json", "--quiet"))
    output = run_checked(command, hint="gcloud auth list")
    try:
        accounts = json.loads(output.text or "[]")
        return str(accounts[0]["account"]) if accounts else None
    except MALFORMED as err:
        raise ProgramFailed("gcloud's list of accounts cannot be read", where="gcloud", hint=str(command)) from err


def login_command(*kind: str, browser: bool) -> Command:
    """Return the command that signs a person in; with ``application-default`` it makes those credentials."""
    return Command(("gcloud", "auth", *kind, "login", *([] if browser else ["--no-launch-browser"])))


def configure_command(*hosts: str) -> Command:
    """Return the command that makes gcloud Docker's helper for ``hosts``; for gcr.io's hosts where none are given."""
    return Command(("gcloud", "auth", "configure-docker", *([",".join(hosts)] if hosts else []), "--quiet"))


def adc_file() -> Path:
    """Return where application default credentials lie."""
    named = os.environ.get(_ADC_VARIABLE)
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    return Path(named) if named else folder / "application_default_credentials.json"


def key_account(key_file: Path) -> str | None:
    """Return the account that ``key_file`` signs in; None where it does not name one (workload identity)."""
    try:
        content = json.loads(read_file(key_file))
    except FileNotFoundError as err:
        raise Unusable("no such key file", where=key_file, hint=f"ls -l {key_file.parent}") from err
    except OSError as err:
        what = f"the key file cannot be read: {err.strerror}"
        raise Unusable(what, where=key_file, hint=f"ls -l {key_file}") from err
    except (ValueError, RecursionError) as err:
        hint = "download the key again: gcloud iam service-accounts keys create"
        raise Unusable("the key file is not JSON", where=key_file, hint=hint) from err
    if not isinstance(content, dict) or content.get("type") not in ("service_account", "external_account"):
        raise Unusable(
            "not a service account key or workload identity file",
            where=key_file,
            hint="make one: gcloud iam service-accounts keys create, or workload-identity-pools create-cred-config",
        )
    account = content.get("client_email")
    return str(account) if account else None


def account_of(user: str, secret: str) -> str | None:
    """Return the account that a login names; None for a token.

    https://cloud.google.com/artifact-registry/docs/docker/authentication#json-key
    """
    try:
        packed = base64.b64decode(secret) if user == _PACKED_KEY_USER else secret
        if user in (_KEY_USER, _PACKED_KEY_USER):
            return str(json.loads(packed)["client_email"])
    except MALFORMED:
        return None
    return user if "@" in user else None


def run_login(command: Command) -> None:
    """Run a login, on the terminal where there is one."""
    if attend(command):
        raise Denied("signing in to Google Cloud failed", where="gcloud", hint=str(command))


def denied(words: str, host: str) -> Denied:
    """Return the fault for a denial."""
    what, hint = next(_readings(words, host))
    return Denied(what, where=host, hint=hint)


def _readings(words: str, host: str) -> Iterator[tuple[str, str]]:
    """Yield what the denial means and how to fix it, the narrowest reading first."""
    said = words.lower()
    if "reauth" in said or "invalid_rapt" in said or "invalid_grant" in said:
        yield f"Google asks you to sign in again: {words}", "gcloud auth login"
    if "docker-credential-" in said and "executable file not found" in said:
        yield from _helper_missing(words)
    if "error getting credentials" in said:
        yield f"Docker's credential helper does not respond: {words}", f"{DOOR} auth"
    if os.environ.get("SUDO_USER") and os.geteuid() == 0:
        yield f"root is not signed in, {os.environ['SUDO_USER']} may be: {words}", "run it without sudo"
    override = next((name for name in _OVERRIDES if os.environ.get(name)), None)
    if override and is_google(host):
        yield f"{override} is set in place of whoever is signed in: {words}", f"unset {override}"
    sign_in = f"{DOOR} auth" if is_google(host) else f"docker login {host}"
    if "unauthenticated request" in said:
        yield f"not signed in to the registry: {words}", sign_in
    if "uploadartifacts" in said or "downloadartifacts" in said or "may not exist" in said:
        any_of = "the account is wrong or lacks the role artifactregistry.writer, or the repository does not exist"
        yield f"{any_of}: {words}", _describe(words)
    if "name_unknown" in said or "name unknown" in said or "repository name not known" in said:
        yield f"no such repository: {words}", _describe(words) if is_google(host) else f"docker login {host}"
    yield f"the registry denied access: {words}", sign_in


def _helper_missing(words: str) -> Iterator[tuple[str, str]]:
    docker = shutil.which("docker") or ""
    if docker.startswith("/snap/"):
        yield (
            f"Docker from a snap cannot reach its credential helper: {words}",
            "install Docker Engine instead of the snap: https://docs.docker.com/engine/install/",
        )
    helper = re.search(_HELPER_PROGRAM, words)
    name = helper[0] if helper else "gcloud"
    yield f"Docker's credential helper is not on PATH: {words}", f"put the folder of {name} on PATH"


def _describe(words: str) -> str:
    found = re.search(_RESOURCE, words)
    if not found:
        return "gcloud auth list; gcloud artifacts repositories list"
    return (
        f"gcloud auth list; gcloud artifacts repositories describe {found['repository']} "
        f"--location={found['location']} --project={found['project']}"
    )
