"""The base image that a hub image's Dockerfile names, and what it copies.

A base is a z2jh hub image if its repository is called ``k8s-hub`` or ``k8s-hub-slim``, on whatever host, and its tag
is spelled as z2jh's are: ``base-3.2.1`` is somebody's own. Its version is in ``FROM``, or in an ``ARG`` before it
(https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact).

Comments, continued lines and here-documents are read as BuildKit reads them. Of the substitutions ``$X``, ``${X}``,
``${X:-text}`` and ``${X:+text}`` are filled in; a word with any other, or with quotes or a line break inside, is marked
as unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, dropwhile, takewhile
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from ..core.faults import Unusable
from ..core.names import Reference, is_tag
from ..core.visible import keep_secret
from ..core.yaml_tree import Edit, Text
from ..releases.versions import is_like_z2jh

HUB_NAMES = frozenset({"k8s-hub", "k8s-hub-slim"})
_Z2JHS_OWN = frozenset({"jupyterhub/k8s-hub", "jupyterhub/k8s-hub-slim"})
# In a path they are patterns, variables, quotes or parts of an address.
_NOT_IN_PATHS = frozenset("*?[]$\\<:\"'")
_BLANKS = " \t\v\f\r"
# Before any other line: https://docs.docker.com/reference/dockerfile/#escape
_OTHER_ESCAPE = re.compile(r"(?:[ \t]*#[ \t]*\w+[ \t]*=.*\n)*?[ \t]*#[ \t]*escape[ \t]*=[ \t]*[^\\\s]", re.IGNORECASE)
_KEYWORD = re.compile(rf"[{_BLANKS}]*([^{_BLANKS}]*)")
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
# The image that ``COPY --from=IMAGE`` and ``RUN --mount=…,from=IMAGE`` name; BuildKit fills no variables in there.
# Without a slash it may be a stage, or a named context: https://docs.docker.com/reference/dockerfile/#copy---from.
_FROM_IMAGE = re.compile(r"""--(?:from=|mount=(?:[^,]*,)*?(?i:from)=)([^\s,$"'/]+/[^\s,$"']+)(?=,|\Z)""")
_MAX_LENGTH = 4096
NO_VALUES: Mapping[str, str | None] = MappingProxyType({})


class Instruction(NamedTuple):
    """One instruction: its keyword in capitals, its line, and its arguments, which begin at the index ``start``.

    Where lines are continued, blanks, or line breaks inside of a word, stand for each character between.
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

    ``parent`` is the number, from 0, of the earlier stage that it builds on; None if it names an image. ``is_source``
    is whether files are taken from the image only.
    """

    line: int
    written: str
    image: Word
    parent: int | None
    name: str | None
    is_source: bool = False


class _Line(NamedTuple):
    number: int
    start: int
    content: str


def read_stages(text: Text, arguments: Mapping[str, str | None]) -> list[BuildStage]:
    """Return the stages, at least one, and then the images that files are taken from.

    A build argument is None where it takes its value from the environment.
    """
    values: dict[str, Word] = {}
    stages: list[BuildStage] = []
    sources: list[BuildStage] = []
    numbers: dict[str, int] = {}
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            stage = _stage(instruction, numbers, values, f"{text.where}:{instruction.line}")
            if stage.name:
                numbers[stage.name] = len(stages)
            stages.append(stage)
        elif instruction.keyword == "ARG" and not stages:
            _declare(instruction, values, arguments)
        elif instruction.keyword in {"COPY", "RUN"}:
            sources += _sources(instruction)
    if not stages:
        raise Unusable("no FROM in the Dockerfile", where=text.where, hint="begin it with FROM image:tag")
    return [*stages, *sources]


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
    return line.content.lstrip(_BLANKS)[:1] in {"", "#"}


def _joined(first: _Line, lines: Iterator[_Line]) -> Instruction:
    written = ""
    for line in chain([first], lines):
        if written and _is_skipped(line):
            continue
        is_inside = not {written[-1:], line.content[:1]} & {*_BLANKS, ""}
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
    if value is None:
        return Word(unsupported=f"the build argument {name}, whose value is the environment's")
    if "{" in value or "}" in value:
        return Word(unsupported=f"the build argument {name}, whose value {value} has a name in braces")
    return Word((Leaf(value, 0, name),) if value else ())


def _stage(instruction: Instruction, numbers: Mapping[str, int], values: Mapping[str, Word], where: str) -> BuildStage:
    words = list(dropwhile(lambda word: word[0].startswith("--"), instruction.words()))
    if len(words) != 1 and [word[0].upper() for word in words[1:-1]] != ["AS"]:
        hint = "write FROM image:tag, or FROM image:tag AS name"
        raise Unusable("FROM needs one image", where=where, hint=hint)
    image = _filled(words[0][0], instruction.start + words[0].start(), values)
    parent = numbers.get(image.text.lower()) if image.is_known else None
    return BuildStage(instruction.line, words[0][0], image, parent, words[2][0].lower() if words[1:] else None)


def _sources(instruction: Instruction) -> Iterator[BuildStage]:
    for flag in takewhile(lambda word: word[0].startswith("--"), instruction.words()):
        if image := _FROM_IMAGE.match(flag[0]):
            place = instruction.start + flag.start() + image.start(1)
            word = Word((Leaf(image[1], place),), end=place + len(image[1]))
            yield BuildStage(instruction.line, image[1], word, None, None, is_source=True)


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


class BaseImage(NamedTuple):
    """A ``FROM`` of a z2jh hub image: also as written, and the build arguments that hold a part of it.

    ``is_last`` is whether the last stage builds on it, ``other`` the first hub image of the file with another tag.
    """

    reference: Reference
    line: int
    text: str
    arguments: tuple[str, ...] = ()
    is_last: bool = True
    other: BaseImage | None = None


# An edit of the file, or of the build argument of that name.
_PlacedEdit: TypeAlias = tuple[str | None, Edit]


def hub_base(data: bytes, where: str, arguments: Mapping[str, str | None] = NO_VALUES) -> BaseImage | None:
    """Return the hub image that the last stage builds on, else the first one in the file, or None."""
    every = read_stages(Text.decode(data, where), arguments)
    last = [stage for stage in every if not stage.is_source][-1]
    while last.parent is not None:
        last = every[last.parent]
    stages = _hub_stages(every)
    chosen = last if last in stages else next((stage for stage in stages if not stage.is_source), None)
    if chosen is None:
        return None
    base = _base(chosen, where)
    others = (_base(stage, where) for stage in stages if stage is not chosen and stage.image.is_known)
    tagged = (one for one in others if one.reference.tag and base.reference.tag)
    other = next((one for one in tagged if one.reference.tag != base.reference.tag), None)
    return base._replace(is_last=chosen is last, other=other)


def line_below(data: bytes, where: str, target: str, arguments: Mapping[str, str | None] = NO_VALUES) -> int | None:
    """Return the line of the ``FROM`` with the image that a stage builds on, by its name or number; None without it."""
    every = [stage for stage in read_stages(Text.decode(data, where), arguments) if not stage.is_source]
    named = (stage for number, stage in enumerate(every) if target.lower() in {stage.name, str(number)})
    stage = next(named, None)
    while stage and stage.parent is not None:
        stage = every[stage.parent]
    return stage and stage.line


def copied_files(data: bytes, where: str) -> dict[str, int]:
    """Return what ``COPY`` and ``ADD`` take from the build context by its plain path, with the instruction's line.

    See https://docs.docker.com/reference/dockerfile/#copy.
    """
    found: dict[str, int] = {}
    for instruction in instructions(Text.decode(data, where)):
        words = [word[0] for word in instruction.words()]
        if instruction.keyword not in {"ADD", "COPY"} or any(word.startswith("--from=") for word in words):
            continue
        paths = list(dropwhile(lambda word: word.startswith("--"), words))
        if paths and paths[0].startswith("["):
            paths = [word.strip('[],"') for word in paths if word.strip('[],"')]
        found.update((path, instruction.line) for path in paths[:-1] if _NOT_IN_PATHS.isdisjoint(path))
    return found


def with_base(
    data: bytes, new: Reference, where: str, arguments: Mapping[str, str | None] = NO_VALUES
) -> tuple[bytes, Mapping[str, str]]:
    """Return the Dockerfile with its hub images moved to ``new``, and the build arguments that must change with it.

    It is ``data`` itself where it names that already. Images of several names, like ``k8s-hub-slim``, keep theirs.
    """
    text = Text.decode(data, where)
    before = read_stages(text, arguments)
    stages = _hub_stages(before)
    if all(stage.is_source for stage in stages):
        raise Unusable(
            "no FROM inherits from z2jh's hub image",
            where=where,
            hint="write FROM quay.io/jupyterhub/k8s-hub:VERSION, or give the ARG that it uses a default",
        )
    bases = [_base(stage, where) for stage in stages]
    # Files may be taken from a hub image of another name, which it then keeps.
    own = {base.reference.name for stage, base in zip(stages, bases, strict=True) if not stage.is_source}
    targets = dict(zip(stages, _targets(bases, own, new, where), strict=True))
    edits = [
        edit
        for base, (stage, target) in zip(bases, targets.items(), strict=True)
        for edit in _edits(stage, base.reference, target, f"{where}:{stage.line}")
    ]
    if not edits:
        return data, {}
    after = text.edited({edit for argument, edit in edits if argument is None})
    given = {name: Text(name, arguments[name] or "", b"") for name in {argument for argument, _ in edits} if name}
    changed = {
        name: value.edited({edit for argument, edit in edits if argument == name}).decode()
        for name, value in given.items()
    }
    for old, moved in zip(before, read_stages(Text.decode(after, where), {**arguments, **changed}), strict=True):
        wanted = str(targets[old]) if old in targets else old.image.text
        if moved.image.text != wanted:
            raise Unusable(
                f"the edit would make FROM {old.written} name {moved.image.text} instead of {wanted}",
                where=f"{where}:{old.line}",
                hint="give each image its own ARG",
            )
    return after, changed


def _hub_stages(stages: Sequence[BuildStage]) -> list[BuildStage]:
    found = []
    for stage in stages:
        folder, _, last = stage.image.text.partition("@")[0].rpartition("/")
        last, _, tag = last.partition(":")
        is_ours = f"{folder.rpartition('/')[2]}/{last}" in _Z2JHS_OWN
        is_hub = is_ours or not stage.image.is_known or not is_tag(tag) or is_like_z2jh(tag)
        if stage.parent is None and last in HUB_NAMES and is_hub:
            found.append(stage)
    return found


def _base(stage: BuildStage, where: str) -> BaseImage:
    place, unset, unsupported = f"{where}:{stage.line}", stage.image.unset, stage.image.unsupported
    if unsupported is not None:
        raise Unusable(
            f"FROM {stage.written} uses {unsupported}, which is not supported",
            where=place,
            hint="write plain text, $X, ${X}, ${X:-text} or ${X:+text}, quoted as a whole or not at all",
        )
    if unset is not None:
        raise Unusable(
            f"FROM {stage.written} needs {unset}, which has no default",
            where=place,
            hint=f"write ARG {unset}=… with a value before the first FROM, or its buildArgs in chartpress.yaml",
        )
    used = dict.fromkeys(leaf.argument for leaf in stage.image.leaves if leaf.argument is not None)
    return BaseImage(Reference.parse(stage.image.text, place), stage.line, stage.written, tuple(used))


def _targets(bases: Sequence[BaseImage], own: Collection[str], new: Reference, where: str) -> list[Reference]:
    targets = []
    for base in bases:
        name = new.name if [*own] == [base.reference.name] else base.reference.name
        if name != new.name and base.reference.digest and new.digest:
            raise Unusable(
                f"the digest of {new.name} is not that of {name}",
                where=f"{where}:{base.line}",
                hint="remove the @sha256:… there, or pin one hub image only",
            )
        targets.append(Reference(name, new.tag, new.digest if name == new.name else None))
    return targets


def _edits(stage: BuildStage, old: Reference, new: Reference, where: str) -> Iterator[_PlacedEdit]:
    leaves = stage.image.leaves
    name_end, tag_end, end = len(old.name), len(str(old._replace(digest=None))), len(str(old))
    if old.name != new.name:
        yield _edit(leaves, 0, name_end, new.name, where)
    if old.tag != new.tag:
        yield _edit(leaves, name_end, tag_end, f":{new.tag}" if new.tag else "", where)
    if old.digest is None and new.digest and not _in_one_leaf(leaves, name_end, tag_end, ""):
        # An ARG holds the version alone.
        yield None, Edit(stage.image.end, stage.image.end, f"@{new.digest}")
    elif old.digest != new.digest:
        yield _edit(leaves, tag_end, end, f"@{new.digest}" if new.digest else "", where)


def _edit(leaves: Sequence[Leaf], start: int, end: int, new: str, where: str) -> _PlacedEdit:
    """Replace characters of an image in the one place that holds them; those that stay may be elsewhere."""
    old = "".join(leaf.text for leaf in leaves)[start:end]
    head = _shared(old, new)
    tail = _shared(old[head:][::-1], new[head:][::-1])
    for first, last in ((0, 0), (min(head, 1), 0), (head, tail)):
        edit = _in_one_leaf(leaves, start + first, end - last, new[first : len(new) - last])
        if edit:
            return edit
    raise Unusable(
        "the base image's version is put together from several places",
        where=where,
        hint="write the version in one piece: in FROM, as one ARG's default, or as one build argument",
    )


def _shared(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _in_one_leaf(leaves: Sequence[Leaf], start: int, end: int, new: str) -> _PlacedEdit | None:
    """Return the edit of the leaf that holds ``start`` to ``end``; of the one before where nothing is replaced."""
    offset = 0
    for leaf in leaves:
        is_inside = offset <= start and end <= offset + len(leaf.text)
        if is_inside and (start < end or offset < start):
            return leaf.argument, Edit(leaf.place + start - offset, leaf.place + end - offset, new)
        offset += len(leaf.text)
    return None
