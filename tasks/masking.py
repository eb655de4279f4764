"""Taking secrets out of what is shown: by where they stand, by what they look like, and those of the environment."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = "***"
# Patterns are texts, as in other rooms that every task imports: re compiles, and keeps, those that a run comes to use.

# user:password@ in an address (RFC 3986, 3.2.1); the password may hold an @ that should have been %40.
_USERINFO = r"""(?<=://)[^/\s"'<>]*@"""
# What follows the question mark of a signed address.
_PARAMETER = r"""(?<=[?&])([^=&?\s"'<>]{1,64})=([^&\s"'<>]+)"""
_HEADER = r"(?i)(authorization\s*[:=]\s*(?:basic|bearer)\s+)\S+"
_PEM = r"(?s)(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).{1,20000}?(-----END )"
# Tokens of GitHub, GitLab and Google say what they are.
_SHOWS_ITSELF = r"\b(?:gh[pousr]_\w{30,255}|github_pat_\w{30,255}|glpat-[\w-]{20,255}|ya29\.[\w-]{30,2048})"
_SECRET_PARTS = ("TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL", "APIKEY", "PRIVATE_KEY")
_SECRET_WORDS = frozenset({"AUTH", "COOKIE", "JWT", "PASS", "PAT", "SIG", "SIGNATURE"})
_KEY_WORD = "KEY"
_FILE_WORDS = frozenset({"CREDENTIAL", "CREDENTIALS", "DIR", "FILE", "HOME", "PATH", "SOCK"})
_SHORTEST_SECRET = 8


def mask(text: str) -> str:
    """Return ``text`` without secrets.

    Those are: passwords in addresses, signatures behind their question mark, authorization headers, private keys,
    tokens that show what they are, and the values of variables whose name says that they are secret.
    """
    masked = re.sub(_USERINFO, f"{MASK}@", text)
    masked = re.sub(_PARAMETER, _without_secret, masked)
    masked = re.sub(_HEADER, rf"\1{MASK}", masked)
    masked = re.sub(_PEM, rf"\1{MASK}\2", masked)
    masked = re.sub(_SHOWS_ITSELF, MASK, masked)
    for secret in sorted(_environments_own(), key=len, reverse=True):
        masked = masked.replace(secret, MASK)
    return masked


def _without_secret(parameter: re.Match[str]) -> str:
    return f"{parameter[1]}={MASK}" if names_secret(parameter[1].replace("-", "_")) else parameter[0]


def _environments_own() -> Iterator[str]:
    """Yield the secrets of the environment, and each line of those that have several, in every spelling."""
    for name, value in os.environ.items():
        if not names_secret(name) or _is_file(name, value):
            continue
        for part in {value, *value.splitlines()}:
            stripped = part.strip()
            if len(stripped) >= _SHORTEST_SECRET:
                yield from {stripped, json.dumps(stripped)[1:-1], quote(stripped, safe="")}


def names_secret(name: str) -> bool:
    """Whether a variable's or a parameter's name says that its value is secret."""
    upper = name.upper()
    words = upper.split("_")
    has_part = any(part in upper for part in _SECRET_PARTS)
    return has_part or not _SECRET_WORDS.isdisjoint(words) or words[-1] == _KEY_WORD


def _is_file(name: str, value: str) -> bool:
    """Whether a variable holds the path of a file with a secret, and not the secret."""
    return value.startswith(("/", "~")) and not _FILE_WORDS.isdisjoint(name.upper().split("_"))
