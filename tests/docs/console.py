"""The commands in the documents, as Markdown's own grammar finds them, and their output held against what comes out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support.machine import PROJECT

PROMPT = "$ "
NAMED = ("README.md", "CONTRIBUTING.md", "SECURITY.md")


@dataclass(frozen=True)
class Typed:
    """One command, and what the document shows of its output."""

    command: str
    shown: str


@dataclass(frozen=True)
class Block:
    """A fenced block, whose commands are typed one after the other in one place."""

    page: str
    line: int
    scene: str
    typed: tuple[Typed, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return the documents that people read."""
    named = [PROJECT / name for name in NAMED if (PROJECT / name).is_file()]
    return [*named, *sorted((PROJECT / "docs").rglob("*.md"))]


def blocks() -> Iterator[Block]:
    for page in pages():
        for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
            kind, _, scene = token.info.strip().partition(" ")
            if token.type == "fence" and token.map and kind == "console":
                typed = tuple(_typed(token.content))
                yield Block(page.relative_to(PROJECT).as_posix(), token.map[0] + 1, scene, typed)


def spans(page: Path) -> Iterator[str]:
    """Yield what stands between backticks in a page's text."""
    for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")):
        yield from (child.content for child in token.children or () if child.type == "code_inline")


def _typed(content: str) -> Iterator[Typed]:
    """Split a console's content at its prompts."""
    lines = content.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if line.startswith(PROMPT)]
    if begins[:1] != [0]:
        raise AssertionError(f"a console begins with {PROMPT!r}: {content}")
    for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        last = begin
        while lines[last].endswith("\\\n"):
            last += 1
        yield Typed("".join(lines[begin : last + 1]).removeprefix(PROMPT).rstrip("\n"), "".join(lines[last + 1 : end]))


# -- what of an output is another one every time, and how outputs are compared without it


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
