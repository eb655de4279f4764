"""A chart's dependencies, in ``requirements.yaml`` (Helm 2 style) or in ``Chart.yaml`` (``apiVersion: v2``).

Both hold a list ``dependencies`` of mappings with ``name``, ``version``, ``repository`` and perhaps ``alias``
(https://helm.sh/docs/topics/charts/#the-dependencies-field).
"""

from __future__ import annotations

from pathlib import Path as Folder
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import Document, MappingNode, Node, SequenceNode, described, parse
from .files import Files, behind_links, join
from .yaml_edit import Path, is_nothing, reach, text_at, with_scalars

DEPENDENCIES = "dependencies"
_RANGE_SIGNS = frozenset("^~<>=!*|, ")


class Requirement(NamedTuple):
    """One dependency of a chart.

    Attributes:
        name: the chart's name in its Helm repository.
        version: the version as written, or empty.
        repository: the Helm repository's address, or empty.
        alias: the key of the chart's values instead of ``name``, or None.
        line: the line of the version, else of the dependency.
    """

    name: str
    version: str
    repository: str
    alias: str | None
    line: int


def requirements(data: bytes, where: str) -> tuple[Requirement, ...]:
    """Read every dependency, in the file's order.

    Raises:
        Unusable: not YAML, or ``dependencies`` is no list of mappings with names.
    """
    return _requirements(parse(data, where))


def dependencies_in(files: Files, folder: str) -> str:
    """Return where Helm looks for the dependencies of the chart in ``folder``.

    It reads them from Chart.yaml (apiVersion v2), and from requirements.yaml for older charts
    (https://helm.sh/docs/topics/charts/#chart-dependencies).
    """
    older = join(folder, "requirements.yaml")
    return older if files.read(older) is not None else join(folder, "Chart.yaml")


def requirement_in(files: Files, top: Folder, folder: str, name: str) -> Requirement | None:
    """Return the dependency called ``name`` of the chart in ``folder``, which is relative to ``top``; None without."""
    path = behind_links(top, dependencies_in(files, folder))
    data = files.read(path)
    found = () if data is None else requirements(data, path)
    return next((one for one in found if one.name == name), None)


def with_version(data: bytes, name: str, version: str, where: str) -> bytes:
    """Return the file with the dependency ``name`` at ``version``; ``data`` itself if nothing changes.

    Several entries of the name (under different aliases) move together.

    Raises:
        Unusable: no such dependency, entries of that name that disagree, or a version that is missing or a
            range: that is the operator's choice, never narrowed in silence.
    """
    document = parse(data, where)
    chosen = _movable(document, name)
    changes: dict[Path, str] = {(DEPENDENCIES, str(index), "version"): version for index in chosen}
    return with_scalars(document, changes) or data


def require_movable(data: bytes, name: str, where: str) -> None:
    """Check that :func:`with_version` can move the dependency ``name``, and raise what it raises."""
    _movable(parse(data, where), name)


def is_range(version: str) -> bool:
    """Whether ``version`` is a range with a sign or a wildcard; a short ``3.3`` counts as one version."""
    core = version.partition("-")[0].partition("+")[0]
    return not _RANGE_SIGNS.isdisjoint(version) or any(part in {"x", "X"} for part in core.removeprefix("v").split("."))


def _movable(document: Document, name: str) -> list[int]:
    """Return the indexes of the entries that have the name, after checking that they pin one version."""
    where = document.where
    chosen = {index: entry for index, entry in enumerate(_requirements(document)) if entry.name == name}
    if not chosen:
        raise Unusable(f"no dependency {name}", where=where, hint="name the right one as hub.dependency in invoke.yaml")
    first = next(iter(chosen.values()))
    for entry in chosen.values():
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
    return list(chosen)


def _requirements(document: Document) -> tuple[Requirement, ...]:
    root = document.root
    if not is_nothing(root) and not isinstance(root, MappingNode):
        raise _wrong(document, "the file", root, "a mapping", f"write {DEPENDENCIES}: and a list under it")
    found = reach(document, (DEPENDENCIES,))
    if found.missing or is_nothing(found.node):
        return ()
    if not isinstance(found.node, SequenceNode):
        hint = "write a list of mappings with name, version and repository"
        raise _wrong(document, DEPENDENCIES, found.node, "a list", hint)
    return tuple(_requirement(document, index) for index in range(len(found.node.children)))


def _requirement(document: Document, index: int) -> Requirement:
    steps = (DEPENDENCIES, str(index))
    node = reach(document, steps).node
    place = f"{DEPENDENCIES}[{index}]"
    if not isinstance(node, MappingNode):
        raise _wrong(document, place, node, "a mapping", "write name, version and repository there")
    name = text_at(document, (*steps, "name"))
    if not name:
        raise Unusable(f"{place} has no name", where=document.place(node), hint="add name: to it")
    return Requirement(
        name=name,
        version=text_at(document, (*steps, "version")) or "",
        repository=text_at(document, (*steps, "repository")) or "",
        alias=text_at(document, (*steps, "alias")),
        line=(reach(document, (*steps, "version")).key or node).line,
    )


def _wrong(document: Document, name: str, node: Node | None, wanted: str, hint: str) -> Unusable:
    where = document.place(node) if node else document.where
    return Unusable(f"{name} is {described(node)}, not {wanted}", where=where, hint=hint)
