"""What of a command's output is another one every time, and how outputs are compared without it."""

import re

ANYTHING = "..."
_VOLATILE = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"sha256:[0-9a-f]{64}"), "sha256:DIGEST"),
    (re.compile(r"\bh?[0-9a-f]{7,40}\b"), "HASH"),
    (re.compile(r"/\S+/hubpress-(?:rehearsal|kept)-\w+"), "THE FOLDER"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b\d+\.\d s\b|\b\d+ min \d\d s\b"), "TIME"),
    # What a machine has, as doctor tells it.
    (re.compile(r"^(?:ok|-)( +\S+ +).+$", re.MULTILINE), r"ok\1WHAT IS HERE"),
    # Tables are as wide as what stands in them.
    (re.compile(r"(?<=\S) {2,}"), "  "),
    (re.compile(r" +$", re.MULTILINE), ""),
)


def settled(text: str) -> str:
    """Return ``text`` with what is volatile replaced by words for it."""
    for pattern, words in _VOLATILE:
        text = pattern.sub(words, text)
    return text.strip("\n")


def shows(expected: str, came: str) -> bool:
    """Whether what came out is what a document shows.

    ``...`` in the document stands for anything: for any lines where it is a line, else for a part of its line.
    """
    lines = (
        r"(?:.*\n)*?" if line.strip() == ANYTHING else ".*".join(map(re.escape, line.split(ANYTHING))) + r"\n"
        for line in settled(expected).splitlines()
    )
    return re.fullmatch("".join(lines), f"{settled(came)}\n") is not None
