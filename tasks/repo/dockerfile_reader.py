"""The instructions and stages of a Dockerfile, each character with its place in the file.

Parser directives, comments, continued lines and here-documents are read as BuildKit reads them
(https://docs.docker.com/reference/dockerfile/). Of its substitutions ``$X``, ``${X}``, ``${X:-text}`` and
``${X:+text}`` are filled in, with the build arguments, or else the defaults, of the ``ARG`` lines before the first
``FROM``; a word with any other, with quotes inside or a line break inside is marked as unsupported.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import chain, dropwhile
from types import MappingProxyType
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.visible import keep_secret
from ..core.yaml_tree import Text

BLANKS = " \t\v\f\r"
_DIRECTIVE = re.compile(r"\s*#\s*(syntax|escape|check)\s*=\s*(.*?)\s*", re.IGNORECASE)
_KEYWORD = re.compile(rf"[{BLANKS}]*([^{BLANKS}]*)")
# Blanks in quotes and after the escape character belong to their word.
_WORD = r"""(?:[^ \t\v\f\r"'ESCAPE]+|ESCAPE.?|'[^']*'|"(?:[^"ESCAPE]|ESCAPE.)*"|(?P<open>["']))+"""
_WORDS = {escape: re.compile(_WORD.replace("ESCAPE", re.escape(escape)), re.DOTALL) for escape in ("\\", "`")}
_TAKES_HEREDOCS = frozenset({"ADD", "COPY", "RUN", "ONBUILD"})
_HEREDOC = re.compile(r"[0-9]*<<(-?)([^<]+)")
# Plain text, a variable, or else what is unsupported.
_PIECE = re.compile(
    r"""(?P<text>[^$"'\\`]+)|\$(?P<plain>[A-Za-z_]\w*)"""
    r"""|\$\{(?P<braced>[A-Za-z_]\w*)(?:(?P<sign>:[-+])(?P<word>[^{}$"'\\`]*))?\}|\$\{[^}]*\}*|.""",
    re.ASCII,
)
_MAX_LENGTH = 4096
NO_VALUES: Mapping[str, str | None] = MappingProxyType({})


class Instruction(NamedTuple):
    """One instruction, its continued lines joined; the keyword is in capitals, lines are counted from 1.

    Each pair in ``pieces`` is an index into ``arguments`` and the index in the file of the character there; the
    characters up to the next pair follow on.
    """

    keyword: str
    line: int
    arguments: str
    pieces: tuple[tuple[int, int], ...]
    escape: str

    def words(self) -> list[tuple[int, int]]:
        """Return the start and end of each word of the arguments; nothing where a quote is left open."""
        found = list(_WORDS[self.escape].finditer(self.arguments))
        return [] if any(match["open"] for match in found) else [match.span() for match in found]

    def place(self, start: int, end: int) -> int | None:
        """Return where in the file ``arguments[start:end]`` begins; None if a line break is in it."""
        first, last = (
            bisect_right(self.pieces, index, key=lambda piece: piece[0]) - 1 for index in (start, max(start, end - 1))
        )
        in_arguments, in_file = self.pieces[first]
        return start - in_arguments + in_file if first == last else None


class Leaf(NamedTuple):
    """Characters that are in the file, or in the build argument of that name, from the index ``place`` on."""

    text: str
    place: int
    argument: str | None = None


class Word(NamedTuple):
    """A word with its variables filled in, and its end in the file; or what is unset or unsupported in it."""

    leaves: tuple[Leaf, ...] = ()
    unset: str | None = None
    unsupported: str | None = None
    end: int = 0

    @property
    def text(self) -> str:
        """Its characters."""
        return "".join(leaf.text for leaf in self.leaves)

    @property
    def is_known(self) -> bool:
        """Whether the file alone determines its text."""
        return self.unset is None and self.unsupported is None


class BuildStage(NamedTuple):
    """One ``FROM``: its line, the image as written and filled in, and the stage's name in lower case.

    ``parent`` is the number, from 0, of the earlier stage that it builds on; None if it names an image.
    """

    line: int
    written: str
    image: Word
    parent: int | None
    name: str | None


class Dockerfile(NamedTuple):
    """A Dockerfile's stages, at least one, and every instruction but ``FROM`` and the ``ARG`` lines before it."""

    stages: tuple[BuildStage, ...]
    rest: tuple[tuple[str, str], ...]


class _Line(NamedTuple):
    number: int
    start: int
    content: str


def read_dockerfile(text: Text, arguments: Mapping[str, str | None] = NO_VALUES) -> Dockerfile:
    """Read the stages; a build argument is None where it takes its value from the environment."""
    values: dict[str, Word] = {}
    stages: list[BuildStage] = []
    numbers: dict[str, int] = {}
    rest: list[tuple[str, str]] = []
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            stage = _stage(instruction, numbers, values, f"{text.where}:{instruction.line}")
            if stage.name:
                numbers[stage.name] = len(stages)
            stages.append(stage)
        elif instruction.keyword == "ARG" and not stages:
            _declare(instruction, values, arguments)
        else:
            rest.append((instruction.keyword, instruction.arguments))
    if not stages:
        raise Unusable("no FROM in the Dockerfile", where=text.where, hint="begin it with FROM image:tag")
    return Dockerfile(tuple(stages), tuple(rest))


def instructions(text: Text) -> Iterator[Instruction]:
    """Yield a Dockerfile's instructions in order."""
    escape = _escape_character(text)
    lines = _lines(text.content)
    for line in lines:
        if _is_skipped(line):
            continue
        instruction = _joined(line, lines, escape)
        yield instruction
        if instruction.keyword in _TAKES_HEREDOCS and "<<" in instruction.arguments:
            _skip_heredocs(instruction, lines, f"{text.where}:{instruction.line}")


def _lines(content: str) -> Iterator[_Line]:
    start = 0
    for number, line in enumerate(content.split("\n"), 1):
        yield _Line(number, start, line.removesuffix("\r"))
        start += len(line) + 1


def _is_skipped(line: _Line) -> bool:
    return line.content.lstrip(BLANKS)[:1] in {"", "#"}


def _escape_character(text: Text) -> str:
    for line in _lines(text.content):
        directive = _DIRECTIVE.fullmatch(line.content)
        if not directive:
            break
        name, value = directive.groups()
        if name.lower() == "escape":
            if value in _WORDS:
                return str(value)
            raise Unusable(
                f"the escape directive names {value!r}",
                where=f"{text.where}:{line.number}",
                hint="write # escape=\\ or # escape=`",
            )
    return "\\"


def _joined(first: _Line, lines: Iterator[_Line], escape: str) -> Instruction:
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    length = 0
    for line in chain([first], lines):
        if parts and _is_skipped(line):
            continue
        body = line.content.rstrip(" \t")
        is_continued = body.endswith(escape) and not body.endswith(escape * 2)
        parts.append(body[:-1] if is_continued else line.content)
        places.append((length, line.start))
        length += len(parts[-1])
        if not is_continued:
            break
    _, keyword, arguments = _KEYWORD.split("".join(parts), maxsplit=1)
    pieces = tuple((index + len(arguments) - length, place) for index, place in places)
    return Instruction(keyword.upper(), first.number, arguments, pieces, escape)


def _skip_heredocs(instruction: Instruction, lines: Iterator[_Line], where: str) -> None:
    words = (_HEREDOC.fullmatch(instruction.arguments, start, end) for start, end in instruction.words())
    for word in filter(None, words):
        chomps, name = word[1], word[2].replace('"', "").replace("'", "")
        contents = (line.content.lstrip("\t") if chomps else line.content for line in lines)
        if name and name not in contents:
            raise Unusable(f"nothing closes the here-document {name}", where=where, hint=f"end it by a line {name}")


def _declare(instruction: Instruction, values: dict[str, Word], arguments: Mapping[str, str | None]) -> None:
    """Add what ``ARG name=default …`` declares to ``values``; one without a value unsets an earlier one."""
    for start, end in instruction.words():
        name, sign, written = instruction.arguments[start:end].partition("=")
        keep_secret(name, written.strip("'\""))
        values.pop(name, None)
        if name in arguments:
            values[name] = _given(name, arguments[name])
        elif sign:
            value = _filled(instruction, end - len(written), end, values)
            values[name] = value._replace(unsupported=value.unsupported and f"{value.unsupported} in ARG {name}")


def _given(name: str, value: str | None) -> Word:
    """Return a build argument's value; what is known only when something is built is marked as unsupported."""
    if value is None:
        return Word(unsupported=f"the build argument {name}, whose value is the environment's")
    if "{" in value or "}" in value:
        return Word(unsupported=f"the build argument {name}, whose value {value} has a name in braces")
    return Word((Leaf(value, 0, name),) if value else ())


def _stage(instruction: Instruction, numbers: Mapping[str, int], values: Mapping[str, Word], where: str) -> BuildStage:
    """Read a ``FROM``; ``numbers`` are those of the earlier stages, by their names."""
    arguments = instruction.arguments
    spans = list(dropwhile(lambda span: arguments.startswith("--", span[0]), instruction.words()))
    words = [arguments[start:end] for start, end in spans]
    if len(words) != 1 and [word.upper() for word in words[1:-1]] != ["AS"]:
        hint = "write FROM image:tag, or FROM image:tag AS name"
        raise Unusable("FROM needs one image", where=where, hint=hint)
    image = _filled(instruction, *spans[0], values)
    parent = numbers.get(image.text.lower()) if image.is_known else None
    return BuildStage(instruction.line, words[0], image, parent, words[2].lower() if words[1:] else None)


def _filled(instruction: Instruction, start: int, end: int, values: Mapping[str, Word]) -> Word:
    written, place = instruction.arguments[start:end], instruction.place(start, end)
    if place is None:
        return Word((Leaf(written[:_MAX_LENGTH], 0),), unsupported="a line break inside")
    quote = written[:1] if written[:1] in {"'", '"'} and written[1:].endswith(written[:1]) else ""
    written, place = written[len(quote) : len(written) - len(quote)], place + len(quote)
    leaves: list[Leaf] = []
    unset, unsupported = None, "$ in single quotes" if quote == "'" and "$" in written else None
    length = 0
    for match in _PIECE.finditer(written):
        part = _piece(match, place, values)
        leaves += part.leaves
        unset, unsupported = unset or part.unset, unsupported or part.unsupported
        length += len(match[0]) + len(part.text)
        if length > _MAX_LENGTH:
            return Word(unsupported=f"more than {_MAX_LENGTH} characters")
    return Word(tuple(leaves), unset, unsupported, place + len(written))


def _piece(match: re.Match[str], place: int, values: Mapping[str, Word]) -> Word:
    name, sign = match["plain"] or match["braced"], match["sign"]
    if not name:
        return Word((Leaf(match[0], place + match.start()),)) if match["text"] else Word(unsupported=match[0])
    value = values.get(name)
    has_value = value is not None and (bool(value.text) or not value.is_known)
    if value and (has_value if sign == ":-" else not sign):
        return value
    if not sign:
        return Word(unset=name)
    is_empty = not match["word"] or (sign == ":+" and not has_value)
    return Word() if is_empty else Word((Leaf(match["word"], place + match.start("word")),))
