"""Make text safe to show: quoted input must not control the terminal, forge lines, or send commands to CI."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote, quote_plus

MASK = "***"
# Most patterns are strings, as in other modules that all tasks import: re compiles, and caches, those that a run uses.

# user:password@ in a URL (RFC 3986, 3.2.1); the password may contain a quote, and an @ that should be %40.
_USERINFO = r"""(?<=://)[^/\s"<>]*@"""
# Query parameters, as in signed URLs.
_PARAMETER = r"""(?<=[?&])([^=&?\s"'<>]{1,64})=([^&\s"'<>]+)"""
_HEADER = r"(?i)(authorization\s*[:=]\s*(?:basic|bearer)\s+)\S+"
_PEM = r"(?s)(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).{1,20000}?(-----END )"
# Tokens of GitHub, GitLab and Google by their prefixes, also right after a colour or an escape: ``\x1b[32m``, ``\n``.
_PREFIXED = r"(?:gh[pousr]_\w{30,255}|github_pat_\w{30,255}|glpat-[\w-]{20,255}|ya29\.[\w-]{30,2048})"
_SECRET_PARTS = ("TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL", "APIKEY", "PRIVATE_KEY")
_SECRET_WORDS = frozenset(
    {"AUTH", "BEARER", "COOKIE", "DBPASS", "JWT", "NETRC", "PASS", "PAT", "SALT", "SIG", "SIGNATURE", "WEBHOOK"}
)
# The words of a name: DB_PWD, accessKey.
_WORD = r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])"

_FILE_WORDS = frozenset({"CREDENTIAL", "CREDENTIALS", "DIR", "FILE", "HOME", "PATH", "SOCK"})
# GitLab's minimum: a shorter one could be part of any word (https://docs.gitlab.com/ci/variables/).
_SHORTEST_SECRET = 8
# Secrets of this run, by name and value. The bound keeps a hostile file from slowing it down.
_MOST_KEPT = 1000
_kept: set[tuple[str, str]] = set()
# Secrets, as pairs of name and value.
Secrets: TypeAlias = "frozenset[tuple[str, str]]"
ACTIONS = "GITHUB_ACTIONS"
# Shown, although str.isprintable says no: line feeds, tabs, and the blanks of other scripts.
_AS_IS = frozenset("\n\t\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")
# A line that begins with ::, or contains ##[, is a command to GitHub's runner
# (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs).
_COMMAND = r"(?m)^(\s*)::|##\["
# Characters with a meaning in Markdown or on a forge.
_SPECIAL = frozenset("\\`*_[]<>|#@~")
# Characters that cannot be in code in a table's cell, and lookalikes.
_ALIKE = str.maketrans({"`": "'", "|": "\N{BROKEN BAR}"})
# How Python represents bytes that are not UTF-8 (PEP 383).
_BYTES, _FIRST_BYTE = range(0xDC80, 0xDD00), 0x80


def keep_secret(name: str, value: str) -> None:
    """Mask ``value`` from now on, if its ``name`` says that it is secret."""
    if len(_kept) < _MOST_KEPT and names_secret(name):
        _kept.add((name, value))


def mask(text: str) -> str:
    """Return ``text`` with secrets masked: those that the patterns find, and values of variables with secret names."""
    masked = re.sub(_USERINFO, f"{MASK}@", text)
    masked = re.sub(_PARAMETER, lambda one: f"{one[1]}={MASK if names_secret(one[1]) else one[2]}", masked)
    masked = re.sub(_HEADER, rf"\1{MASK}", masked)
    masked = re.sub(_PEM, rf"\1{MASK}\2", masked)
    masked = re.sub(_PREFIXED, MASK, masked)
    return without(masked, frozenset(_kept.union(_environments_own())))


def without(text: str, secrets: Secrets) -> str:
    """Return ``text`` with ``secrets`` masked in all of their spellings."""
    for spelling, shown in _spellings(secrets):
        text = text.replace(spelling, shown)
    return text


def bake_literal(text: str) -> str:
    """Return ``text`` escaped for bake, which evaluates ``${...}`` and ``%{...}`` in every string."""
    return text.replace("${", "$${").replace("%{", "%%{")


def names_secret(name: str) -> bool:
    """Whether the name of a variable or parameter says that its value is secret."""
    words = [word.upper() for word in re.findall(_WORD, name)]
    has_part = any(part in name.upper() for part in _SECRET_PARTS)
    # PWD alone is the current folder; KEY_ID and KEY_NAME are not secret.
    is_key = "KEY" in words and words[-1] not in {"ID", "NAME", *_FILE_WORDS}
    return has_part or is_key or "PWD" in words[1:] or not _SECRET_WORDS.isdisjoint(words)


def visible(text: str) -> str:
    r"""Return ``text`` for people: secrets are masked, and special characters are escaped (``\x1b``).

    Those are control, formatting, bidirectional, unassigned and private characters, line separators other than the line
    feed, and bytes that are not UTF-8. Letters of every script stay.
    """
    return _harmless(mask(text))


def one_line(text: str) -> str:
    """Return ``text`` like :func:`visible`, on one line."""
    # Mask first: secrets may contain blanks.
    return _harmless(" ".join(mask(text).split()))


def visible_json(content: object) -> str:
    """Return ``content`` as JSON on one line, in ASCII, safe to show like :func:`visible`; its keys are not masked."""
    return json.dumps(_masked(content)).replace("\x7f", "\\u007f").replace("##[", "##\\u005b")


def _masked(content: object) -> object:
    if isinstance(content, dict):
        return {key: _masked(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_masked(value) for value in content]
    return mask(content) if isinstance(content, str) else content


def code(text: str) -> str:
    """Return ``text`` as Markdown code that fits into a table's cell."""
    return f"`{one_line(text).translate(_ALIKE)}`"


def plain(text: str) -> str:
    """Return ``text`` escaped for Markdown."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in one_line(text))


def fenced(language: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a fenced code block; the fence is longer than any in ``lines``."""
    inside = list(lines)
    fence = "`" * max(3, *(len(run) + 1 for line in inside for run in re.findall("`+", line)), 3)
    yield from (f"{fence}{language}", *inside, fence)


def code_or(text: str | None, otherwise: str = "not known") -> str:
    """Return ``text`` as code, or ``otherwise`` if there is none."""
    return code(text) if text else otherwise


def table_lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a Markdown table; its cells are Markdown."""
    lines = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    yield from (next(lines), f"|{'---|' * len(head)}", *lines)


@lru_cache(maxsize=64)
def _spellings(secrets: Secrets) -> tuple[tuple[str, str], ...]:
    """Return pairs of text and replacement, longest first, because shorter ones may be part of longer ones.

    A secret may be shown line by line. A short one is masked only after its name.
    """
    found: dict[str, str] = {}
    for name, value in secrets:
        for part in {value, *value.splitlines()}:
            stripped = part.strip()
            if len(stripped) >= _SHORTEST_SECRET:
                found |= dict.fromkeys(_spelled(stripped), MASK)
            elif part == value:
                found |= _after_name(name, value)
    return tuple(sorted(found.items(), key=lambda pair: len(pair[0]), reverse=True))


def _after_name(name: str, value: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _spelled(value) - {""}:
        found |= {f"{name}={sign}{one}": f"{name}={sign}{MASK}" for sign in ("", "'", '"')}
        found |= {f'"{key}": "{one}"': f'"{key}": "{MASK}"' for key in _in_json(name)}
    return found | {one: json.dumps(shown)[1:-1] for text, shown in found.items() for one in _in_json(text)}


def _spelled(text: str) -> set[str]:
    """Return the spellings of ``text``: for bake, in JSON and URLs, quoted by Python and a shell, and combined."""
    forms = {text, bake_literal(text)}
    forms |= {written for form in forms for written in _in_json(form)}
    data = text.encode("utf-8", "surrogateescape")  # a variable's value may not be UTF-8
    forms |= {quote(data), quote(data, safe=""), quote_plus(data), repr(text)[1:-1]}
    forms |= {form.replace("'", "'\"'\"'") for form in forms}
    return forms | {written for form in forms for written in _in_json(form)}


def _in_json(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _environments_own() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        is_file = value.startswith(("/", "~")) and not _FILE_WORDS.isdisjoint(name.upper().split("_"))
        if names_secret(name) and not is_file:
            yield name, value


def _harmless(text: str) -> str:
    if not text.isprintable():
        text = "".join(char if char.isprintable() or char in _AS_IS else _escape(char) for char in text)
    if os.environ.get(ACTIONS):
        text = re.sub(_COMMAND, lambda found: f"{found[0][:-1]}\\x{ord(found[0][-1]):02x}", text)
    return text


def _escape(char: str) -> str:
    code = ord(char)
    shown = chr(code - _BYTES.start + _FIRST_BYTE) if code in _BYTES else char
    return shown.encode("unicode_escape").decode()
