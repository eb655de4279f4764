"""Where Docker gets a registry's credentials: its own configuration, and the helpers that it names.

The format is that of https://docs.docker.com/reference/cli/docker/login/#credential-stores, the helpers' protocol
that of https://github.com/docker/docker-credential-helpers.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.faults import ProgramFailed, Unusable
from ..core.names import DOCKER_HUB
from ..core.safe_files import read_file
from .command import Command, Output
from .process import ask_all, capture

# Docker's own name for Docker Hub, in its configuration and to its helpers.
_HUB_KEY = "https://index.docker.io/v1/"
# A helper's word for a secret that is no password, but a token to get one with.
IDENTITY_TOKEN = "<token>"  # noqa: S105 - a marker of the protocol
HELPER_SECONDS = 30.0


@dataclass(eq=False)
class Credentials:
    """What Docker sends to a registry; ``secret``, a password or token, is never shown."""

    user: str
    secret: str = field(repr=False)


@dataclass(eq=False)
class DockerLogins:
    """Docker's own configuration, as far as it says where credentials come from.

    ``helpers`` are the credential helpers by registry host (``credHelpers``), ``store`` that for every other host
    (``credsStore``), ``auths`` the logins that stand in the file itself, by host.
    """

    file: Path
    helpers: Mapping[str, str]
    store: str | None
    auths: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls) -> DockerLogins:
        """Read ``config.json`` in DOCKER_CONFIG or ``~/.docker``; empty where there is none."""
        file = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
        try:
            content = _object(json.loads(read_file(file)))
        except (FileNotFoundError, NotADirectoryError):
            content = {}
        except OSError as err:
            hint = f"ls -l {file}"
            raise Unusable(f"Docker's configuration cannot be read: {err.strerror}", where=file, hint=hint) from err
        except (ValueError, TypeError, RecursionError) as err:
            hint = f"fix or remove it: {file}"
            raise Unusable("Docker's configuration is not a JSON object", where=file, hint=hint) from err
        helpers = {str(host): name for host, name in _mapping(content, "credHelpers").items() if isinstance(name, str)}
        store = content.get("credsStore")
        return cls(file, helpers, store if isinstance(store, str) and store else None, _mapping(content, "auths"))

    def helper_for(self, host: str) -> str | None:
        """Return the name of the helper that Docker asks for ``host``, or None."""
        return self.helpers.get(_key(host), self.store)

    def has_login(self, host: str) -> bool:
        """Whether a login for ``host`` stands in the file itself."""
        return _key(host) in self.auths or f"https://{host}" in self.auths

    def credentials(self, host: str) -> Credentials | None:
        """Return what Docker would send to ``host``: the helper's answer, or the login in the file, or None."""
        helper = self.helper_for(host)
        return ask_helper(helper, host) if helper else self._own_login(host)

    def _own_login(self, host: str) -> Credentials | None:
        entry = self.auths.get(_key(host), self.auths.get(f"https://{host}"))
        packed = entry.get("auth") if isinstance(entry, dict) else None
        try:
            user, colon, secret = base64.b64decode(packed or "").decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, TypeError, ValueError):
            return None
        return Credentials(user, secret) if colon else None


def ask_helper(helper: str, host: str) -> Credentials | None:
    """Return what the credential helper has for ``host``; None where it is missing, has nothing, or fails."""
    question = Command((f"docker-credential-{helper}", "get"), stdin=_key(host))
    try:
        return _credentials(capture(question, seconds=HELPER_SECONDS))
    except ProgramFailed:
        return None


def answering_hosts(helpers: Mapping[str, str]) -> frozenset[str]:
    """Return the hosts that their credential helper answers for; ``helpers`` has the helpers' names by host."""
    answers = ask_all(lambda host: ask_helper(helpers[host], host), helpers)
    return frozenset(host for host, answer in zip(helpers, answers, strict=True) if answer is not None)


def _credentials(output: Output) -> Credentials | None:
    try:
        answer = json.loads(output.text) if output.ok else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not answer.get("Secret"):
        return None
    return Credentials(str(answer.get("Username", "")), str(answer["Secret"]))


def _key(host: str) -> str:
    return _HUB_KEY if host == DOCKER_HUB else host


def _object(content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise TypeError
    return content


def _mapping(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}
