"""Google Cloud: who is signed in, and the commands that sign in and let Docker use it."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from ..core.faults import Denied, ProgramFailed, Unusable
from ..core.safe_files import read_file
from .command import MALFORMED, Command
from .process import attend, run_checked

HELPER = "gcloud"

# https://cloud.google.com/docs/authentication/application-default-credentials
_KEY_USER, _PACKED_KEY_USER = "_json_key", "_json_key_base64"


def is_google(host: str) -> bool:
    """Whether ``host`` is a registry of Google's: Artifact Registry, or the older Container Registry."""
    return host == "gcr.io" or host.endswith((".pkg.dev", ".gcr.io"))


def active_account() -> str | None:
    """Return the account that gcloud uses; None without a sign-in."""
    command = Command(("gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=json", "--quiet"))
    output = run_checked(command, hint="gcloud auth list")
    try:
        accounts = json.loads(output.text or "[]")
        return str(accounts[0]["account"]) if accounts else None
    except MALFORMED as err:
        raise ProgramFailed("gcloud's list of accounts cannot be read", where="gcloud", hint=str(command)) from err


def adc_file() -> Path:
    """Return where application default credentials lie."""
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    return Path(named) if named else folder / "application_default_credentials.json"


def key_account(key_file: Path) -> str | None:
    """Return the account that ``key_file`` names; a workload identity's names none."""
    try:
        content = json.loads(read_file(key_file))
    except OSError as err:
        what = f"the key file cannot be read: {err.strerror}"
        raise Unusable(what, where=key_file, hint=f"ls -l {key_file.parent}") from err
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
