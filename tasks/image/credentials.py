"""Credential files, which a build context must not contain, by content and, for some kinds, by name.

Encrypted (git-crypt, sops), empty and example files do not count.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from fnmatch import fnmatchcase
from typing import NamedTuple

from ..core.visible import names_secret

LARGEST = 64 * 1024
# Most files with a key or token are much smaller than files with several of them.
_LIKELY = 16 * 1024
# The beginnings of encrypted values, and of references.
_NO_SECRET = ("ENC[", "<", "$", "{", "%")
_ANY_CASE = re.MULTILINE | re.IGNORECASE
# Escapes in quoted strings of JSON, YAML and programs.
_ESCAPE = r"\\(?:u[0-9a-fA-F]{4}|[/n])"
# RFC 7468, with headers, but not a placeholder (``...``); also indented, as in YAML, or in quotes.
_PEM = (
    r"""(?:^[ \t]*|["'])-----BEGIN [\w ]{0,30}PRIVATE KEY[\w \t\r-]{0,30}\n(?:[ \t]*[\w-]+: [^\n]*\n|[ \t\r]*\n)*"""
    r"((?:[ \t]*[a-z0-9+/=]+[ \t\r]*\n(?:[ \t\r]*\n)*)+)[ \t]*-----END "
)
_AGE = r"^AGE-SECRET-KEY-1(\w{58})"
_PUTTY = r"\APuTTY-User-Key-File.*\n(Encryption: none)\r?$"
# https://cloud.google.com/docs/authentication/application-default-credentials. Workload identity files are secret only
# if they contain a token (https://google.aip.dev/auth/4117), like those of google-github-actions/auth.
_GOOGLE = "credentials of Google Cloud"
_FEDERATION = r'"headers"\s*:\s*\{[^{}]*"authorization"\s*:\s*"([^"]+)"'
# https://docs.docker.com/reference/cli/docker/login/
_DOCKER = r'"(?:auth|password|identitytoken|registrytoken)"\s*:\s*"([^"]+)"'
# https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
_OF_A_USER = r"""(?<![\w-])(?:client-key-data|token|password)["']?\s*:\s*["']?([^\s"',}]+)"""
# A password or token in a URL, or the header that actions/checkout writes to .git/config.
# https://git-scm.com/docs/git-credential-store
_ADDRESS = (
    r"://(?:[^/\s:@]*:|(?=gh[pousr]_|github_pat_|glpat-|ya29\.))([^/\s@]+)@|^(?:[^\n=]*=)?[ \t]*(authorization: )"
)
_VARIABLE = r"""^[ \t]*(?:export[ \t]+)?(?P<name>[\w.-]+)[ \t]*=[ \t]*["']?([^\s"'][^\n]{6,}[^\s"'])"""


class _Kind(NamedTuple):
    """One kind of credential file.

    Attributes:
        secret: a pattern whose last group is the secret; a group ``name``, if any, must be a secret's name.
        sign: a text that every such file contains, to rule out most files quickly.
        names: patterns of file names; by default, any name.
    """

    what: str
    secret: str
    sign: str = ""
    names: tuple[str, ...] = ()

    def may_be(self, path: str) -> bool:
        """Whether the file name matches."""
        return not self.names or any(fnmatchcase(f"/{path}", f"*/{name}") for name in self.names)


_KINDS = (
    _Kind(_GOOGLE, r'"private_key"\s*:\s*"([^"]+)"', '"service_account"'),
    _Kind(_GOOGLE, r'"refresh_token"\s*:\s*"([^"]+)"', 'authorized_user"'),
    _Kind(_GOOGLE, _FEDERATION, '"external_account"'),
    _Kind("a private key", _PEM, "PRIVATE KEY"),
    _Kind("a private key", _AGE, "AGE-SECRET-KEY-1"),
    _Kind("a private key", _PUTTY, "PuTTY-User-Key"),
    _Kind("a registry's password", _DOCKER, '"auths"'),
    _Kind("a web server's password", r"(?:^|\s)password\s+(\S+)", names=(".netrc", "_netrc")),
    _Kind("git's password", _ADDRESS, names=(".git-credentials", ".git/config")),
    _Kind("a package index's password", r"^password[ \t]*[=:](.*)", names=(".pypirc",)),
    _Kind("a package index's password", _ADDRESS, names=("pip.conf", "pip.ini")),
    _Kind("a package registry's token", r"_authToken[ \t]*=(.*)", names=(".npmrc",)),
    _Kind("a key of AWS", r"^aws_secret_access_key[ \t]*=(.*)", names=("credentials", ".aws/config")),
    _Kind("a cluster's credentials", _OF_A_USER, names=(".kube/config", "*kubeconfig", "*kubeconfig.y*ml")),
    _Kind("a secret variable", _VARIABLE, names=(".env", ".env.local", ".env.prod*", ".env.secret*")),
)


def credential_in(path: str, data: bytes) -> str | None:
    """Return the kind of credentials in a file, for people, or None, also if it is larger than ``LARGEST``."""
    if len(data) > LARGEST:
        return None
    # The patterns are ASCII, and this decodes binary files quickly.
    text = data.removeprefix(BOM_UTF8).decode("latin-1")
    if "\\" in text:
        text += "\n" + re.sub(_ESCAPE, lambda one: json.loads(f'"{one[0]}"'), text)
    for kind in (kind for kind in _KINDS if kind.sign in text and kind.may_be(path)):
        for found in re.finditer(kind.secret, text, _ANY_CASE):
            secret, name = found[found.lastindex or 0].strip(), found.groupdict().get("name")
            if secret and not secret.startswith(_NO_SECRET) and (name is None or names_secret(name)):
                return kind.what
    return None


def may_be_credentials(path: str, size: int) -> bool:
    """Whether a file of this name and size should be searched (:func:`credential_in`) before it is written out."""
    return size <= _LIKELY or (size <= LARGEST and any(kind.names and kind.may_be(path) for kind in _KINDS))
