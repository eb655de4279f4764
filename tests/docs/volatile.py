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


def missing(expected: str, came: str) -> str | None:
    """Return the first lines that a document shows and that did not come out; None where all did.

    ``...`` in the document stands for anything: for any lines where it is a line, else for a part of its line.
    """
    rest = settled(came).splitlines()
    first, *others = _parts(settled(expected).splitlines())
    if not _fits(first, rest):
        return "\n".join(first)
    rest = rest[len(first) :]
    for number, part in enumerate(others, start=1):
        end = len(rest) - len(part)
        # What nothing follows stands at the end.
        places = range(max(end, 0), end + 1) if number == len(others) else range(end + 1)
        at = next((place for place in places if _fits(part, rest[place:])), None)
        if at is None:
            return "\n".join(part)
        rest = rest[at + len(part) :]
    return "\n".join(("nothing more, but there was:", *rest)) if rest else None


def _parts(lines: list[str]) -> list[list[str]]:
    """Return the runs of lines between the lines that stand for anything."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.strip() == ANYTHING:
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def _fits(expected: list[str], came: list[str]) -> bool:
    patterns = (".*".join(map(re.escape, line.split(ANYTHING))) for line in expected)
    return len(expected) <= len(came) and all(map(re.fullmatch, patterns, came))
