"""A chart's dependencies, in ``requirements.yaml`` (Helm 2 style) or in ``Chart.yaml`` (``apiVersion: v2``).

Both hold a list ``dependencies`` of mappings with ``name``, ``version``, ``repository`` and perhaps ``alias``
(https://helm.sh/docs/topics/charts/#the-dependencies-field).
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import Document, MappingNode, SequenceNode, described, parse
from .yaml_edit import Path, is_nothing, reach, text_at, with_scalars

DEPENDENCIES = "dependencies"
_RANGE_SIGNS = frozenset("^~<>=!*|, ")


class Requirement(NamedTuple):
    """One dependency of a chart.

    Attributes:
        name: the chart's name in its Helm repository.
        version: the version as written, without quotes; empty where none is.
        repository: the Helm repository's address; empty where none is written.
        alias: the name that the chart's values stand under instead of ``name``, or None.
        line: the line of the version, or of the dependency where it has none.
    """

    name: str
    version: str
    repository: str
    alias: str | None
    line: int


def requirements(data: bytes, where: str) -> tuple[Requirement, ...]:
    """Read every dependency, in the file's order; none where the file has no ``dependencies``.

    Raises:
        Unusable: not YAML, or ``dependencies`` is no list of mappings with names.
    """
    document = parse(data, where)
    return tuple(_requirement(document, index) for index in range(_count(document)))


def with_version(data: bytes, name: str, version: str, where: str) -> bytes:
    """Return the file with the dependency ``name`` at ``version``; ``data`` itself where it says so already.

    Where several entries have the name (under different aliases), all of them move together.

    Raises:
        Unusable: no such dependency, entries of that name that disagree, or a version that is missing or a
            range: that one is the operator's choice, so it is never narrowed in silence.
    """
    document = parse(data, where)
    chosen = _movable(document, name)
    changes: dict[Path, str] = {(DEPENDENCIES, str(index), "version"): version for index in chosen}
    return with_scalars(document, changes) or data


def require_movable(data: bytes, name: str, where: str) -> None:
    """Check that :func:`with_version` can move the dependency ``name``.

    Raises:
        Unusable: it cannot, for one of that function's reasons.
    """
    _movable(parse(data, where), name)


def is_range(version: str) -> bool:
    """Whether Helm reads ``version`` as a range with a sign or a wildcard, not as one version.

    A short number such as ``3.3`` is taken as the version that somebody meant to pin.
    """
    core = version.partition("-")[0].partition("+")[0]
    return not _RANGE_SIGNS.isdisjoint(version) or any(part in {"x", "X"} for part in core.removeprefix("v").split("."))


def _movable(document: Document, name: str) -> list[int]:
    """Return the indexes of the entries that have the name, after checking that they pin one version."""
    entries = [_requirement(document, index) for index in range(_count(document))]
    chosen = [index for index, entry in enumerate(entries) if entry.name == name]
    _refuse_unclear(name, [entries[index] for index in chosen], document.where)
    return chosen


def _refuse_unclear(name: str, entries: list[Requirement], where: str) -> None:
    if not entries:
        raise Unusable(f"no dependency {name}", where=where, hint="name the right one as hub.dependency in invoke.yaml")
    first = entries[0]
    for entry in entries:
        place = f"{where}:{entry.line}"
        if not entry.version:
            raise Unusable(
                f"the dependency {name} has no version", where=place, hint="add version: with an exact version"
            )
        if is_range(entry.version):
            raise Unusable(
                f"the dependency {name} has the range {entry.version!r}",
                where=place,
                hint="write one exact version there first",
            )
        if entry.version != first.version:
            raise Unusable(
                f"the dependency {name} stands at {first.version} on line {first.line} and at {entry.version} here",
                where=place,
                hint="give both the same version first",
            )


def _count(document: Document) -> int:
    """Return how many dependencies there are."""
    root = document.root
    if root is not None and not is_nothing(root) and not isinstance(root, MappingNode):
        what = f"the file is {described(root)}, not a mapping"
        raise Unusable(what, where=document.place(root), hint=f"write {DEPENDENCIES}: and a list under it")
    found = reach(document, (DEPENDENCIES,))
    if found.missing or is_nothing(found.node):
        return 0
    if isinstance(found.node, SequenceNode):
        return len(found.node.children)
    raise Unusable(
        f"{DEPENDENCIES} is {described(found.node)}, not a list",
        where=document.place(found.node) if found.node else document.where,
        hint="write a list of mappings with name, version and repository",
    )


def _requirement(document: Document, index: int) -> Requirement:
    node = reach(document, (DEPENDENCIES, str(index))).node
    if not isinstance(node, MappingNode):
        raise Unusable(
            f"{DEPENDENCIES}[{index}] is {described(node)}, not a mapping",
            where=document.place(node) if node else document.where,
            hint="write name, version and repository there",
        )
    steps = (DEPENDENCIES, str(index))
    name = text_at(document, (*steps, "name"))
    if not name:
        raise Unusable(f"{DEPENDENCIES}[{index}] has no name", where=document.place(node), hint="add name: to it")
    return Requirement(
        name=name,
        version=text_at(document, (*steps, "version")) or "",
        repository=text_at(document, (*steps, "repository")) or "",
        alias=text_at(document, (*steps, "alias")),
        line=(reach(document, (*steps, "version")).key or node).line,
    )
