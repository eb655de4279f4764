"""A chart's dependencies, in ``requirements.yaml`` (Helm 2 style) or in ``Chart.yaml`` (``apiVersion: v2``).

Both hold a list ``dependencies`` of mappings with ``name``, ``version``, ``repository`` and perhaps ``alias``
(https://helm.sh/docs/topics/charts/#the-dependencies-field).
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import Document, MappingNode, Node, Scalar, SequenceNode, described, parse
from .files import Files, join
from .yaml_edit import Path, follow, is_nothing, reach, text_at, with_scalars

DEPENDENCIES = "dependencies"
CHART_FILES = ("requirements.yaml", "Chart.yaml")
# The lock of a chart of apiVersion v1, and that of any other.
LOCKS = ("requirements.lock", "Chart.lock")


class Requirement(NamedTuple):
    """One dependency of a chart, as written, with the line of its version; the alias is its key in the values."""

    name: str
    version: str
    repository: str
    alias: str | None
    line: int


def requirements(data: bytes, where: str) -> tuple[Requirement, ...]:
    """Return every dependency, in the file's order."""
    document = parse(data, where)
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


def dependencies_in(files: Files, folder: str) -> str:
    """Return where Helm looks for the dependencies of the chart in ``folder``: for older charts in another file.

    See https://helm.sh/docs/topics/charts/#chart-dependencies.
    """
    older = join(folder, "requirements.yaml")
    return older if files.read(older) is not None else join(folder, "Chart.yaml")


def api_version(data: bytes, where: str) -> str:
    """Return the ``apiVersion`` of a Chart.yaml: ``v1`` where it has none, as Helm has it."""
    node = follow(parse(data, where), ("apiVersion",))
    return node.value if isinstance(node, Scalar) and node.value else "v1"


def pinned(data: bytes, name: str, where: str) -> Requirement:
    """Return the dependency ``name``, the first of several entries of that name; each must have a version."""
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
    tidied = (address.strip().rstrip("/").lower().replace("http://", "https://") for address in (one, other))
    new = "https://hub.jupyter.org/helm-chart"
    mine, theirs = (address.replace("https://jupyterhub.github.io/helm-chart", new) for address in tidied)
    return mine == theirs


def with_version(data: bytes, name: str, version: str, where: str) -> bytes:
    """Return the file with the dependency ``name``, all entries of that name, at ``version``."""
    first = pinned(data, name, where)
    changes: dict[Path, str] = {}
    for index, entry in enumerate(requirements(data, where)):
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
    return with_scalars(parse(data, where), changes) or data


def _requirement(document: Document, index: int) -> Requirement:
    steps = (DEPENDENCIES, str(index))
    node = reach(document, steps).node
    place = f"{DEPENDENCIES}[{index}]"
    if not isinstance(node, MappingNode):
        raise _wrong(document, place, node, "a mapping", "write name, version and repository there")
    name, version, repository, alias = (
        text_at(document, (*steps, key)) for key in ("name", "version", "repository", "alias")
    )
    if not name:
        raise Unusable(f"{place} has no name", where=document.place(node), hint="add name: to it")
    line = (reach(document, (*steps, "version")).key or node).line
    return Requirement(name, version or "", repository or "", alias, line)


def _wrong(document: Document, name: str, node: Node | None, wanted: str, hint: str) -> Unusable:
    where = document.place(node) if node else document.where
    return Unusable(f"{name} is {described(node)}, not {wanted}", where=where, hint=hint)
