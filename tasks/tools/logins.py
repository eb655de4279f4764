"""Docker's logins for registries, Google's accounts, and the reasons of a denial.

For Docker's logins, see https://docs.docker.com/reference/cli/docker/login/#credential-stores; for Artifact Registry's
errors, https://cloud.google.com/artifact-registry/docs/troubleshooting.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..core.faults import CLI, Denied, Fault, ProgramFailed, Unreachable, Unusable
from ..core.names import DOCKER_HUB, Reference
from ..core.safe_files import expand_home, read_file
from .command import MALFORMED, Command, Output
from .process import capture, find, run_checked

HELPER = "gcloud"
# Docker Hub's name in Docker's configuration and for credential helpers.
_HUB_KEY = "https://index.docker.io/v1/"
# The user name that a helper gives with an identity token instead of a password.
IDENTITY_TOKEN = "<token>"  # noqa: S105 - a marker of the protocol
HELPER_SECONDS = 30.0
# The helpers' error for missing credentials (docker-credential-helpers, credentials/error.go).
_NO_CREDENTIALS = "credentials not found in native keychain"
# https://cloud.google.com/docs/authentication/application-default-credentials
_KEY_USER, _PACKED_KEY_USER = "_json_key", "_json_key_base64"
# Each of them overrides the sign-in.
_OVERRIDES = (
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_CORE_ACCOUNT",
)
_RESOURCE = r"projects/(?P<project>[\w.:-]+)/locations/(?P<location>[\w-]+)/repositories/(?P<repository>[\w-]+)"
_HELPER_PROGRAM = r"docker-credential-[\w.-]+"
_SIGN_IN_AGAIN = "(?i)reauth|invalid_rapt|invalid_grant"
_WRONG_ACCOUNT = "(?i)uploadartifacts|downloadartifacts|may not exist"
_NO_REPOSITORY = "(?i)name[_ ]unknown|repository name not known"
_EXPIRED = r"(?i)expired|\b401\b|unauthorized|unauthenticated|authorization failed|failed to fetch oauth token"
# gcloud's errors of a build.
_GOES_ON = "(?i)only stream logs|unable to stream logs"
_NO_LOGIN = "(?i)active account|reauth|gcloud auth login|invalid_grant|unauthenticated|authentication cred"
_NO_BUILDER_ROLE = r"(?i)permission[_ ]denied|error 403|\[403\]|forbidden|does not have"
_SILENT = "(?i)failed to connect|max retries exceeded|timed out|unavailable|communicationerror"


def is_google(host: str) -> bool:
    """Whether ``host`` is one of Google's registries: Artifact Registry, or the older Container Registry."""
    return host == "gcr.io" or host.endswith((".pkg.dev", ".gcr.io"))


def sign_in_command(host: str) -> str:
    """Return the command that signs in to the registry ``host``."""
    return f"{CLI} auth" if is_google(host) else f"docker login {host}"


def google_project(image: Reference) -> str | None:
    """Return the Google project of an image, the first part of its path; None for other registries."""
    return image.path.partition("/")[0] if is_google(image.host) else None


def _mapping(value: object) -> dict[str, Any]:
    """Return a part of a JSON document as a mapping, empty if it is not one."""
    return value if isinstance(value, dict) else {}


class Credentials(NamedTuple):
    """The credentials that Docker sends to a registry."""

    user: str
    secret: str


class DockerLogins(NamedTuple):
    """The credentials in Docker's configuration.

    ``helpers`` are the credential helpers by host, ``store`` is the helper for other hosts, ``auths`` are the logins by
    host.
    """

    file: Path
    helpers: Mapping[str, str]
    store: str | None
    auths: Mapping[str, Any]

    @classmethod
    def read(cls) -> DockerLogins:
        """Read ``config.json`` in DOCKER_CONFIG or ``~/.docker``; empty if it is missing."""
        file = Path(os.environ.get("DOCKER_CONFIG") or expand_home("~/.docker"), "config.json")
        try:
            content = json.loads(read_file(file).strip() or b"{}")  # Docker accepts an empty file
            helpers, auths = _mapping(content.get("credHelpers")), _mapping(content.get("auths"))
        except (FileNotFoundError, NotADirectoryError):
            content = helpers = auths = {}
        except OSError as err:
            hint = f"ls -l {file}"
            raise Unusable(f"Docker's configuration cannot be read: {err.strerror}", where=file, hint=hint) from err
        except MALFORMED as err:
            hint = f"fix or remove it: {file}"
            raise Unusable("Docker's configuration is not a JSON object", where=file, hint=hint) from err
        helpers = {str(host): name for host, name in helpers.items() if isinstance(name, str)}
        store = content.get("credsStore")
        return cls(file, helpers, store if isinstance(store, str) and store else None, auths)

    def helper_for(self, host: str) -> str | None:
        """Return the credential helper that Docker uses for ``host``, or None."""
        return self.helpers.get(_key(host), self.store)

    def credentials(self, host: str) -> Credentials | None:
        """Return the credentials that Docker would send to ``host``, or None; raise Denied if its helper fails."""
        if helper := self.helper_for(host):
            return _credentials_of(helper, host)
        try:
            # Docker also takes addresses, as its older versions wrote them.
            by_host = {re.sub("^https?://|/.*", "", name): entry for name, entry in self.auths.items()}
            entry = {**by_host, **self.auths}[_key(host)]
            if entry.get("identitytoken"):
                return Credentials(IDENTITY_TOKEN, entry["identitytoken"])
            packed = entry.get("auth")
            login = base64.b64decode(packed).decode() if packed else f"{entry['username']}:{entry['password']}"
            user, colon, secret = login.partition(":")
        except MALFORMED:
            return None
        return Credentials(user, secret) if colon else None


def ask_helper(helper: str | None, host: str) -> Credentials | None:
    """Return the helper's credentials for ``host``; None if the helper is missing, fails, or has none."""
    # Docker Desktop configures a helper for every host, which may know none of them.
    with contextlib.suppress(Denied):
        return _credentials_of(helper, host) if helper else None
    return None


def _credentials_of(helper: str, host: str) -> Credentials | None:
    """Return the helper's credentials for ``host``, or None; raise Denied if it fails."""
    program = f"docker-credential-{helper}"
    try:
        output = capture(Command((program, "get"), stdin=_key(host)), seconds=HELPER_SECONDS)
        # The output of a successful call contains the secret, even if it cannot be parsed.
        said = f"exit status {output.status}: {'not JSON' if output.ok else output.text or output.last_words}"
        answer = json.loads(output.text) if output.ok else {}
        if output.ok or _NO_CREDENTIALS in output.text:
            secret = answer.get("Secret")
            return Credentials(str(answer.get("Username", "")), str(secret)) if secret else None
    except ProgramFailed as err:
        said = f'"{program}": executable file not found' if find(program) is None else err.what
    except MALFORMED:
        pass
    raise denied(f"error getting credentials: {said}", host)


def _key(host: str) -> str:
    return _HUB_KEY if host == DOCKER_HUB else host


class Expired(Denied):
    """A registry denied access with credentials that may have expired during the run (exit code 4)."""


def denied(words: str, host: str) -> Denied:
    """Return the fault for a registry's denial: the narrowest reading of its words that applies, and how to fix it."""
    said, user = words.lower(), os.environ.get("SUDO_USER")
    sign_in = sign_in_command(host)
    look = "gcloud auth list; gcloud artifacts repositories list"
    if found := re.search(_RESOURCE, words):
        flags = f"--location={found['location']} --project={found['project']}"
        look = f"gcloud auth list; gcloud artifacts repositories describe {found['repository']} {flags}"
    helper = re.search(_HELPER_PROGRAM, words) if "executable file not found" in said else None
    override = next((name for name in _OVERRIDES if os.environ.get(name)), None) if is_google(host) else None
    any_of = "the account is wrong or lacks the role artifactregistry.writer, or the repository does not exist"
    readings = (
        (re.search(_SIGN_IN_AGAIN, words), f"Google asks you to sign in again: {words}", "gcloud auth login"),
        (
            helper,
            f"Docker's credential helper is not on PATH: {words}",
            f"put the folder of {helper and helper[0]} on PATH",
        ),
        ("error getting credentials" in said, f"Docker's credential helper does not respond: {words}", sign_in),
        (user and os.geteuid() == 0, f"root is not signed in, {user} may be: {words}", "run it without sudo"),
        (override, f"{override} is set in place of whoever is signed in: {words}", f"unset {override}"),
        ("unauthenticated request" in said, f"not signed in to the registry: {words}", sign_in),
        (re.search(_WRONG_ACCOUNT, words), f"{any_of}: {words}", look),
        (re.search(_NO_REPOSITORY, words), f"no such repository: {words}", look if is_google(host) else sign_in),
        (True, f"the registry denied access: {words}", sign_in),
    )
    what, hint = next((what, hint) for is_meant, what, hint in readings if is_meant)
    return (Expired if re.search(_EXPIRED, words) else Denied)(what, where=host, hint=hint)


def cloud_build_fault(done: Output, project: str | None) -> Fault:
    """Return the fault for a build that gcloud did not finish: the reason, and how to fix it."""
    words, where = done.last_words, f"project {project}" if project else "gcloud builds submit"
    at = f" --project={project}" if project else ""
    latest = f"its log above says why; again: gcloud builds list --limit=1{at}"
    ongoing = f"wait for it: gcloud builds list --ongoing{at}; then run the same command again, it finds the image"
    role = f"gcloud auth list; the account needs the role cloudbuild.builds.editor: gcloud builds list{at}"
    kinds: tuple[tuple[str, type[Fault], str, str], ...] = (
        ("(?i)completed with status", ProgramFailed, f"the build failed on Cloud Build: {words}", latest),
        (_GOES_ON, ProgramFailed, f"the build goes on, and gcloud cannot show its log: {words}", ongoing),
        (_NO_LOGIN, Denied, f"not signed in: {words}", "gcloud auth login"),
        (_NO_BUILDER_ROLE, Denied, f"Cloud Build denied it: {words}", role),
        (_SILENT, Unreachable, f"Cloud Build does not answer: {words}", f"gcloud builds list{at}"),
    )
    for sign, kind, what, hint in kinds:
        if re.search(sign, words):
            return kind(what, where=where, hint=hint)
    return ProgramFailed(words, where=where, hint="see gcloud's output above")


def active_account() -> str | None:
    """Return gcloud's active account, or None."""
    command = Command(("gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=value(account)", "--quiet"))
    return run_checked(command, hint="gcloud auth list").text.strip() or None


def key_account(key_file: Path) -> str | None:
    """Return the account in ``key_file``, or None for a workload identity; raise Unusable for any other file."""
    try:
        content = json.loads(read_file(key_file))
    except OSError as err:
        what = f"the key file cannot be read: {err.strerror}"
        raise Unusable(what, where=key_file, hint=f"ls -l {key_file.parent}") from err
    except (ValueError, RecursionError):
        content = None
    if _mapping(content).get("type") not in ("service_account", "external_account"):
        raise Unusable(
            "not a service account key or workload identity file",
            where=key_file,
            hint="make one: gcloud iam service-accounts keys create, or workload-identity-pools create-cred-config",
        )
    account = content.get("client_email")
    return str(account) if account else None


def account_of(user: str, secret: str) -> str | None:
    """Return the account of a login; None for a token.

    https://cloud.google.com/artifact-registry/docs/docker/authentication#json-key
    """
    if user not in (_KEY_USER, _PACKED_KEY_USER):
        return user if "@" in user else None
    try:
        return str(json.loads(secret if user == _KEY_USER else base64.b64decode(secret))["client_email"])
    except MALFORMED:
        return None
