"""The base image of a hub image's Dockerfile, and the files that it copies.

A base image is z2jh's if its repository is called ``k8s-hub`` or ``k8s-hub-slim``, on any host, and its tag has the
form of z2jh's tags: ``base-3.2.1`` has not. Its version is in ``FROM``, or in an ``ARG`` before it
(https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact).

Comments, continued lines and here-documents are parsed like in BuildKit. The substitutions ``$X``, ``${X}``,
``${X:-text}`` and ``${X:+text}`` are supported. Words with other substitutions, or with quotes or line breaks inside,
are marked as unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, dropwhile, takewhile
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.names import Reference, is_tag
from ..core.visible import keep_secret
from ..core.yaml_tree import Edit, Text
from ..releases.versions import is_like_z2jh
from .charts import BuildArgument

IGNORE_FILE = ".dockerignore"
HUB_NAMES = frozenset({"k8s-hub", "k8s-hub-slim"})
_Z2JHS_OWN = frozenset({"jupyterhub/k8s-hub", "jupyterhub/k8s-hub-slim"})
# Characters of patterns, variables, quotes and URLs.
_NOT_IN_PATHS = frozenset("*?[]$\\<:\"'")
_BLANKS = " \t\v\f\r"
# A backslash at the end of a line continues it, past comments and empty lines.
_CONTINUED = rf"(?<!\\)\\[ \t]*\r?(?:\n|\Z)(?:[{_BLANKS}]*(?:#[^\n]*)?(?:\n|\Z))*"
# The lines of a comment or an instruction.
_LINES = rf"[{_BLANKS}]*#[^\n]*|(?:[^\\\n]+|{_CONTINUED}|\\)*"
_KEYWORD = rf"[{_BLANKS}]*([^{_BLANKS}]*)"
# Blanks in quotes or after a backslash belong to the word.
_WORD = r"""(?s)(?:[^ \t\v\f\r"'\\]+|\\.?|'[^']*'|"(?:[^"\\]|\\.)*"|(?P<open>["']))+"""
_TAKES_HEREDOCS = frozenset({"ADD", "COPY", "RUN", "ONBUILD"})
_HEREDOC = r"[0-9]*<<(-?)([^<]+)"
# Plain text, a variable, or something unsupported.
_PIECE = (
    r"""(?a)(?P<text>[^$"'\\`]+)|\$(?P<plain>[A-Za-z_]\w*)"""
    r"""|\$\{(?P<braced>[A-Za-z_]\w*)(?:(?P<sign>:[-+])(?P<word>[^{}$"'\\`]*))?\}|\$\{[^}]*\}*|."""
)
# The image in ``COPY --from=IMAGE`` and ``RUN --mount=…,from=IMAGE``, where BuildKit replaces no variables. A name
# without a slash may be a stage or a named context: https://docs.docker.com/reference/dockerfile/#copy---from.
_FROM_IMAGE = r"""--(?:from=|mount=(?:[^,]*,)*?(?i:from)=)([^\s,$"'/]+/[^\s,$"']+)(?=,|\Z)"""
_MAX_LENGTH = 4096


class Instruction(NamedTuple):
    """An instruction: its keyword in upper case, its line, and its arguments, which begin at the index ``start``.

    In continued lines, blanks (or line breaks, inside a word) replace the characters in between, to keep the indexes.
    """

    keyword: str
    line: int
    arguments: str
    start: int

    def words(self) -> list[re.Match[str]]:
        """Return the words of the arguments, or nothing if a quote is not closed."""
        found = list(re.finditer(_WORD, self.arguments))
        return [] if any(match["open"] for match in found) else found


class Piece(NamedTuple):
    """Text from the index ``place`` of the file, or of the build argument ``argument``."""

    text: str
    place: int
    argument: str | None = None


class Word(NamedTuple):
    """A word with its variables replaced; ``fault`` is a clause that says why that is not possible, else empty."""

    pieces: tuple[Piece, ...] = ()
    fault: str = ""

    @property
    def text(self) -> str:
        """Its text."""
        return "".join(piece.text for piece in self.pieces)


class BuildStage(NamedTuple):
    """A ``FROM``, or an image to copy files from: its line, and the image as ``written`` at the index ``start``.

    ``image`` has its variables replaced. If it names an earlier stage, ``root`` is the stage at the end of that chain,
    whose ``FROM`` names an image. ``name`` is the stage's name in lower case.
    """

    line: int
    start: int
    written: str
    image: Word
    root: BuildStage | None = None
    name: str | None = None


def read_stages(text: Text, arguments: Mapping[str, BuildArgument]) -> tuple[list[BuildStage], list[BuildStage]]:
    """Return the stages, at least one, and the images to copy files from."""
    values: dict[str, Word] = {}
    stages: list[BuildStage] = []
    sources: list[BuildStage] = []
    roots: dict[str, BuildStage] = {}
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            stage = _stage(instruction, roots, values, f"{text.where}:{instruction.line}")
            if stage.name:
                roots[stage.name] = stage.root or stage
            stages.append(stage)
        elif instruction.keyword == "ARG" and not stages:
            _declare(instruction, values, arguments)
        elif instruction.keyword in {"COPY", "RUN"}:
            for flag in takewhile(lambda word: word[0].startswith("--"), instruction.words()):
                if image := re.match(_FROM_IMAGE, flag[0]):
                    start = instruction.start + flag.start() + image.start(1)
                    sources.append(BuildStage(instruction.line, start, image[1], Word((Piece(image[1], start),))))
    if not stages:
        raise Unusable("no FROM in the Dockerfile", where=text.where, hint="begin it with FROM image:tag")
    return stages, sources


def instructions(text: Text) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile in order."""
    begin, number = 0, 1
    while begin < len(text.content):
        found = re.compile(_LINES).match(text.content, begin)
        lines = found[0] if found else ""
        end = begin + len(lines) + 1
        written = re.sub(_CONTINUED, _blank, lines).removesuffix("\r")
        _, keyword, arguments = re.split(_KEYWORD, written, maxsplit=1)
        if keyword and not keyword.startswith("#"):
            start = begin + len(written) - len(arguments)
            instruction = Instruction(keyword.replace("\n", "").upper(), number, arguments, start)
            yield instruction
            if instruction.keyword in _TAKES_HEREDOCS and "<<" in arguments:
                end = _after_heredocs(instruction, text, end)
        number += text.content.count("\n", begin, end)
        begin = end


def _blank(continued: re.Match[str]) -> str:
    text, (start, end) = continued.string, continued.span()
    is_inside = not {text[start - 1 : start], text[end : end + 1]} & {*_BLANKS, ""}
    return ("\n" if is_inside else " ") * (end - start)


def _after_heredocs(instruction: Instruction, text: Text, end: int) -> int:
    """Return the index after the here-documents that begin at the index ``end``."""
    for word in filter(None, (re.fullmatch(_HEREDOC, word[0]) for word in instruction.words())):
        tabs, name = "\t*" if word[1] else "", word[2].replace('"', "").replace("'", "")
        last = re.compile(rf"(?m)^{tabs}{re.escape(name)}\r?$").search(text.content, end)
        if name and not last:
            where, hint = f"{text.where}:{instruction.line}", f"end it by a line {name}"
            raise Unusable(f"nothing closes the here-document {name}", where=where, hint=hint)
        end = last.end() + 1 if name and last else end
    return end


def _declare(instruction: Instruction, values: dict[str, Word], arguments: Mapping[str, BuildArgument]) -> None:
    """Add the variables of ``ARG name=default …`` to ``values``; without a value, it removes an earlier one."""
    for word in instruction.words():
        name, sign, written = word[0].partition("=")
        keep_secret(name, written.strip("'\""))
        values.pop(name, None)
        if name in arguments:
            given = arguments[name].value
            if given is None or not {"{", "}"}.isdisjoint(given):
                values[name] = Word(fault=f"the build argument {name}, whose value is known only while it is built")
            else:
                values[name] = Word((Piece(given, 0, name),) if given else ())
        elif sign:
            value = _filled(written, instruction.start + word.end() - len(written), values)
            values[name] = value._replace(fault=value.fault and f"{value.fault}, in ARG {name}")


def _stage(
    instruction: Instruction, roots: Mapping[str, BuildStage], values: Mapping[str, Word], where: str
) -> BuildStage:
    words = list(dropwhile(lambda word: word[0].startswith("--"), instruction.words()))
    if len(words) != 1 and [word[0].upper() for word in words[1:-1]] != ["AS"]:
        hint = "write FROM image:tag, or FROM image:tag AS name"
        raise Unusable("FROM needs one image", where=where, hint=hint)
    start = instruction.start + words[0].start()
    image = _filled(words[0][0], start, values)
    root = None if image.fault else roots.get(image.text.lower())
    return BuildStage(instruction.line, start, words[0][0], image, root, words[2][0].lower() if words[1:] else None)


def _filled(written: str, place: int, values: Mapping[str, Word]) -> Word:
    if "\n" in written:
        return Word((Piece(written[:_MAX_LENGTH], 0),), "a line break inside, which is not supported")
    quote = written[:1] if written[:1] in {"'", '"'} and written[1:].endswith(written[:1]) else ""
    written, place = written[len(quote) : len(written) - len(quote)], place + len(quote)
    pieces: list[Piece] = []
    fault = "$ in single quotes, which is not supported" if quote == "'" and "$" in written else ""
    length = 0
    for match in re.finditer(_PIECE, written):
        part = _piece(match, place, values)
        pieces += part.pieces
        fault = fault or part.fault
        length += len(match[0]) + len(part.text)
        if length > _MAX_LENGTH:
            return Word(fault=f"more than {_MAX_LENGTH} characters")
    return Word(tuple(pieces), fault)


def _piece(match: re.Match[str], place: int, values: Mapping[str, Word]) -> Word:
    name, sign = match["plain"] or match["braced"], match["sign"]
    if match["text"]:
        return Word((Piece(match[0], place + match.start()),))
    if not name:
        return Word(fault=f"{match[0]}, which is not supported")
    value = values.get(name)
    has_value = bool(value and (value.text or value.fault))
    if value and (has_value if sign == ":-" else not sign):
        return value
    if not sign:
        return Word(fault=f"{name}, which has no default")
    is_empty = not match["word"] or (sign == ":+" and not has_value)
    return Word() if is_empty else Word((Piece(match["word"], place + match.start("word")),))


class BaseImage(NamedTuple):
    """A ``FROM`` of a z2jh hub image: its reference, its text, and the build arguments that contain parts of it.

    ``targets`` are the names and numbers of the stages based on it, an empty string for the last one; ``others`` are
    the file's other hub images.
    """

    reference: Reference
    line: int
    text: str
    arguments: tuple[str, ...] = ()
    targets: frozenset[str] = frozenset()
    others: tuple[BaseImage, ...] = ()

    @property
    def other(self) -> BaseImage | None:
        """The first of ``others`` with another tag, or None."""
        tag = self.reference.tag
        return next((one for one in self.others if tag and one.reference.tag not in {None, tag}), None)


def hub_base(data: bytes, where: str, arguments: Mapping[str, BuildArgument] = {}) -> BaseImage | None:
    """Return the hub image that the last stage is based on, else the first one in the file, or None."""
    stages, sources = read_stages(Text.decode(data, where), arguments)
    last = stages[-1].root or stages[-1]
    found = [stage for stage in stages if _is_hub(stage)]
    if not found:
        return None
    chosen = last if last in found else found[0]
    base = _base(chosen, where)
    known = (stage for stage in (*found, *filter(_is_hub, sources)) if not stage.image.fault)
    others = tuple(_base(stage, where) for stage in known if stage is not chosen)
    on_it = [(str(number), stage.name) for number, stage in enumerate(stages) if (stage.root or stage) == chosen]
    targets = frozenset(name for names in on_it for name in names if name)
    return base._replace(targets=targets | {""} if chosen == last else targets, others=others)


def copied_files(data: bytes, where: str) -> dict[str, int]:
    """Return the plain paths that ``COPY`` and ``ADD`` take from the build context, with the instruction's line.

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
    data: bytes, new: Reference, where: str, arguments: Mapping[str, BuildArgument] = {}
) -> tuple[bytes, Mapping[str, str]]:
    """Return the Dockerfile with its hub images moved to ``new``, and the build arguments that must change too.

    Without changes, it returns ``data`` itself. Names stay if there are several, like ``k8s-hub-slim``, and those of
    images to copy files from. An image without a digest gets none.
    """
    text = Text.decode(data, where)
    stages, sources = read_stages(text, arguments)
    bases = {stage: _base(stage, where).reference for stage in (*stages, *sources) if _is_hub(stage)}
    own = {bases[stage].name for stage in stages if stage in bases}
    if not own:
        raise Unusable(
            "no FROM inherits from z2jh's hub image",
            where=where,
            hint="write FROM quay.io/jupyterhub/k8s-hub:VERSION, or give the ARG that it uses a default",
        )
    wanted: dict[BuildStage, Reference] = {}
    # Those of the file are under None, and those of build arguments under their names.
    edits: dict[str | None, set[Edit]] = {}
    for stage, old in bases.items():
        name = new.name if own == {old.name} else old.name
        if name != new.name and old.digest and new.digest:
            raise Unusable(
                f"the digest of {new.name} is not that of {name}",
                where=f"{where}:{stage.line}",
                hint="remove the @sha256:… there, or pin one hub image only",
            )
        wanted[stage] = Reference(name, new.tag, new.digest if old.digest else None)
        for argument, edit in _edits(stage.image.pieces, old, wanted[stage]):
            edits.setdefault(argument, set()).add(edit)
    if wanted == bases:
        return data, {}
    after = text.edited(edits.pop(None, ()))
    values = ((name, Text(name, arguments[name].value or "", b"")) for name in edits if name)
    changed = {name: value.edited(edits[name]).decode() for name, value in values}
    given = {**arguments, **{name: arguments[name]._replace(value=text) for name, text in changed.items()}}
    moved = chain(*read_stages(Text.decode(after, where), given))
    for before, found in zip((*stages, *sources), moved, strict=True):
        meant = str(wanted.get(before, before.image.text))
        if found.image.text != meant:
            raise Unusable(
                f"the edit would make FROM {before.written} name {found.image.text} instead of {meant}",
                where=f"{where}:{before.line}",
                hint="write its version in one piece, in FROM or as one ARG or build argument that no other image uses",
            )
    return after, changed


def with_images(
    data: bytes, images: Mapping[Reference, Reference], where: str, arguments: Mapping[str, BuildArgument] = {}
) -> bytes:
    """Return the Dockerfile with its hub images replaced by those that ``images`` maps them to."""
    text = Text.decode(data, where)
    found = (stage for stages in read_stages(text, arguments) for stage in stages if _is_hub(stage))
    named = ((stage, images.get(_base(stage, where).reference)) for stage in found if not stage.image.fault)
    return text.edited(Edit(one.start, one.start + len(one.written), str(new)) for one, new in named if new)


def _is_hub(stage: BuildStage) -> bool:
    folder, _, last = stage.image.text.partition("@")[0].rpartition("/")
    last, _, tag = last.partition(":")
    if stage.root or last not in HUB_NAMES:
        return False
    is_ours = f"{folder.rpartition('/')[2]}/{last}" in _Z2JHS_OWN
    return is_ours or bool(stage.image.fault) or not is_tag(tag) or is_like_z2jh(tag)


def _base(stage: BuildStage, where: str) -> BaseImage:
    place = f"{where}:{stage.line}"
    if stage.image.fault:
        raise Unusable(
            f"FROM {stage.written} uses {stage.image.fault}",
            where=place,
            hint="write plain text, $X, ${X}, ${X:-text} or ${X:+text}, quoted as a whole or not at all, and give X a "
            "value: ARG X=… before the first FROM, or buildArgs in chartpress.yaml",
        )
    used = dict.fromkeys(piece.argument for piece in stage.image.pieces if piece.argument is not None)
    return BaseImage(Reference.parse(stage.image.text, place), stage.line, stage.written, tuple(used))


def _edits(pieces: Sequence[Piece], old: Reference, new: Reference) -> Iterator[tuple[str | None, Edit]]:
    """Yield the edits of the file, or of a build argument, that change an image from ``old`` to ``new``.

    Name, tag and digest are changed one by one, each in the last piece that can contain the whole change.
    """
    texts = [piece.text for piece in pieces]
    for meant in map(str, (old._replace(name=new.name), new._replace(digest=old.digest), new)):
        for at in reversed(range(len(texts))):
            before, after = "".join(texts[:at]), "".join(texts[at + 1 :])
            if meant.startswith(before) and meant.endswith(after) and len(before + after) <= len(meant):
                texts[at] = meant[len(before) : len(meant) - len(after)]
                break
    for piece, text in zip(pieces, texts, strict=True):
        if text != piece.text:
            yield piece.argument, Edit(piece.place, piece.place + len(piece.text), text)
