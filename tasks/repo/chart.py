"""A chart's dependencies, in ``requirements.yaml`` (Helm 2 style) or in ``Chart.yaml`` (``apiVersion: v2``).

Both hold a list ``dependencies`` of mappings with ``name``, ``version``, ``repository`` and perhaps ``alias``
(https://helm.sh/docs/topics/charts/#the-dependencies-field).
"""

from __future__ import annotations

from pathlib import Path as Folder
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import Document, MappingNode, Node, Scalar, SequenceNode, described, parse
from .files import Files, behind_links, join
from .yaml_edit import Path, follow, is_nothing, reach, text_at, with_scalars

DEPENDENCIES = "dependencies"
CHART_FILES = ("requirements.yaml", "Chart.yaml")
# The lock of a chart of apiVersion v1, and that of any other.
LOCKS = ("requirements.lock", "Chart.lock")


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


def api_version(data: bytes, where: str) -> str:
    """Return the ``apiVersion`` of a Chart.yaml: ``v1`` where it has none, as Helm has it."""
    node = follow(parse(data, where), ("apiVersion",))
    return node.value if isinstance(node, Scalar) and node.value else "v1"


def pinned(data: bytes, name: str, where: str) -> Requirement:
    """Return the dependency ``name``, the first of several entries of that name.

    Raises:
        Unusable: no such dependency, or one without a version.
    """
    entries = [entry for entry in requirements(data, where) if entry.name == name]
    if not entries:
        raise Unusable(f"no dependency {name}", where=where, hint="name the right one as hub.dependency in invoke.yaml")
    for entry in entries:
        if not entry.version:
            what, hint = f"the dependency {name} has no version", "add version: with an exact version"
            raise Unusable(what, where=f"{where}:{entry.line}", hint=hint)
    return entries[0]


def same_address(one: str, other: str) -> bool:
    """Whether two addresses mean one Helm repository; z2jh's has two."""
    return _tidy(one) == _tidy(other)


def _tidy(address: str) -> str:
    plain = address.strip().rstrip("/").lower().replace("http://", "https://")
    return plain.replace("https://jupyterhub.github.io/helm-chart", "https://hub.jupyter.org/helm-chart")


def with_version(data: bytes, name: str, version: str, where: str) -> bytes:
    """Return the file with the dependency ``name`` at ``version``; ``data`` itself if nothing changes.

    Several entries of the name (under different aliases) move together.

    Raises:
        Unusable: as :func:`pinned`, or entries of that name disagree.
    """
    document, first = parse(data, where), pinned(data, name, where)
    changes: dict[Path, str] = {}
    for index, entry in enumerate(_requirements(document)):
        if entry.name != name:
            continue
        if entry.version != first.version:
            here = f"at {first.version} on line {first.line} and at {entry.version} here"
            raise Unusable(
                f"the dependency {name} stands {here}",
                where=f"{where}:{entry.line}",
                hint="give both the same version first",
            )
        changes[DEPENDENCIES, str(index), "version"] = version
    return with_scalars(document, changes) or data


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
    where = document.place(node) if node else document.text.where
    return Unusable(f"{name} is {described(node)}, not {wanted}", where=where, hint=hint)
