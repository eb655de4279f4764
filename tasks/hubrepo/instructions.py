"""A Dockerfile's instructions, each character with its place in the file.

Read as BuildKit's parser reads them (https://docs.docker.com/reference/dockerfile/): parser directives, comments,
lines that go on, here-documents. What an instruction does is not known here.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .text import Text

BLANKS = " \t\v\f\r"
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_TAKES_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})


class Instruction(NamedTuple):
    """One instruction, its continued lines joined.

    Attributes:
        keyword: its first word, in capitals.
        line: the number of the line that it begins on, from 1.
        arguments: what stands behind the keyword, without comments and line breaks.
        pieces: where in the file the arguments stand: pairs of an index into ``arguments`` and the index in the file
            of the character there; characters up to the next pair follow on.
    """

    keyword: str
    line: int
    arguments: str
    pieces: tuple[tuple[int, int], ...]

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where in the file ``arguments[start:end]`` stands; None where a line break is in between."""
        first = self._piece(start)
        if first != self._piece(max(start, end - 1)):
            return None
        in_arguments, in_file = self.pieces[first]
        return start - in_arguments + in_file, end - in_arguments + in_file

    def _piece(self, index: int) -> int:
        return bisect_right(self.pieces, index, key=lambda piece: piece[0]) - 1


class Heredoc(NamedTuple):
    """``<<NAME``: lines up to the one that says ``NAME``.

    Attributes:
        name: the closing line.
        chomps: whether leading tabs are taken off (``<<-NAME``).
    """

    name: str
    chomps: bool


class _Line(NamedTuple):
    """A line of the file: its number from 1, its first index, its characters without the line break."""

    number: int
    start: int
    content: str


def escape_character(text: Text) -> str:
    """Return the character that ends a line that goes on: a backslash, or what ``# escape=`` says.

    Raises:
        Unusable: the directive names another character than a backslash or a backtick.
    """
    for line in _lines(text.content):
        name, is_directive, value = line.content.strip().removeprefix("#").partition("=")
        name = name.strip().lower()
        if not (line.content.lstrip(BLANKS).startswith("#") and is_directive and name in _DIRECTIVES):
            break
        if name != "escape":
            continue
        if value.strip() not in {"\\", "`"}:
            raise Unusable(
                f"the escape directive names {value.strip()!r}",
                where=f"{text.where}:{line.number}",
                hint="write # escape=\\ or # escape=`",
            )
        return value.strip()
    return "\\"


def instructions(text: Text) -> Iterator[Instruction]:
    """Yield a Dockerfile's instructions in order.

    Raises:
        Unusable: a here-document that nothing closes, or a wrong escape directive.
    """
    escape = escape_character(text)
    lines = _lines(text.content)
    for line in lines:
        start = skip_blanks(line.content, 0)
        if start == len(line.content) or line.content[start] == "#":
            continue
        instruction = _joined(line, lines, escape)
        yield instruction
        for heredoc in _heredocs(instruction, escape):
            _skip(heredoc, lines, f"{text.where}:{instruction.line}")


def words(arguments: str, escape: str) -> list[tuple[int, int]]:
    """Return the start and end of each word; blanks in quotes and behind ``escape`` belong to their word.

    Nothing is returned where a quote is left open.
    """
    found: list[tuple[int, int]] = []
    start, quote = -1, ""
    index = 0
    while index < len(arguments):
        char = arguments[index]
        if not quote and char in BLANKS:
            if start >= 0:
                found.append((start, index))
            start = -1
        else:
            start = index if start < 0 else start
            if char == escape and quote != "'":
                index += 1
            elif char in {'"', "'"} and quote in {"", char}:
                quote = "" if quote else char
        index += 1
    if quote:
        return []
    return [*found, (start, len(arguments))] if start >= 0 else found


def skip_blanks(content: str, index: int) -> int:
    """Return the first index from ``index`` on that holds no blank."""
    while index < len(content) and content[index] in BLANKS:
        index += 1
    return index


def _lines(content: str) -> Iterator[_Line]:
    start, number = 0, 0
    while start < len(content):
        number += 1
        end = content.find("\n", start)
        end = len(content) if end < 0 else end
        yield _Line(number, start, content[start:end].removesuffix("\r"))
        start = end + 1


def _joined(first: _Line, lines: Iterator[_Line], escape: str) -> Instruction:
    """Join ``first`` and the lines that it goes on with, which are taken from ``lines``."""
    start = skip_blanks(first.content, 0)
    body, goes_on = _continued(first.content, escape)
    parts, pieces, length = [body[start:]], [(0, first.start + start)], len(body) - start
    while goes_on and (line := next(lines, None)) is not None:
        if not line.content.strip(BLANKS) or line.content.lstrip(BLANKS).startswith("#"):
            continue
        body, goes_on = _continued(line.content, escape)
        pieces.append((length, line.start))
        parts.append(body)
        length += len(body)
    return _instruction("".join(parts), pieces, first.number)


def _instruction(joined: str, pieces: list[tuple[int, int]], line: int) -> Instruction:
    start = end = skip_blanks(joined, 0)
    while end < len(joined) and joined[end] not in BLANKS:
        end += 1
    behind = [(max(index - end, 0), place + max(end - index, 0)) for index, place in pieces]
    kept = [
        piece for piece, following in zip(behind, [*behind[1:], None], strict=True) if not following or following[0]
    ]
    return Instruction(joined[start:end].upper(), line, joined[end:], tuple(kept))


def _continued(content: str, escape: str) -> tuple[str, bool]:
    """Split a line into what it says and whether it goes on: an escape character at its end, not an escaped one."""
    body = content.rstrip(" \t")
    if not body.endswith(escape) or body[:-1].endswith(escape):
        return content, False
    return body[:-1], True


def _heredocs(instruction: Instruction, escape: str) -> list[Heredoc]:
    """Return the here-documents that follow ``instruction``, in their order."""
    keyword, arguments = instruction.keyword, instruction.arguments
    if keyword == "ONBUILD":
        keyword, _, arguments = arguments.strip(BLANKS).replace("\t", " ").partition(" ")
    if keyword.upper() not in _TAKES_HEREDOCS or "<<" not in arguments:
        return []
    found = (_heredoc(arguments[start:end]) for start, end in words(arguments, escape))
    return [heredoc for heredoc in found if heredoc]


def _heredoc(word: str) -> Heredoc | None:
    """Read ``<<NAME``, ``<<-NAME``, ``3<<"NAME"``; None for any other word."""
    number, sign, name = word.partition("<<")
    if not sign or (number and not (number.isascii() and number.isdigit())) or "<" in name:
        return None
    chomps = name.startswith("-")
    name = name.removeprefix("-").replace('"', "").replace("'", "")
    return Heredoc(name, chomps) if name else None


def _skip(heredoc: Heredoc, lines: Iterator[_Line], where: str) -> None:
    for line in lines:
        content = line.content.lstrip("\t") if heredoc.chomps else line.content
        if content == heredoc.name:
            return
    raise Unusable(
        f"nothing closes the here-document {heredoc.name}", where=where, hint=f"end it by a line {heredoc.name}"
    )
