"""gcloud and Docker's credential helpers: who is signed in, and where Docker gets a registry's credentials."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..faults import Denied, ProgramFailed, Unusable
from .run import Command, attend, capture, check

HELPER = "gcloud"
GOOGLE_SUFFIXES = (".pkg.dev", ".gcr.io")
GOOGLE_HOSTS = ("gcr.io",)
# https://cloud.google.com/docs/authentication/application-default-credentials
_ADC_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"


@dataclass(frozen=True)
class DockerLogins:
    """Docker's own configuration, as far as it says where credentials come from.

    The format is that of https://docs.docker.com/reference/cli/docker/login/#credential-helpers.

    Attributes:
        file: ``config.json``.
        helpers: credential helpers by registry host (``credHelpers``).
        store: the helper for every other host (``credsStore``), or None.
        hosts: the hosts with a login of their own (``auths``).
    """

    file: Path
    helpers: dict[str, str]
    store: str | None
    hosts: frozenset[str]

    @classmethod
    def read(cls) -> DockerLogins:
        """Read ``config.json`` in DOCKER_CONFIG or ``~/.docker``; empty where there is none.

        Raises:
            Unusable: it is no JSON object.
        """
        file = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
        try:
            content = json.loads(file.read_bytes()) if file.is_file() else {}
        except (OSError, ValueError) as err:
            raise _unreadable(file) from err
        if not isinstance(content, dict):
            raise _unreadable(file)
        helpers = {str(host): str(name) for host, name in _mapping(content, "credHelpers").items()}
        store = content.get("credsStore")
        return cls(file, helpers, store if isinstance(store, str) else None, frozenset(_mapping(content, "auths")))

    def helper_for(self, host: str) -> str | None:
        """Return the name of the helper that Docker asks for ``host``, or None."""
        return self.helpers.get(host, self.store)


def is_google(host: str) -> bool:
    """Whether ``host`` is a registry of Google's: Artifact Registry, or the older Container Registry."""
    return host in GOOGLE_HOSTS or host.endswith(GOOGLE_SUFFIXES)


def helper_answers(helper: str, host: str) -> bool:
    """Whether the credential helper has a secret for ``host``; the secret itself is looked at by nobody.

    The protocol is that of https://github.com/docker/docker-credential-helpers: ``get`` reads the host and answers
    with JSON.
    """
    try:
        output = capture(Command((f"docker-credential-{helper}", "get"), stdin=host))
    except ProgramFailed:
        return False
    if not output.ok:
        return False
    try:
        answer = json.loads(output.text)
    except ValueError:
        return False
    return isinstance(answer, dict) and bool(answer.get("Secret"))


def active_account() -> str | None:
    """Return the account that gcloud uses, or None where nobody is signed in.

    Raises:
        ProgramFailed: gcloud is missing, or fails.
    """
    command = Command(("gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=json", "--quiet"))
    output = check(command, hint="gcloud auth list")
    try:
        accounts = json.loads(output.text or "[]")
        return str(accounts[0]["account"]) if accounts else None
    except (ValueError, KeyError, TypeError, IndexError) as err:
        raise ProgramFailed("gcloud's list of accounts cannot be read", where="gcloud", hint=str(command)) from err


def login_command(*, key_file: Path | None, browser: bool) -> Command:
    """Return the command that signs in: a person on a terminal, or with a service account's or workload's file."""
    if key_file is not None:
        return Command(("gcloud", "auth", "login", f"--cred-file={key_file}", "--quiet"))
    return Command(("gcloud", "auth", "login", *([] if browser else ["--no-launch-browser"])))


def adc_command(*, browser: bool) -> Command:
    """Return the command that makes application default credentials."""
    return Command(("gcloud", "auth", "application-default", "login", *([] if browser else ["--no-launch-browser"])))


def configure_command(*hosts: str) -> Command:
    """Return the command that makes gcloud Docker's helper for ``hosts``; for gcr.io's hosts where none are given."""
    return Command(("gcloud", "auth", "configure-docker", *([",".join(hosts)] if hosts else []), "--quiet"))


def adc_file() -> Path:
    """Return where application default credentials lie."""
    named = os.environ.get(_ADC_VARIABLE)
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    return Path(named) if named else folder / "application_default_credentials.json"


def key_account(key_file: Path) -> str | None:
    """Return the account that ``key_file`` signs in; None where the file does not name one (workload identity).

    Raises:
        Unusable: it is no key file.
    """
    try:
        content = json.loads(key_file.read_bytes())
    except (OSError, ValueError) as err:
        raise Unusable("the key file cannot be read", where=key_file, hint=f"ls -l {key_file}") from err
    if not isinstance(content, dict) or content.get("type") not in ("service_account", "external_account"):
        raise Unusable(
            "this is neither a service account's nor a workload identity file",
            where=key_file,
            hint="make one: gcloud iam service-accounts keys create, or workload-identity-pools create-cred-config",
        )
    account = content.get("client_email")
    return str(account) if account else None


def run_login(command: Command) -> None:
    """Run a login, on the terminal where there is one.

    Raises:
        Denied: it did not end well.
        ProgramFailed: gcloud is missing.
    """
    if attend(command):
        raise Denied("signing in to Google Cloud failed", where="gcloud", hint=str(command))


def _mapping(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _unreadable(file: Path) -> Unusable:
    return Unusable("Docker's configuration is no JSON object", where=file, hint=f"mend or remove it: {file}")
