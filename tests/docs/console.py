"""The commands in the documents: every block of a console or of bash, as Markdown's own grammar finds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support.machine import PROJECT

CONSOLE, SCRIPTS = "console", ("bash", "sh")
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
    """Yield the blocks of all documents."""
    for page in pages():
        for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
            kind, _, scene = token.info.strip().partition(" ")
            if token.type == "fence" and token.map and kind in (CONSOLE, *SCRIPTS):
                typed = tuple(_typed(token.content)) if kind == CONSOLE else (Typed(token.content, ""),)
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
