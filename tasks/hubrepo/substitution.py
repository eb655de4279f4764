"""Words of a Dockerfile with their variables filled in, each character traced to its place in the file.

The rules are BuildKit's (https://docs.docker.com/reference/dockerfile/#environment-replacement): ``$X``, ``${X}``,
``${X:-word}``, ``${X:+word}``, ``${X:?word}``, the same without the colon, quotes and the escape character.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .instructions import Instruction

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
