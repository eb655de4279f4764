"""The instructions and stages of a Dockerfile, each character with its place in the file.

Parser directives, comments, continued lines and here-documents are read as BuildKit reads them
(https://docs.docker.com/reference/dockerfile/). Of its substitutions ``$X``, ``${X}``, ``${X:-text}`` and
``${X:+text}`` are filled in, with the build arguments, or else the defaults, of the ``ARG`` lines before the first
``FROM``; a word with any other, with quotes inside or a line break inside is marked as unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain, dropwhile
from types import MappingProxyType
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.visible import keep_secret
from ..core.yaml_tree import Text

BLANKS = " \t\v\f\r"
# Before any other line: https://docs.docker.com/reference/dockerfile/#escape
_OTHER_ESCAPE = re.compile(r"(?:[ \t]*#[ \t]*\w+[ \t]*=.*\n)*?[ \t]*#[ \t]*escape[ \t]*=[ \t]*[^\\\s]", re.IGNORECASE)
_KEYWORD = re.compile(rf"[{BLANKS}]*([^{BLANKS}]*)")
# Blanks in quotes and after a backslash belong to their word.
_WORD = re.compile(
    r"""(?:[^ \t\v\f\r"'\\]+|\\.?|'[^']*'|"(?:[^"\\]|\\.)*"|(?P<open>["']))+""",
    re.DOTALL,
)
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
    """One instruction: its keyword in capitals, its line, and its arguments, which begin at the index ``start``.

    Where lines are continued, the arguments have as many blanks, or line breaks inside of a word, as the file has
    characters.
    """

    keyword: str
    line: int
    arguments: str
    start: int

    def words(self) -> list[re.Match[str]]:
        """Return the words of the arguments; nothing where a quote is left open."""
        found = list(_WORD.finditer(self.arguments))
        return [] if any(match["open"] for match in found) else found


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


class _Line(NamedTuple):
    number: int
    start: int
    content: str


def read_stages(text: Text, arguments: Mapping[str, str | None] = NO_VALUES) -> list[BuildStage]:
    """Return the stages, at least one; a build argument is None where it takes its value from the environment."""
    values: dict[str, Word] = {}
    stages: list[BuildStage] = []
    numbers: dict[str, int] = {}
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            stage = _stage(instruction, numbers, values, f"{text.where}:{instruction.line}")
            if stage.name:
                numbers[stage.name] = len(stages)
            stages.append(stage)
        elif instruction.keyword == "ARG" and not stages:
            _declare(instruction, values, arguments)
    if not stages:
        raise Unusable("no FROM in the Dockerfile", where=text.where, hint="begin it with FROM image:tag")
    return stages


def instructions(text: Text) -> Iterator[Instruction]:
    """Yield a Dockerfile's instructions in order."""
    if other := _OTHER_ESCAPE.match(text.content):
        raise Unusable(
            "the Dockerfile chooses another escape character, which is not supported",
            where=f"{text.where}:{other[0].count(chr(10)) + 1}",
            hint="remove # escape=, and continue lines with a backslash",
        )
    lines = _lines(text.content)
    for line in lines:
        if _is_skipped(line):
            continue
        instruction = _joined(line, lines)
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


def _joined(first: _Line, lines: Iterator[_Line]) -> Instruction:
    written = ""
    for line in chain([first], lines):
        if written and _is_skipped(line):
            continue
        is_inside = not {written[-1:], line.content[:1]} & {*BLANKS, ""}
        written = written.ljust(line.start - first.start, "\n" if is_inside else " ")
        body = line.content.rstrip(" \t")
        is_continued = body.endswith("\\") and not body.endswith("\\\\")
        written += body[:-1] if is_continued else line.content
        if not is_continued:
            break
    _, keyword, arguments = _KEYWORD.split(written, maxsplit=1)
    start = first.start + len(written) - len(arguments)
    return Instruction(keyword.replace("\n", "").upper(), first.number, arguments, start)


def _skip_heredocs(instruction: Instruction, lines: Iterator[_Line], where: str) -> None:
    for word in filter(None, (_HEREDOC.fullmatch(word[0]) for word in instruction.words())):
        chomps, name = word[1], word[2].replace('"', "").replace("'", "")
        contents = (line.content.lstrip("\t") if chomps else line.content for line in lines)
        if name and name not in contents:
            raise Unusable(f"nothing closes the here-document {name}", where=where, hint=f"end it by a line {name}")


def _declare(instruction: Instruction, values: dict[str, Word], arguments: Mapping[str, str | None]) -> None:
    """Add what ``ARG name=default …`` declares to ``values``; one without a value unsets an earlier one."""
    for word in instruction.words():
        name, sign, written = word[0].partition("=")
        keep_secret(name, written.strip("'\""))
        values.pop(name, None)
        if name in arguments:
            values[name] = _given(name, arguments[name])
        elif sign:
            value = _filled(written, instruction.start + word.end() - len(written), values)
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
    words = list(dropwhile(lambda word: word[0].startswith("--"), instruction.words()))
    if len(words) != 1 and [word[0].upper() for word in words[1:-1]] != ["AS"]:
        hint = "write FROM image:tag, or FROM image:tag AS name"
        raise Unusable("FROM needs one image", where=where, hint=hint)
    image = _filled(words[0][0], instruction.start + words[0].start(), values)
    parent = numbers.get(image.text.lower()) if image.is_known else None
    return BuildStage(instruction.line, words[0][0], image, parent, words[2][0].lower() if words[1:] else None)


def _filled(written: str, place: int, values: Mapping[str, Word]) -> Word:
    if "\n" in written:
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
