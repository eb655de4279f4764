"""Credential files: keys, tokens and passwords, recognised by content and, where that is not enough, by name.

Only a file for nothing else counts, not values with a secret among them; neither does an encrypted (git-crypt, sops),
empty or example file.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable
from fnmatch import translate
from typing import Any, NamedTuple

from ..core.visible import mask, names_secret

LARGEST = 64 * 1024
# Most keys and tokens are far smaller than what may hold several of them.
_LIKELY = 16 * 1024
# https://github.com/AGWA/git-crypt/blob/master/doc/git-crypt.md and https://getsops.io/docs/
_GIT_CRYPT, _SOPS = b"\0GITCRYPT\0", "sops"
_SOPS_YAML = re.compile(rb"^sops:\s*$|^\s*\"?mac\"?: *\"?ENC\[", re.MULTILINE)
# The beginning of an encrypted value, or of a reference to one.
_NO_SECRET = ("ENC[", "<", "$", "{", "%")
_SHORTEST_PASSWORD = 8
_BOM = b"\xef\xbb\xbf"
# https://docs.docker.com/reference/cli/docker/login/
_LOGIN_SECRETS = ("auth", "password", "identitytoken", "registrytoken")
_PEM = re.compile(r"^-----BEGIN [^\n]*PRIVATE KEY[^\n]*\n((?:(?!-----(?:BEGIN|END) )[^\n]*\n)*)-----END ", re.MULTILINE)
_PEM_LETTERS = frozenset(f"{string.ascii_letters}{string.digits}+/=")
_LOGIN = re.compile(r"://([^/\s:@]*):?([^/\s@]*)@")
_HEADER = re.compile(r"^(?:.*=)?\s*authorization: ", re.MULTILINE | re.IGNORECASE)
# https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
_OF_A_USER = r"""(?<![\w-])(?:client-key-data|token|password)["']?\s*:\s*["']?([^\s"',}]+)"""
_GOOGLES_SECRETS = {
    "authorized_user": "refresh_token",
    "external_account_authorized_user": "refresh_token",
    "service_account": "private_key",
}


def is_likely_credential(path: str, size: int) -> bool:
    """Whether a file of that path and size is worth unpacking for :func:`credential_in` before it is written out."""
    is_named = any(kind.called.match(f"/{path}") for kind in _KINDS if not kind.sign)
    return size <= _LIKELY or (size <= LARGEST and is_named)


def is_encrypted(data: bytes) -> bool:
    """Whether sops or git-crypt has encrypted a file that holds ``data``."""
    return data.startswith(_GIT_CRYPT) or bool(_SOPS_YAML.search(data))


def credential_in(path: str, data: bytes) -> str | None:
    """Return the kind of credentials in a file, for people, or None; one larger than ``LARGEST`` has none."""
    kinds = [kind for kind in _KINDS if kind.sign in data and kind.called.match(f"/{path}")]
    is_json = data.removeprefix(_BOM).lstrip().startswith(b"{")
    if len(data) > LARGEST or data.startswith(_GIT_CRYPT) or not (kinds or is_json):
        return None
    text = data.decode("utf-8-sig", "replace")
    try:
        document = _mapping(json.loads(text)) if is_json else {}
    except (ValueError, RecursionError):
        document = {}
    if _SOPS in document:
        return None
    if _is_googles(document):
        return "credentials of Google Cloud"
    logins = map(_mapping, _mapping(document.get("auths")).values())
    if any(_is_given(login.get(name)) for login in logins for name in _LOGIN_SECRETS):
        return "a registry's password"
    return next((kind.what for kind in kinds if kind.opens(text)), None)


class _Kind(NamedTuple):
    """One kind of credential file; each contains ``sign``, so that most files are passed over without a closer look."""

    what: str
    called: re.Pattern[str]
    opens: Callable[[str], bool]
    sign: bytes = b""


def _called(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(translate(f"*/{pattern}") for pattern in patterns))


def _is_googles(document: dict[str, Any]) -> bool:
    """Whether it is one of https://cloud.google.com/docs/authentication/application-default-credentials.

    Those of a workload identity federation are secret only with a token to exchange in them
    (https://google.aip.dev/auth/4117), as google-github-actions/auth writes them.
    """
    kind = document.get("type")
    if kind == "external_account":
        headers = _mapping(_mapping(document.get("credential_source")).get("headers"))
        return "authorization" in map(str.lower, headers)
    source = _mapping(document.get("source_credentials")) if kind == "impersonated_service_account" else document
    secret = _GOOGLES_SECRETS.get(str(source.get("type")))
    return secret is not None and _is_given(source.get(secret))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_given(value: object) -> bool:
    """Whether ``value`` is itself a secret: neither empty, nor encrypted, nor a reference."""
    return isinstance(value, str) and bool(value.strip()) and not value.strip().startswith(_NO_SECRET)


def _has_private_key(text: str) -> bool:
    """Whether it has a private key in PEM (RFC 7468), and not only a placeholder for one: ``...``."""
    keys = ([line.rstrip() for line in key.splitlines()] for key in _PEM.findall(text))
    contents = ([line for line in key if line and ": " not in line] for key in keys)
    return any(lines and all(_PEM_LETTERS.issuperset(line) for line in lines) for lines in contents)


def _has_value(pattern: str) -> Callable[[str], bool]:
    """Return the question whether what ``pattern`` finds in a text is a secret itself."""
    return lambda text: any(map(_is_given, re.findall(pattern, text, re.MULTILINE | re.IGNORECASE)))


def _has_address(text: str) -> bool:
    """Whether an address has a password or token, or a header that actions/checkout puts into ``.git/config`` does.

    See https://git-scm.com/docs/git-credential-store.
    """
    logins = _LOGIN.findall(text)
    return any(_is_given(password) or mask(user) != user for user, password in logins) or bool(_HEADER.search(text))


def _has_variable(text: str) -> bool:
    """Whether a file of variables sets one with a secret's name to a possible secret."""
    lines = (line.strip().removeprefix("export ").partition("=") for line in text.splitlines())
    set_ones = ((name.strip(), value.strip().strip("'\"")) for name, _, value in lines if not name.startswith("#"))
    return any(len(value) >= _SHORTEST_PASSWORD and _is_given(value) and names_secret(name) for name, value in set_ones)


_KINDS = (
    _Kind("a private key", re.compile(""), _has_private_key, b"PRIVATE KEY"),
    _Kind("credentials of Google Cloud", _called("gha-creds-*.json", "application_default_credentials.json"), bool),
    _Kind("a web server's password", _called(".netrc", "_netrc"), _has_value(r"(?:^|\s)password\s+(\S+)")),
    _Kind("git's password", _called(".git-credentials", ".git/config"), _has_address),
    _Kind("a package index's password", _called(".pypirc"), _has_value(r"^password[ \t]*[=:](.*)")),
    _Kind("a key of AWS", _called("credentials", ".aws/config"), _has_value(r"^aws_secret_access_key[ \t]*=(.*)")),
    _Kind("a cluster's credentials", _called(".kube/config", "kubeconfig", "kubeconfig.y*ml"), _has_value(_OF_A_USER)),
    _Kind("a secret variable", _called(".env", ".env.local", ".env.prod*", ".env.secret*"), _has_variable),
)
