"""The base image that a hub image's Dockerfile names.

A base is a z2jh hub image if its repository is called ``k8s-hub`` or ``k8s-hub-slim``, on whatever host, and its tag
is spelled as z2jh's are: ``base-3.2.1`` is somebody's own. Its version is in ``FROM`` itself, or in an ``ARG`` before
the first ``FROM``: in its build argument, or else its default
(https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile, takewhile
from typing import NamedTuple, TypeAlias

from ..core.faults import Unusable
from ..core.names import Reference, is_tag
from ..core.yaml_tree import Edit, Text
from ..releases.versions import is_like_z2jh
from .dockerfile_reader import NO_VALUES, BuildStage, Leaf, instructions, read_stages

HUB_NAMES = frozenset({"k8s-hub", "k8s-hub-slim"})
_Z2JHS_OWN = frozenset({"jupyterhub/k8s-hub", "jupyterhub/k8s-hub-slim"})
# In a path they are patterns, variables, quotes or parts of an address.
_NOT_IN_PATHS = frozenset("*?[]$\\<:\"'")


class BaseImage(NamedTuple):
    """A ``FROM`` of a z2jh hub image: also as written, and the build arguments that hold a part of it."""

    reference: Reference
    line: int
    text: str
    arguments: tuple[str, ...] = ()


class MovedBase(NamedTuple):
    """A Dockerfile's bytes after an edit, and the build arguments that must change with it."""

    data: bytes
    arguments: Mapping[str, str]


# An edit of the file, or of the build argument of that name.
_PlacedEdit: TypeAlias = tuple[str | None, Edit]


def hub_base(data: bytes, where: str, arguments: Mapping[str, str | None] = NO_VALUES) -> BaseImage | None:
    """Return the hub image that the last stage builds on, else the first one in the file, or None."""
    every = read_stages(Text.decode(data, where), arguments)
    last = every[-1]
    while last.parent is not None:
        last = every[last.parent]
    stages = _hub_stages(every)
    return _base(last if last in stages else stages[0], where) if stages else None


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


def with_base(data: bytes, new: Reference, where: str, arguments: Mapping[str, str | None] = NO_VALUES) -> MovedBase:
    """Return the Dockerfile with its hub images moved to ``new``; ``data`` itself where it names that already.

    Several hub images move together. Where they differ in name, as ``k8s-hub`` and ``k8s-hub-slim`` do, each keeps
    its name, and takes the registry's folder of ``new`` if they all share one.
    """
    text = Text.decode(data, where)
    before = read_stages(text, arguments)
    stages = _hub_stages(before)
    if not stages:
        raise Unusable(
            "no FROM inherits from z2jh's hub image",
            where=where,
            hint="write FROM quay.io/jupyterhub/k8s-hub:VERSION, or give the ARG that it uses a default",
        )
    bases = [_base(stage, where) for stage in stages]
    targets = dict(zip(stages, _targets(bases, new, where), strict=True))
    edits = [
        edit
        for base, (stage, target) in zip(bases, targets.items(), strict=True)
        for edit in _edits(stage, base.reference, target, f"{where}:{stage.line}")
    ]
    if not edits:
        return MovedBase(data, {})
    by_place: dict[str | None, dict[Edit, None]] = {}
    for argument, edit in edits:
        by_place.setdefault(argument, {})[edit] = None
    after = text.edited(by_place.pop(None, {}))
    changed = {
        name: Text(name, arguments[name] or "", b"").edited(mine).decode() for name, mine in by_place.items() if name
    }
    for old, moved in zip(before, read_stages(Text.decode(after, where), {**arguments, **changed}), strict=True):
        wanted = str(targets[old]) if old in targets else old.image.text
        if moved.image.text != wanted:
            raise Unusable(
                f"the edit would make FROM {old.written} name {moved.image.text} instead of {wanted}",
                where=f"{where}:{old.line}",
                hint="give each image an ARG of its own",
            )
    return MovedBase(after, changed)


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


def _targets(bases: Sequence[BaseImage], new: Reference, where: str) -> list[Reference]:
    names = {base.reference.name for base in bases}
    if len(names) == 1:
        return [new] * len(bases)
    is_one_folder = len({name.rpartition("/")[0] for name in names}) == 1
    targets = []
    for base in bases:
        name = base.reference.name
        if is_one_folder:
            name = "".join((*new.name.rpartition("/")[:2], name.rpartition("/")[2]))
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
