"""What is shown, made harmless: secrets masked, and control characters spelled out as escapes.

Messages quote files, servers and programs. None of those may draw on the terminal, hide or reorder what stands there,
forge a line, or give a command to the CI that reads along.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from .masking import mask

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIONS = "GITHUB_ACTIONS"
# Printable, although str.isprintable says no: the line's own form, and the blanks of other scripts.
_KEPT = frozenset("\n\t\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")
# A line that begins with the first, or holds the second anywhere, is a command to GitHub's runner
# (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs).
_COMMAND = r"(?m)^(\s*)::|##\["
# How programs draw their progress: colours (none that hides text), the cursor moved within its column and up and down,
# the rest of a line erased, the cursor hidden meanwhile. Not: the screen cleared, the title set, keys reported.
_STYLE = r"[0-4]|[79]|2[1-79]|3[0-79]|9[0-7]|38;5;\d{1,3}|38;2(?:;\d{1,3}){3}"
_PROGRESS = rf"\x1b\[(?:(?:(?:{_STYLE});?)*m|\d{{0,4}}[ABCDGK]|\?25[hl])|\r"
# How Python holds bytes that are not UTF-8 (PEP 383).
_BYTES, _FIRST_BYTE = range(0xDC80, 0xDD00), 0x80
# The colours and the cursor as they were, whatever a program left behind.
STYLE_OFF = "\x1b[0m\x1b[?25h"


def visible(text: str) -> str:
    r"""Return ``text`` for people to see: without secrets, and without what is more than text.

    Shown as escapes (``\x1b``) are control, formatting and bidirectional characters, line separators other than the
    line feed, unassigned and private characters, and bytes that are not UTF-8. Letters of every script stay.
    """
    return _harmless(mask(text))


def one_line(text: str) -> str:
    """Return ``text`` as :func:`visible` does, with every run of white space and line breaks as one space.

    Secrets are masked first: one whose blanks are gone would not be known any more.
    """
    return _harmless(" ".join(mask(text).split()))


def visible_json(text: str) -> str:
    """Return JSON ``text`` as :func:`visible` does; the escapes are JSON's own, so that it means the same."""
    return _without_commands(_escaped(mask(text), _json_escape), "\\u00")


def visible_progress(text: str) -> str:
    """Return what a program draws on a terminal as :func:`visible` does, with the sequences of its progress kept."""
    pieces = re.split(f"({_PROGRESS})", mask(text))
    return "".join(piece if index % 2 else _harmless(piece) for index, piece in enumerate(pieces))


def _harmless(text: str) -> str:
    return _without_commands(_escaped(text, _escape), "\\x")


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in _KEPT else escape(char) for char in text)


def _without_commands(text: str, escape: str) -> str:
    """Return ``text`` so that GitHub's runner finds no command in it, where one reads it.

    Args:
        text: what is shown.
        escape: the beginning of an escape of two hexadecimal digits.
    """
    if not os.environ.get(ACTIONS):
        return text
    return re.sub(_COMMAND, lambda found: f"{found[0][:-1]}{escape}{ord(found[0][-1]):02x}", text)


def _escape(char: str) -> str:
    code = ord(char)
    shown = chr(code - _BYTES.start + _FIRST_BYTE) if code in _BYTES else char
    return shown.encode("unicode_escape").decode()


def _json_escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if char.isascii() else json.dumps(char)[1:-1]
