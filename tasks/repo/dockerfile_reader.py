"""Reading a Dockerfile: its instructions and stages, each character with its place in the file.

Read as BuildKit's parser reads them (https://docs.docker.com/reference/dockerfile/): parser directives, comments,
lines that go on, here-documents.

Variables are filled in by BuildKit's rules
(https://docs.docker.com/reference/dockerfile/#environment-replacement): ``$X``, ``${X}``,
``${X:-word}``, ``${X:+word}``, ``${X:?word}``, the same without the colon, quotes and the escape character.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import dropwhile
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.visible import keep_secret
from ..core.yaml_tree import Text

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


MAX_LENGTH = 4096
_MAX_DEPTH = 20
_PLATFORM = ("PLATFORM", "OS", "ARCH", "VARIANT", "OSVERSION")


class Leaf(NamedTuple):
    """Characters that stand in the file as they are.

    Attributes:
        text: the characters.
        place: the index in the file of the first one.
    """

    text: str
    place: int


class Expansion(NamedTuple):
    """What a word comes to.

    Attributes:
        leaves: its characters, in order.
        unknown: the variables in it whose value only a build knows.
    """

    leaves: tuple[Leaf, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The word's characters; unknown variables count as nothing."""
        return "".join(leaf.text for leaf in self.leaves)

    def named(self, name: str) -> Expansion:
        """Return this as the value of the variable ``name``: unknown where it is, or is out of all proportion."""
        if self.unknown or len(self.text) > MAX_LENGTH or len(self.leaves) > MAX_LENGTH:
            return Expansion(unknown=(name,))
        return self


def builtins() -> dict[str, Expansion]:
    """Return the variables that every build sets by itself: the platforms of the target and of the builder."""
    names = [f"{side}{part}" for side in ("TARGET", "BUILD") for part in _PLATFORM]
    return {name: Expansion(unknown=(name,)) for name in names}


def expanded(instruction: Instruction, start: int, end: int, values: Mapping[str, Expansion], escape: str) -> Expansion:
    """Fill in the variables of a word.

    Args:
        instruction: the instruction that has the word.
        start: the word's first index in the instruction's arguments.
        end: the index after its last.
        values: what each variable stands for; one that is not there is unset.
        escape: the escape character.
    """
    if end - start > MAX_LENGTH:
        return Expansion(unknown=(f"{instruction.arguments[start : start + 20]}…",))
    reader = _Reader(instruction, start, end, values, escape)
    reader.read("")
    return Expansion(tuple(reader.leaves()), tuple(dict.fromkeys(reader.unknown)))


@dataclass
class _Reader:
    """Reads one word from left to right."""

    instruction: Instruction
    position: int
    end: int
    values: Mapping[str, Expansion]
    escape: str
    found: list[Leaf] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    depth: int = 0

    def leaves(self) -> list[Leaf]:
        """Return what was found, neighbours in the file joined."""
        runs: list[list[Leaf]] = []
        for leaf in self.found:
            if runs and runs[-1][-1].place + len(runs[-1][-1].text) == leaf.place:
                runs[-1].append(leaf)
            else:
                runs.append([leaf])
        return [Leaf("".join(leaf.text for leaf in run), run[0].place) for run in runs]

    def read(self, stop: str) -> bool:
        """Read up to ``stop`` (a character, or nothing for the word's end); return whether that was met."""
        quoted = False
        while (char := self._peek()) and (quoted or char != stop):
            if char == '"':
                quoted = not quoted
                self.position += 1
            elif char == "'" and not quoted:
                self._single_quoted()
            elif char == "$":
                self._variable()
            else:
                self.position += char == self.escape and self.position + 1 < self.end
                self._take()
        return not stop or self._peek() == stop

    def _peek(self) -> str:
        return self.instruction.arguments[self.position] if self.position < self.end else ""

    def _take(self) -> None:
        span = self.instruction.span(self.position, self.position + 1)
        if span:
            self.found.append(Leaf(self._peek(), span[0]))
        self.position += 1

    def _single_quoted(self) -> None:
        self.position += 1
        while self._peek() not in {"'", ""}:
            self._take()
        self.position += 1

    def _variable(self) -> None:
        """Read ``$X`` or ``${X…}``."""
        if self.instruction.arguments[self.position + 1 : self.position + 2] == "{":
            self.position += 2
            self._braces()
            return
        dollar = self.position
        self.position += 1
        name = self._name()
        if name:
            self._use(self.values.get(name), name)
        else:
            self.position = dollar
            self._take()

    def _name(self) -> str:
        start = self.position
        while (char := self._peek()) and (char.isalnum() or char == "_"):
            self.position += 1
        return self.instruction.arguments[start : self.position]

    def _braces(self) -> None:
        name = self._name()
        value = self.values.get(name)
        colon = self._peek() == ":"
        self.position += colon
        sign = self._peek()
        if sign == "}" and not colon:
            self._use(value, name)
        else:
            self.position += 1
            is_set = value is not None and not (colon and not value.text and not value.unknown)
            word = self._word()
            self._choose(sign, value if is_set else None, word, name)
        self.position += 1

    def _word(self) -> Expansion | None:
        """Read up to the closing brace; None where there is none, or the nesting is out of all proportion."""
        if self.depth >= _MAX_DEPTH:
            self.position = self.end
            return None
        inner = _Reader(self.instruction, self.position, self.end, self.values, self.escape, depth=self.depth + 1)
        is_closed = inner.read("}")
        self.position = inner.position
        return Expansion(tuple(inner.leaves()), tuple(inner.unknown)) if is_closed else None

    def _choose(self, sign: str, value: Expansion | None, word: Expansion | None, name: str) -> None:
        """Use the value or the word of ``${name<sign>word}``; ``value`` is None where it counts as unset."""
        if word is None:
            self._use(None, name)
        elif sign == "-":
            self._use(value if value is not None else word, name)
        elif sign == "+":
            self._use(word if value is not None else Expansion(), name)
        else:
            self._use(value if sign == "?" else None, name)

    def _use(self, value: Expansion | None, name: str) -> None:
        if value is None:
            self.unknown.append(name)
        else:
            self.found += value.leaves
            self.unknown += value.unknown


_NAMED = 3  # words of FROM image AS name
_BUILTINS = builtins()


class BuildStage(NamedTuple):
    """One ``FROM``.

    Attributes:
        line: the line of the ``FROM``.
        word: the image as written.
        end: the index in the file after the word, before a closing quote; None where a line break is in the word.
        image: the image, variables filled in.
        parent: the number of the earlier stage that it builds on, from 0; None where it names an image.
        name: its own name in lower case, or None.
    """

    line: int
    word: str
    end: int | None
    image: Expansion
    parent: int | None
    name: str | None


class Dockerfile(NamedTuple):
    """What of a Dockerfile decides on its base images.

    Attributes:
        stages: its stages in order; at least one.
        rest: every instruction but ``FROM`` and the ``ARG`` lines before the first one.
    """

    stages: tuple[BuildStage, ...]
    rest: tuple[tuple[str, str], ...]


def read_dockerfile(text: Text) -> Dockerfile:
    """Read the stages.

    Raises:
        Unusable: no ``FROM``, or one that Docker would not take; a here-document without an end.
    """
    escape = escape_character(text)
    values = dict(_BUILTINS)
    stages: list[BuildStage] = []
    numbers: dict[str, int] = {}
    rest: list[tuple[str, str]] = []
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            stage = _stage(instruction, numbers, values, escape, f"{text.where}:{instruction.line}")
            if stage.name:
                numbers[stage.name] = len(stages)
            stages.append(stage)
        elif instruction.keyword == "ARG" and not stages:
            _declare(instruction, values, escape)
        else:
            rest.append((instruction.keyword, instruction.arguments))
    if not stages:
        raise Unusable("no FROM in the Dockerfile", where=text.where, hint="begin it with FROM image:tag")
    return Dockerfile(tuple(stages), tuple(rest))


def _declare(instruction: Instruction, values: dict[str, Expansion], escape: str) -> None:
    """Add the defaults of ``ARG name=default …`` to ``values``; one without a default unsets an earlier one."""
    for start, end in words(instruction.arguments, escape):
        name, sign, written = instruction.arguments[start:end].partition("=")
        keep_secret(name, written.strip("'\""))
        if sign:
            value = expanded(instruction, start + len(name) + 1, end, values, escape)
            values[name] = value.named(name)
        elif name not in _BUILTINS:
            values.pop(name, None)


def _stage(
    instruction: Instruction, numbers: dict[str, int], values: dict[str, Expansion], escape: str, where: str
) -> BuildStage:
    """Read a ``FROM``; ``numbers`` are those of the earlier stages, by their names."""
    arguments = instruction.arguments
    spans = list(dropwhile(lambda span: arguments.startswith("--", span[0]), words(arguments, escape)))
    said = [arguments[start:end] for start, end in spans]
    is_named = len(said) == _NAMED and said[1].upper() == "AS"
    if not is_named and len(said) != 1:
        raise Unusable("FROM needs one image", where=where, hint="write FROM image:tag, or FROM image:tag AS name")
    start, end = spans[0]
    image = expanded(instruction, start, end, values, escape)
    place = instruction.span(start, end - 1 if said[0][-1] in "\"'" else end)
    return BuildStage(
        line=instruction.line,
        word=said[0],
        end=place and place[1],
        image=image,
        parent=None if image.unknown else numbers.get(image.text.lower()),
        name=said[2].lower() if is_named else None,
    )
