"""Taking secrets out of what is shown: by where they stand, by how they look, and those that this run knows."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

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
# Tokens of GitHub, GitLab and Google say what they are, also right behind a colour or an escape: ``\x1b[32m``, ``\n``.
_SHOWS_ITSELF = r"(?:gh[pousr]_\w{30,255}|github_pat_\w{30,255}|glpat-[\w-]{20,255}|ya29\.[\w-]{30,2048})"
_SECRET_PARTS = ("TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL", "APIKEY", "PRIVATE_KEY")
_SECRET_WORDS = frozenset({"AUTH", "COOKIE", "JWT", "PASS", "PAT", "SIG", "SIGNATURE"})
_KEY_WORD = "KEY"
_FILE_WORDS = frozenset({"CREDENTIAL", "CREDENTIALS", "DIR", "FILE", "HOME", "PATH", "SOCK"})
_SHORTEST_SECRET = 8
# What this run was told to keep, by name and value. Whoever writes more secrets into a file wants to slow it down.
_MOST_KEPT = 1000
_kept: set[tuple[str, str]] = set()


def keep_secret(name: str, value: str) -> None:
    """Have ``value`` masked from now on, where the ``name`` that it is given under says that it is secret."""
    if len(_kept) < _MOST_KEPT and names_secret(name):
        _kept.add((name, value))


def mask(text: str) -> str:
    """Return ``text`` without secrets.

    Those are: passwords in addresses, signatures behind their question mark, authorization headers, private keys,
    tokens that show what they are, and what variables and build arguments hold whose names say that it is secret.
    """
    masked = re.sub(_USERINFO, f"{MASK}@", text)
    masked = re.sub(_PARAMETER, _without_secret, masked)
    masked = re.sub(_HEADER, rf"\1{MASK}", masked)
    masked = re.sub(_PEM, rf"\1{MASK}\2", masked)
    masked = re.sub(_SHOWS_ITSELF, MASK, masked)
    for spelling, shown in _spellings(frozenset(_kept.union(_environments_own()))):
        masked = masked.replace(spelling, shown)
    return masked


@lru_cache(maxsize=4)
def _spellings(secrets: frozenset[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return what is to be replaced, and by what: the longest first, of which others may be a part.

    A secret of several lines may be shown line by line. One that is short could be a part of any word: it is masked
    behind its name alone.
    """
    found: dict[str, str] = {}
    for name, value in secrets:
        for part in {value, *value.splitlines()}:
            stripped = part.strip()
            if len(stripped) >= _SHORTEST_SECRET:
                found |= dict.fromkeys(_spelled(stripped), MASK)
            elif part == value:
                found |= _behind_name(name, value)
    return tuple(sorted(found.items(), key=lambda pair: len(pair[0]), reverse=True))


def _behind_name(name: str, value: str) -> dict[str, str]:
    """Return what is to be replaced of a short secret: it and its name, as in a command, and as in JSON."""
    found: dict[str, str] = {}
    for one in _spelled(value) - {""}:
        found |= {f"{name}={sign}{one}": f"{name}={sign}{MASK}" for sign in ("", "'", '"')}
        found |= {f'"{key}": "{one}"': f'"{key}": "{MASK}"' for key in _in_json(name)}
    return found | {one: json.dumps(shown)[1:-1] for text, shown in found.items() for one in _in_json(text)}


def _spelled(text: str) -> set[str]:
    """Return ``text`` as we write it: for bake, in JSON and addresses, quoted by Python and a shell; in turn."""
    forms = {text, bake_literal(text)}
    forms |= {written for form in forms for written in _in_json(form)}
    forms |= {quote(text), quote(text, safe=""), quote_plus(text), repr(text)[1:-1]}
    forms |= {form.replace("'", "'\"'\"'") for form in forms}
    return forms | {written for form in forms for written in _in_json(form)}


def _in_json(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def bake_literal(text: str) -> str:
    """Return ``text`` so that bake reads it as it stands: it evaluates ``${...}`` and ``%{...}`` in every string."""
    return text.replace("${", "$${").replace("%{", "%%{")


def _without_secret(parameter: re.Match[str]) -> str:
    return f"{parameter[1]}={MASK}" if names_secret(parameter[1].replace("-", "_")) else parameter[0]


def _environments_own() -> Iterator[tuple[str, str]]:
    """Yield the secret variables of the environment."""
    for name, value in os.environ.items():
        if names_secret(name) and not _is_file(name, value):
            yield name, value


def names_secret(name: str) -> bool:
    """Whether a variable's or a parameter's name says that its value is secret."""
    upper = name.upper()
    words = upper.split("_")
    has_part = any(part in upper for part in _SECRET_PARTS)
    return has_part or not _SECRET_WORDS.isdisjoint(words) or words[-1] == _KEY_WORD


def _is_file(name: str, value: str) -> bool:
    """Whether a variable holds the path of a file with a secret, and not the secret."""
    return value.startswith(("/", "~")) and not _FILE_WORDS.isdisjoint(name.upper().split("_"))
