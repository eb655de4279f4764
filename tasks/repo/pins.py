"""The places of the release in a hub repository: how each is read, and how it is moved.

They are the chart's requirement with its lock, copies of the chart, the base image in the Dockerfile or its build
arguments, and what ``hub.pins`` and marker comments name. Moving one leaves every byte outside of its version alone.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from shlex import quote
from typing import ClassVar, NamedTuple, Protocol

from ..core.faults import Unusable
from ..core.names import Reference
from ..core.settings import PinTarget
from ..core.yaml_tree import Document, Edit, MappingNode, Scalar, SequenceNode, Text, parse_all, target_of
from .chart import LOCKS, api_version, pinned, requirements, same_address, with_version
from .chartpress import BuildArgument, read_chartpress, values_of
from .dockerfile import hub_base, with_base
from .files import Files, is_glob, join, require
from .markers import Marker, marked_version, marks_in, version_in
from .search import Listing
from .yaml_edit import Path, follow, with_scalars

_SOURCE_KEYS = ("repo", "repository", "repoURL")
_EACH = "*"


class Kind(Enum):
    """What a place of the release is; the value is the code of the problem that it differs (docs/checks.md)."""

    BASE = "base-not-of-release"
    REQUIREMENT = "requirements-differ"
    COPY = "chart-copies-differ"
    LOCK = "lock-differs"
    PIN = "pin-differs"


class Pinned(NamedTuple):
    """What a place says, a version or an image, and its line."""

    text: str
    line: int


class Pin(Protocol):
    """A place of the release."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is in, the first of them that which people know it by."""

    @property
    def name(self) -> str:
        """What it pins, for people."""

    def read(self, files: Files) -> Pinned:
        """Return what it says in ``files``; raises Unusable where that cannot be told."""

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the new bytes of its files, by path, that make it say ``text``."""


@dataclass(frozen=True)
class _InOneFile:
    """What the places that are in one file share."""

    file: str

    @property
    def files(self) -> tuple[str, ...]:
        """Its file."""
        return (self.file,)


@dataclass(frozen=True)
class Dependency(_InOneFile):
    """A dependency in a chart's file, or in another file with such a list."""

    name: str
    kind: Kind

    def read(self, files: Files) -> Pinned:
        """Return its version."""
        found = pinned(require(files, self.file), self.name, self.file)
        return Pinned(found.version, found.line)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the file with the version ``text``."""
        return {self.file: with_version(require(files, self.file), self.name, text, self.file)}


@dataclass(frozen=True)
class Lock(_InOneFile):
    """A dependency in the lock of the chart in ``folder``; helm alone writes it, its digest included.

    ``chart`` is where that chart requires it.
    """

    chart: Dependency
    folder: str
    kind: ClassVar[Kind] = Kind.LOCK

    @property
    def name(self) -> str:
        """The chart that it locks."""
        return self.chart.name

    def read(self, files: Files) -> Pinned:
        """Return the locked version."""
        found = next((one for one in requirements(require(files, self.file), self.file) if one.name == self.name), None)
        if found is None:
            raise Unusable(f"the lock has no {self.name}", where=self.file, hint=self.how_to_refresh(files))
        return Pinned(found.version, found.line)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the lock as far as a plan foresees it: with the version ``text``."""
        return replace(self.chart, file=self.file).moved(files, text)

    def written(self, files: Files) -> str:
        """Return the lock that helm writes: by the chart's apiVersion, wherever the dependencies are listed."""
        chart = join(self.folder, "Chart.yaml")
        is_v1 = api_version(files.read(chart) or b"", chart) == "v1"
        return join(self.folder, LOCKS[not is_v1])

    def how_to_refresh(self, files: Files) -> str:
        """Return the command that makes it anew; one that helm reads and does not write has to go."""
        update, written = f"helm dependency update {quote(self.folder)}", self.written(files)
        if self.file == written:
            return update
        return f"git rm {quote(self.file)} && {update} && git add {quote(written)} && git commit"


@dataclass(frozen=True)
class BasePin:
    """The base image of a Dockerfile: in ``FROM``, an ``ARG``'s default, or a build argument of chartpress.yaml.

    ``config`` is that file, ``chart`` and ``key`` name the image in it; ``uses_config`` is whether it holds a part.
    """

    dockerfile: str
    config: str
    chart: str
    key: str
    uses_config: bool
    kind: ClassVar[Kind] = Kind.BASE
    name: ClassVar[str] = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The Dockerfile, and chartpress.yaml where that has a part of it."""
        return (self.dockerfile, self.config) if self.uses_config else (self.dockerfile,)

    def read(self, files: Files) -> Pinned:
        """Return the image."""
        base = hub_base(require(files, self.dockerfile), self.dockerfile, values_of(self._arguments(files)))
        if base is None:
            raise Unusable("no FROM inherits from z2jh's hub image", where=self.dockerfile, hint="git diff")
        return Pinned(str(base.reference), base.line)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the files with the image ``text``."""
        arguments = self._arguments(files)
        data = require(files, self.dockerfile)
        made = with_base(data, Reference.parse(text), self.dockerfile, values_of(arguments))
        changes = {arguments[name].steps: arguments[name].before + value for name, value in made.arguments.items()}
        after = {self.dockerfile: made.data}
        if changes:
            config = require(files, self.config)
            (document,) = parse_all(config, self.config)
            after[self.config] = with_scalars(document, changes) or config
        return after

    def _arguments(self, files: Files) -> Mapping[str, BuildArgument]:
        if not self.uses_config:
            return {}
        charts = read_chartpress(require(files, self.config), self.config).charts
        images = (image for chart in charts if chart.name == self.chart for image in chart.images)
        return next((image.arguments for image in images if image.key == self.key), {})


class FoundVersion(NamedTuple):
    """A scalar with a version, the path to it, and its document."""

    document: Document
    steps: Path
    scalar: Scalar


@dataclass(frozen=True)
class InYaml(_InOneFile):
    """A version at a dotted path of a YAML file, by its number among those that the path leads to."""

    path: str
    chart: str
    number: int
    kind: ClassVar[Kind] = Kind.PIN

    @property
    def name(self) -> str:
        """Its path."""
        return self.path

    def read(self, files: Files) -> Pinned:
        """Return the version."""
        found, (start, end) = self._place(require(files, self.file))
        return Pinned(found.scalar.value[start:end], found.scalar.line)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the file with the version ``text``."""
        data = require(files, self.file)
        found, (start, end) = self._place(data)
        value = found.scalar.value[:start] + text + found.scalar.value[end:]
        return {self.file: with_scalars(found.document, {found.steps: value}) or data}

    def _place(self, data: bytes) -> tuple[FoundVersion, tuple[int, int]]:
        found = list(versions_at(data, self.file, self.path, self.chart))
        if len(found) <= self.number:
            raise Unusable(
                f"{self.path} is missing, or is not the version of {self.chart}",
                where=self.file,
                hint=f"correct hub.pins in invoke.yaml, or mark the version's line there: # hubpress: {self.chart}",
            )
        one = found[self.number]
        return one, version_in(one.scalar.value, f"{self.file}:{one.scalar.line}")


@dataclass(frozen=True)
class Marked(_InOneFile):
    """The version that a marker's place in the file, by its number, marks."""

    marker: Marker
    number: int
    kind: ClassVar[Kind] = Kind.PIN

    @property
    def name(self) -> str:
        """The chart that it is a version of."""
        return self.marker.chart

    def read(self, files: Files) -> Pinned:
        """Return the version."""
        text = Text.decode(require(files, self.file), self.file)
        start, end = marked_version(text, self.marker, self.number)
        return Pinned(text.content[start:end], text.content.count("\n", 0, start) + 1)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the file with the version ``text``."""
        before = Text.decode(require(files, self.file), self.file)
        return {self.file: before.edited([Edit(*marked_version(before, self.marker, self.number), text)])}


def copies(files: Files, telling: Sequence[str], name: str, repository: str) -> Iterator[str]:
    """Yield the files of ``telling`` that list the same dependency: the name, from the same Helm repository."""
    for path in telling:
        data = files.read(path) or b""
        if not path.endswith((".yaml", ".yml")) or b"\ndependencies:" not in b"\n" + data:
            continue
        try:
            found = [one for one in requirements(data, path) if one.name == name]
        except Unusable:
            continue
        if found and same_address(found[0].repository, repository):
            yield path


def named_pins(files: Files, found: Listing, targets: Sequence[PinTarget], marker: Marker) -> Iterator[Pin]:
    """Yield the places that ``hub.pins`` names, and then those that comments mark.

    Raises:
        Unusable: a file of ``hub.pins`` is missing, or has no such place.
    """
    marked = list(found.telling)
    for target in targets:
        own = marker._replace(text=target.marker)
        for path in found.matching[target.file]:
            data = require(files, path)
            if target.path is not None:
                count = sum(1 for _ in versions_at(data, path, target.path, marker.chart))
                yield from (InYaml(path, target.path, marker.chart, number) for number in range(count))
            else:
                count = sum(1 for _ in marks_in(Text.decode(data, path), own))
                marked += [path] if target.marker is None else []
                yield from (Marked(path, own, number) for number in range(count) if target.marker is not None)
            if not count and not is_glob(target.file):
                what = target.path or target.marker or f"# hubpress: {marker.chart}"
                hint = f"correct hub.pins in invoke.yaml, or mark the version's line: # hubpress: {marker.chart}"
                raise Unusable(f"{what} names no version of {marker.chart} there", where=path, hint=hint)
    for path in dict.fromkeys(marked):
        with contextlib.suppress(Unusable):
            marks = marks_in(Text.decode(files.read(path) or b"", path), marker)
            yield from [Marked(path, marker, number) for number, _ in enumerate(marks)]


def versions_at(data: bytes, where: str, path: str, chart: str) -> Iterator[FoundVersion]:
    """Yield the scalars at ``path`` in each document that has them, but for those of another chart.

    ``*`` stands for every item of a list. The mapping around a version names the chart: Flux and Argo CD as ``chart``,
    helmfile with its repository before it, Fleet perhaps by the archive's address, kustomize as ``name`` beside
    ``repo``. A source of Argo CD without ``chart`` is a git repository.
    """
    for document in parse_all(data, where):
        for steps in _paths_in(document, tuple(path.split("."))):
            mapping, scalar = follow(document, steps[:-1]), follow(document, steps)
            if isinstance(scalar, Scalar) and scalar.kind != "null":
                named = _name_beside(mapping) if isinstance(mapping, MappingNode) else None
                if named is None or re.fullmatch(rf"(?:.*/)?{re.escape(chart)}(?:-v?[0-9].*)?", named):
                    yield FoundVersion(document, steps, scalar)


def _paths_in(document: Document, steps: Path) -> Iterator[Path]:
    """Yield ``steps`` with the numbers of a list's items in place of each ``*``."""
    if _EACH not in steps:
        yield steps
        return
    at = steps.index(_EACH)
    node = follow(document, steps[:at])
    for number in range(len(node.children) if isinstance(node, SequenceNode) else 0):
        yield from _paths_in(document, (*steps[:at], str(number), *steps[at + 1 :]))


def _name_beside(mapping: MappingNode) -> str | None:
    """Return the chart that the mapping around a version names; None where it names none."""
    texts = {key.value: target_of(value) for key, value in mapping.entries if isinstance(key, Scalar)}
    keys = ("chart", "name", "repoURL") if any(key in texts for key in _SOURCE_KEYS) else ("chart",)
    named = (texts.get(key) for key in keys)
    return next((one.value for one in named if isinstance(one, Scalar) and one.value), None)
