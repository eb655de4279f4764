"""The stages of a Dockerfile: each ``FROM``, with the defaults of the ``ARG`` lines before the first one filled in."""

from __future__ import annotations

from itertools import dropwhile
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable
from ..masking import keep_secret
from .instructions import escape_character, instructions, words
from .substitution import Expansion, builtins, expanded

if TYPE_CHECKING:
    from .instructions import Instruction
    from .text import Text

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
