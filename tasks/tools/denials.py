"""What a registry's denial means, and what to do: told in the words of Docker, gcloud and the registries.

Artifact Registry's are those of https://cloud.google.com/artifact-registry/docs/troubleshooting.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

from ..core.faults import DOOR, Denied
from .google import is_google

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
_EXPIRED = r"(?i)expired|\b401\b|unauthorized|unauthenticated|authorization failed|failed to fetch oauth token"


class Expired(Denied):
    """A registry denied access to credentials that may have been good when the program began (exit code 4)."""


def denied(words: str, host: str) -> Denied:
    """Return the fault for a denial."""
    what, hint = next(_readings(words, host))
    return (Expired if re.search(_EXPIRED, words) else Denied)(what, where=host, hint=hint)


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
