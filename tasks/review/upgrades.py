"""The upgrades that a move crosses, and the values of this repository that each of their notes concerns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from ..core.faults import Fault
from ..core.yaml_tree import Collection, MappingNode, Node, Scalar, parse
from ..releases.notes import Note, Upgrade, Watch, upgrades_between
from ..repo.hub import Hub

# Where a chart wraps another, the chart's own key stands that many levels below the top (2i2c: `basehub: jupyterhub:`).
DEEPEST_ROOT = 2
MOST_BYTES = 8 * 1024 * 1024
_MOST_SHOWN = 10
_ALL = "**"


# Upgrades that are crossed, with the notes of each, and the values of this repository that a note concerns.
Upgrades: TypeAlias = "Mapping[Upgrade, Mapping[str, tuple[Value, ...]]]"


class Value(NamedTuple):
    """A value below the chart's own key: its file, line and values path, the keys below that key, a scalar's text."""

    file: str
    line: int
    key: str
    path: tuple[str, ...] = ()
    text: str | None = None

    @property
    def place(self) -> str:
        """Its ``path:line``."""
        return f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place} {self.key}"


def upgrades_here(hub: Hub, before: str | None, after: str) -> Upgrades:
    """Return the upgrades from one version of z2jh to another, with the values that each note concerns.

    It reads the YAML files that have the chart's key, at most ``MOST_BYTES``.
    """
    crossed = upgrades_between(before, after)
    if not crossed:
        return {}
    chart = hub.requirement.key
    files = tuple(_values_files(hub, chart))
    sizes = accumulate(len(data) for _, data in files)
    read = [file for file, size in zip(files, sizes, strict=True) if size <= MOST_BYTES]
    values: list[Value] = []
    for path, data in read:
        with suppress(Fault):  # a template, or a broken file: bump and build report those that they need
            values += values_below(parse(data, path).root, path, chart)
    here = {one: {note.text: findings(note, values) for note in one.notes} for one in crossed}
    if len(read) < len(files):
        text = f"Only {len(read)} of {len(files)} values files were looked through for what these notes concern."
        here[crossed[0]][text] = ()
    return here


def needs(upgrade: Upgrade) -> Iterator[str]:
    """Yield what comes with an upgrade: JupyterHub's major version, the oldest Kubernetes."""
    if upgrade.jupyterhub:
        yield "JupyterHub {} to {}.".format(*upgrade.jupyterhub)
    if upgrade.kubernetes:
        yield f"Kubernetes {upgrade.kubernetes} or newer."


def upgrade_warnings(upgrades: Upgrades) -> Iterator[str]:
    """Yield a plan's warnings: each upgrade, then its notes with the values that they concern."""
    for upgrade, notes in upgrades.items():
        yield " ".join((f"{upgrade.title}:", *needs(upgrade), upgrade.guide))
        for text, found in notes.items():
            where = f" See {', '.join(shown(map(str, found)))}." if found else ""
            yield f"- {text}{where}"


def upgrade_paragraph(upgrades: Upgrades) -> list[str]:
    """Return the lines of a commit's message: the upgrades, and the values to look at."""
    crossed = [f"Crosses {' '.join((f'{one.title}.', *needs(one)))}" for one in upgrades if any(needs(one))]
    values = {one for notes in upgrades.values() for found in notes.values() for one in found}
    heading = ["Values to look at:"] if values else []
    return [*crossed, *heading, *(f"- {line}" for line in shown(map(str, sorted(values, key=lambda one: one[:3]))))]


def shown(lines: Iterable[str]) -> Iterator[str]:
    """Yield the first of several lines, and how many more there are."""
    every = list(lines)
    yield from every[:_MOST_SHOWN]
    if len(every) > _MOST_SHOWN:
        yield f"and {len(every) - _MOST_SHOWN} more"


def findings(note: Note, values: Iterable[Value]) -> tuple[Value, ...]:
    """Return those of ``values`` that ``note`` concerns, each once."""
    return tuple(value for value in values if any(_fits(watch, value) for watch in note.watches))


def values_below(
    node: Node | None, file: str, chart: str, keys: tuple[str, ...] = (), depth: int = 0
) -> Iterator[Value]:
    """Yield every value below the mappings under the key ``chart``, in the file's order; an alias is none itself.

    ``keys`` lead to ``node``: of them ``depth`` end with the chart's own, 0 above it.
    """
    for key, at, child in _children(node):
        here, below = (*keys, key), depth
        if not depth and key == chart and isinstance(child, MappingNode):
            below = len(here)
        elif depth:
            yield Value(file, at.line, ".".join(here), here[depth:], child.value if isinstance(child, Scalar) else None)
        elif len(keys) >= DEEPEST_ROOT or not isinstance(node, MappingNode):
            continue
        yield from values_below(child, file, chart, here, below)


def _fits(watch: Watch, value: Value) -> bool:
    path, text = value.path, value.text
    *first, last = watch.path.split(".")
    steps = first if last == _ALL else [*first, last]
    long_enough = len(path) > len(steps) if last == _ALL else len(path) == len(steps)
    if not long_enough or not all(map(fnmatchcase, path, steps)):
        return False
    if not watch.holds and not watch.other_than:
        return True
    return text is not None and watch.holds in text and text != watch.other_than


def _children(node: Node | None) -> list[tuple[str, Node, Node]]:
    if isinstance(node, MappingNode):
        return [(key.value, key, value) for key, value in node.entries if isinstance(key, Scalar)]
    if isinstance(node, Collection):
        return [(str(index), item, item) for index, item in enumerate(node.children)]
    return []


def _values_files(hub: Hub, chart: str) -> Iterator[tuple[str, bytes]]:
    own = (hub.values_file, *(place.file for place in hub.places))
    listed = hub.git.names("ls-files", "-z", "--", "*.yaml", "*.yml")
    for path in filter(None, dict.fromkeys((*own, *listed))):
        try:
            data = hub.files.read(path)
        except Fault:  # too large, or a link that leads out of the repository: no values file
            continue
        if data is not None and f"{chart}:".encode() in data:
            yield path, data
