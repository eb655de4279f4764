"""The base image that a hub image's Dockerfile names, in every spelling that Docker reads.

A base is a z2jh hub image if its repository is called ``k8s-hub`` or ``k8s-hub-slim``, on whatever host. Its
version may stand in ``FROM`` itself or in the default of an ``ARG`` before the first ``FROM``
(https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile, takewhile
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.names import Reference
from ..core.yaml_tree import Edit, Text
from .dockerfile_reader import BuildStage, Dockerfile, Leaf, escape_character, instructions, read_dockerfile, words

HUB_NAMES = frozenset({"k8s-hub", "k8s-hub-slim"})
# What a path holds that only a build knows the meaning of, or that is none: patterns, variables, addresses.
_OPEN = frozenset("*?[]$\\<:\"'")


class BaseImage(NamedTuple):
    """A ``FROM`` that inherits from a z2jh hub image.

    Attributes:
        reference: the image, variables filled in.
        line: the line of the ``FROM``.
        text: the image as written there.
    """

    reference: Reference
    line: int
    text: str


def hub_base(data: bytes, where: str) -> BaseImage | None:
    """Return the hub image that the Dockerfile inherits from, or None.

    Of several it is the one that the last stage builds on, else the first.

    Raises:
        Unusable: as :func:`hub_bases`.
    """
    dockerfile = read_dockerfile(Text.decode(data, where))
    last = dockerfile.stages[-1]
    while last.parent is not None:
        last = dockerfile.stages[last.parent]
    stages = _hub_stages(dockerfile)
    stage = last if last in stages else next(iter(stages), None)
    return _base(stage, where) if stage else None


def hub_bases(data: bytes, where: str) -> tuple[BaseImage, ...]:
    """Return every ``FROM`` that names a z2jh hub image, in the file's order; ``where`` is the path shown to people.

    Raises:
        Unusable: not UTF-8, no ``FROM``, or one that Docker would not take; or a hub image's name or version that
            only a build knows.
    """
    return tuple(_base(stage, where) for stage in _hub_stages(read_dockerfile(Text.decode(data, where))))


class CopiedFile(NamedTuple):
    """A file or folder that a Dockerfile takes from its build context.

    Attributes:
        path: as it is written, relative to the context.
        line: the line of the instruction.
    """

    path: str
    line: int


def copied_files(data: bytes, where: str) -> Iterator[CopiedFile]:
    """Yield what ``COPY`` and ``ADD`` take from the build context, as far as the Dockerfile spells it out.

    Left out are other stages and contexts (``--from``), patterns, variables, addresses and here-documents
    (https://docs.docker.com/reference/dockerfile/#copy).

    Raises:
        Unusable: as :func:`hub_bases`.
    """
    text = Text.decode(data, where)
    escape = escape_character(text)
    for instruction in instructions(text):
        arguments = instruction.arguments
        said = [arguments[start:end] for start, end in words(arguments, escape)]
        named = list(dropwhile(lambda word: word.startswith("--"), said))
        if instruction.keyword not in {"ADD", "COPY"} or any(word.startswith("--from=") for word in said):
            continue
        if named and named[0].startswith("["):
            named = [word.strip('[],"') for word in named if word.strip('[],"')]
        yield from (CopiedFile(path, instruction.line) for path in named[:-1] if _OPEN.isdisjoint(path))


def with_base(data: bytes, new: Reference, where: str) -> bytes:
    """Return the Dockerfile with its hub images moved to ``new``; ``data`` itself where it says so already.

    Several hub images move together. Where they differ in name, as ``k8s-hub`` and ``k8s-hub-slim`` do, each keeps
    its own, and takes the registry's folder of ``new`` if they all share one.

    Args:
        data: the Dockerfile.
        new: the image to inherit from, with its tag, and with its digest where one is to be pinned.
        where: the file's path, as shown to people.

    Raises:
        Unusable: as :func:`hub_bases`; no ``FROM`` names a hub image; or the file cannot say it without changing
            another image.
    """
    text = Text.decode(data, where)
    before = read_dockerfile(text)
    stages = _hub_stages(before)
    if not stages:
        raise Unusable(
            "no FROM inherits from z2jh's hub image",
            where=where,
            hint="write FROM quay.io/jupyterhub/k8s-hub:VERSION, or give the ARG that it uses a default",
        )
    bases = [_base(stage, where) for stage in stages]
    targets = _targets(bases, new, where)
    moves = zip(stages, bases, targets, strict=True)
    edits = [edit for stage, base, target in moves for edit in _edits(stage, base.reference, target, where)]
    if not edits:
        return data
    after = text.edited(dict.fromkeys(edits))
    _prove(before, read_dockerfile(Text.decode(after, where)), dict(zip(stages, targets, strict=True)), where)
    return after


def _hub_stages(dockerfile: Dockerfile) -> list[BuildStage]:
    return [stage for stage in dockerfile.stages if stage.parent is None and _is_hub(stage.image.text)]


def _is_hub(image: str) -> bool:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0] in HUB_NAMES


def _base(stage: BuildStage, where: str) -> BaseImage:
    if stage.image.unknown:
        variable = stage.image.unknown[0]
        raise Unusable(
            f"FROM {stage.word} needs {variable}, which has no default",
            where=f"{where}:{stage.line}",
            hint=f"write ARG {variable}=… with a value before the first FROM",
        )
    return BaseImage(Reference.parse(stage.image.text, f"{where}:{stage.line}"), stage.line, stage.word)


def _targets(bases: Sequence[BaseImage], new: Reference, where: str) -> list[Reference]:
    """Return what each base becomes."""
    names = {base.reference.name for base in bases}
    if len(names) == 1:
        return [new] * len(bases)
    folders = {name.rpartition("/")[0] for name in names}
    folder = new.name.rpartition("/")[0] if len(folders) == 1 else None
    return [_own_target(base, new, folder, where) for base in bases]


def _own_target(base: BaseImage, new: Reference, folder: str | None, where: str) -> Reference:
    """Return what a base becomes that keeps its own name; a digest is that of one repository only."""
    own = base.reference.name
    name = own if folder is None else "/".join(filter(None, (folder, own.rpartition("/")[2])))
    if name != new.name and base.reference.digest and new.digest:
        raise Unusable(
            f"the digest of {new.name} is not that of {name}",
            where=f"{where}:{base.line}",
            hint="remove the @sha256:… there, or pin one hub image only",
        )
    return Reference(name, new.tag, new.digest if name == new.name else None)


def _edits(stage: BuildStage, old: Reference, new: Reference, where: str) -> Iterator[Edit]:
    """Yield the edits that make ``stage`` say ``new``."""
    leaves, place = stage.image.leaves, f"{where}:{stage.line}"
    name_end = len(old.name)
    tag_end = len(str(old._replace(digest=None)))
    if old.name != new.name:
        yield _edit(leaves, 0, name_end, new.name, place)
    if old.tag != new.tag:
        yield _edit(leaves, *_part(":", name_end, tag_end, old.tag, new.tag), place)
    if old.digest is None and new.digest:
        yield _pin(stage, name_end, tag_end, f"@{new.digest}", place)
    elif old.digest != new.digest:
        yield _edit(leaves, *_part("@", tag_end, len(str(old)), old.digest, new.digest), place)


def _part(sign: str, start: int, end: int, old: str | None, new: str | None) -> tuple[int, int, str]:
    """Return what to replace by what; ``sign`` stays where the part is there before and after."""
    if old and new:
        return start + len(sign), end, new
    return start, end, f"{sign}{new}" if new else ""


def _pin(stage: BuildStage, name_end: int, tag_end: int, digest: str, place: str) -> Edit:
    """Add a digest: beside the tag, or in ``FROM`` where an ``ARG`` holds the version alone."""
    leaves = stage.image.leaves
    if _in_one_leaf(leaves, name_end, tag_end, ""):
        return _edit(leaves, tag_end, tag_end, digest, place)
    if stage.end is None:
        raise _scattered(place)
    return Edit(stage.end, stage.end, digest)


def _edit(leaves: Sequence[Leaf], start: int, end: int, new: str, place: str) -> Edit:
    """Replace the characters ``start`` to ``end`` of an image by ``new``, in the one place that holds them."""
    edit = _in_one_leaf(leaves, start, end, new)
    if edit is None:
        old = "".join(leaf.text for leaf in leaves)[start:end]
        head = _shared(old, new)
        tail = _shared(old[head:][::-1], new[head:][::-1])
        edit = _in_one_leaf(leaves, start + head, end - tail, new[head : len(new) - tail])
    if edit is None:
        raise _scattered(place)
    return edit


def _in_one_leaf(leaves: Sequence[Leaf], start: int, end: int, new: str) -> Edit | None:
    offset = 0
    for leaf in leaves:
        is_inside = offset <= start and end <= offset + len(leaf.text)
        if is_inside and (start < end or offset < start):
            return Edit(leaf.place + start - offset, leaf.place + end - offset, new)
        offset += len(leaf.text)
    return None


def _shared(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _scattered(place: str) -> Unusable:
    return Unusable(
        "the base image's version is put together from several places",
        where=place,
        hint="write the version in one piece: in FROM, or as one ARG's default",
    )


def _prove(before: Dockerfile, after: Dockerfile, targets: Mapping[BuildStage, Reference], where: str) -> None:
    """Refuse an edit that moves a hub image elsewhere than to its target, or touches anything else."""
    for old, new in zip(before.stages, after.stages, strict=True):
        wanted = str(targets[old]) if old in targets else old.image.text
        if new.image.text != wanted:
            raise Unusable(
                f"the edit would make FROM {old.word} name {new.image.text} instead of {wanted}",
                where=f"{where}:{old.line}",
                hint="give each image an ARG of its own",
            )
    if before.rest != after.rest:
        raise Unusable("the edit would change other instructions", where=where, hint="write the image in FROM itself")
