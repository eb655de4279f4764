"""What of a command's output is another one every time, and how outputs are compared without it."""

from __future__ import annotations

import doctest
import re

_VOLATILE = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"sha256:[0-9a-f]{64}"), "sha256:DIGEST"),
    (re.compile(r"\bh?[0-9a-f]{7,40}\b"), "HASH"),
    (re.compile(r"/\S+/hubpress-(?:rehearsal|kept)-\w+"), "THE FOLDER"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b\d+\.\d s\b|\b\d+ min \d\d s\b"), "TIME"),
    # What a machine has, as doctor tells it.
    (re.compile(r"^(ok +\S+ +).+$", re.MULTILINE), r"\1WHAT IS HERE"),
    # Tables are as wide as what stands in them.
    (re.compile(r"(?<=\S) {2,}"), "  "),
    (re.compile(r" +$", re.MULTILINE), ""),
)


def settled(text: str) -> str:
    """Return ``text`` with what is volatile replaced by words for it."""
    for pattern, words in _VOLATILE:
        text = pattern.sub(words, text)
    return text.strip("\n")


def is_shown(expected: str, came: str) -> bool:
    """Whether ``came`` is what a document shows; ``...`` in the document stands for anything."""
    return doctest.OutputChecker().check_output(f"{settled(expected)}\n", f"{settled(came)}\n", doctest.ELLIPSIS)
