"""The places of the release in a hub repository, and how to read and move them.

They are the chart's requirement and its lock, copies of the chart, the base image in the Dockerfile or its build
arguments, and places in ``hub.pins`` and at marker comments. Only the version changes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import NamedTuple, TypeAlias

from ..core.faults import Unusable, nearest
from ..core.names import Reference
from ..core.problems import Code
from ..core.settings import PinTarget, how_to_correct
from ..core.yaml_tree import Document, Edit, Leaf, Node, Scalar, Text, load_all, parse, parse_all, text_under, walk
from ..releases.versions import parse_constraint
from .charts import LOCKS, BuildArgument, api_version, pinned, read_chartpress, requirement, same_address, with_version
from .dockerfile import hub_base, with_base
from .files import Files, Listing, is_glob, join, require, require_named
from .values import Path, in_brackets, reach, with_scalars

_SOURCE_KEYS = ("repo", "repository", "repoURL")
_CHART_KEYS = ("chart", "chart_ref")
_VERSION_KEYS = ("version", "targetRevision", "chart_version")
_REF_KEYS = (("ref", "tag"), ("ref", "semver"))
# A version in other text, `jupyterhub-3.2.1`, `--version v3.2.1`; without a full version, a part of one.
_WHOLE = r"(?<![0-9A-Za-z.])v?[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_PART = r"(?<![0-9A-Za-z.])v?[0-9]+\.[0-9]+"
# Not a version if the same word has another digit after it.
_DIGIT_BEHIND = r"[\w.-]*?[0-9]"
# The sign of a bound before a version, and no tag's end.
_BOUND = r"(?:^|[\s\"':=])[<>!]=?\s*$"
# Beginnings of a line that are not part of a requirement: a list item, a quotation, a variable called x.
_BEGIN = r"^\s*(?:[*>](?=\s)|[xX](?=\s*=))"
_COMMENT = r"(?:^|(?<=\s))(?:#|//|--|;|<!--)(?:\s.*|$)"
_MARK = r"(?:^|(?<=\s))(?:#|//|--|;|<!--|/\*)\s*(?P<whose>hubpress|renovate):\s*(?P<words>.*)"
_OPENING = ("{", "[", "(", "=", ":", "\\")
_RENOVATE = r"\b(\w+)=(\S+)"


class Pinned(NamedTuple):
    """The text of a place, a version or an image, and its line."""

    text: str
    line: int


@dataclass(frozen=True)
class _Place:
    """A place of the release: its main file, and its name for people.

    In each kind of place, ``read`` returns its text, or raises Unusable, and ``moved`` returns the new bytes of its
    files, by path, with another text. With the problem code ``accepted_as`` in the setting ``accept``, the place does
    not move; None if it always moves.
    """

    file: str
    name: str
    accepted_as: Code | None = field(default=None, kw_only=True)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that contain it."""
        return (self.file,)


@dataclass(frozen=True)
class Dependency(_Place):
    """The dependency ``name`` in a chart's file, or in a copy of the chart."""

    def read(self, files: Files) -> Pinned:
        """Return its version."""
        found = next(iter(pinned(require(files, self.file), self.name, self.file).values()))
        return Pinned(found.version, found.line)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the file with the version ``text``."""
        return {self.file: with_version(require(files, self.file), self.name, text, self.file)}


@dataclass(frozen=True)
class Lock(Dependency):
    """A dependency in the lock file of the chart in ``folder``, required by ``chart``; only helm writes it."""

    chart: Dependency
    folder: str

    def read(self, files: Files) -> Pinned:
        """Return the locked version."""
        found = requirement(require(files, self.file), self.name, self.file)
        if found is None:
            raise Unusable(f"the lock has no {self.name}", where=self.file, hint=self.how_to_refresh(files))
        return Pinned(found.version, found.line)

    def written(self, files: Files) -> str:
        """Return the lock file that helm writes: it depends only on the chart's apiVersion."""
        chart = join(self.folder, "Chart.yaml")
        return join(self.folder, LOCKS[api_version(files.read(chart) or b"", chart) != "v1"])

    def how_to_refresh(self, files: Files) -> str:
        """Return the command that updates the lock, and removes one that helm reads but does not write."""
        update, written = f"helm dependency update {quote(self.folder)}", self.written(files)
        if self.file == written:
            return update
        return f"git rm {quote(self.file)} && {update} && git add {quote(written)} && git commit"


@dataclass(frozen=True)
class BasePin(_Place):
    """The base image of a Dockerfile; ``config`` is chartpress.yaml if a build argument there contains a part of it."""

    config: str | None
    chart: str
    key: str

    @property
    def files(self) -> tuple[str, ...]:
        """The Dockerfile, and chartpress.yaml if that contains a part of it."""
        return (self.file, self.config) if self.config else (self.file,)

    def read(self, files: Files) -> Pinned:
        """Return the image."""
        base = hub_base(require(files, self.file), self.file, self._arguments(files))
        if base is None:
            raise Unusable("no FROM inherits from z2jh's hub image", where=self.file, hint="git diff")
        return Pinned(str(base.reference), base.line)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the files with the image ``text``."""
        arguments = self._arguments(files)
        data, given = with_base(require(files, self.file), Reference.parse(text), self.file, arguments)
        changes = {arguments[name].steps: arguments[name].before + value for name, value in given.items()}
        after = {self.file: data}
        if changes and self.config:
            after[self.config] = with_scalars(parse(require(files, self.config), self.config), changes)
        return after

    def _arguments(self, files: Files) -> Mapping[str, BuildArgument]:
        if not self.config:
            return {}
        charts = read_chartpress(require(files, self.config), self.config)
        images = (image for chart in charts if chart.name == self.chart for image in chart.images)
        return next((image.arguments for image in images if image.key == self.key), {})


@dataclass(frozen=True)
class InYaml(_Place):
    """A version at the dotted path ``name`` of a YAML file: at ``steps`` of the document with this number."""

    number: int
    steps: Path

    def read(self, files: Files) -> Pinned:
        """Return the version."""
        _, scalar, (start, end) = self._place(files)
        return Pinned(scalar.value[start:end], scalar.line)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the file with the version ``text``."""
        document, scalar, (start, end) = self._place(files)
        value = scalar.value[:start] + text + scalar.value[end:]
        return {self.file: with_scalars(document, {self.steps: value})}

    def _place(self, files: Files) -> tuple[Document, Scalar, tuple[int, int]]:
        documents = parse_all(require(files, self.file), self.file)[self.number :]
        scalar = reach(documents[0], self.steps).node if documents else None
        if not isinstance(scalar, Scalar):
            raise Unusable(f"{self.name} is missing", where=self.file, hint="git diff")
        return documents[0], scalar, _version_in(scalar.value, f"{self.file}:{scalar.line}")


class Marker(NamedTuple):
    """A marker of a version's line: a comment of ours or of Renovate for a chart, or a ``text`` in the settings."""

    chart: str
    repository: str
    text: str | None = None

    def span_in(self, line: str) -> tuple[int, int] | None:
        """Return the span of the marker in ``line``, up to its end for a comment, or None."""
        if self.text is not None:
            start = line.find(self.text)
            return None if start < 0 else (start, start + len(self.text))
        found = re.search(_MARK, line)
        if found is None:
            return None
        words = found["words"].strip()
        if found["whose"] == "hubpress":
            # A remark may follow, or the end of the comment.
            is_meant = re.fullmatch(rf"{re.escape(self.chart)}(?:\s*(?:-->|\*/|[,;:(#]).*)?", words) is not None
        else:
            fields = {"registryUrl": self.repository, **dict(re.findall(_RENOVATE, words))}
            is_named = fields.get("packageName", fields.get("depName")) == self.chart
            is_meant = is_named and fields.get("datasource") == "helm"
            is_meant = is_meant and same_address(fields["registryUrl"], self.repository)
        return (found.start(), len(line)) if is_meant else None


@dataclass(frozen=True)
class Marked(_Place):
    """The version at the marker with this number in the file."""

    marker: Marker
    number: int

    def read(self, files: Files) -> Pinned:
        """Return the version."""
        text = Text.decode(require(files, self.file), self.file)
        start, end = self._place(text)
        return Pinned(text.content[start:end], text.content.count("\n", 0, start) + 1)

    def moved(self, files: Files, text: str) -> dict[str, bytes]:
        """Return the file with the version ``text``."""
        before = Text.decode(require(files, self.file), self.file)
        return {self.file: before.edited([Edit(*self._place(before), text)])}

    def _place(self, text: Text) -> tuple[int, int]:
        """Return the version's span: on the marker's line, or on the next ones, after lines that only open a block."""
        lines = text.content.split("\n")
        marks = _marks_in(text, self.marker)
        if len(marks) <= self.number:
            raise Unusable(f"nothing marks the version of {self.name}", where=text.where, hint="git diff")
        at, (first, last) = marks[self.number]
        code = re.sub(_COMMENT, "", lines[at][:first] + " " * (last - first) + lines[at][last:])
        behind = len(code) - len(code[last:].lstrip(" \t'\"=:"))
        at_mark = [one for one in _versions_in(code) if one.start() == behind and self.marker.text is not None]
        is_next = True
        while is_next and not _versions_in(code) and at + 1 < len(lines):
            at += 1
            code = re.sub(_COMMENT, "", lines[at])
            is_next = code.rstrip().endswith(_OPENING)
        code = re.sub(_BEGIN, lambda found: " " * len(found[0]), code)
        start, end = at_mark[0].span() if at_mark else _version_in(code, f"{text.where}:{at + 1}")
        offset = sum(len(line) + 1 for line in lines[:at])
        return offset + start, offset + end


Pin: TypeAlias = Dependency | BasePin | InYaml | Marked
_Way: TypeAlias = tuple[int, Path, Leaf | None, Leaf | None]


def copies(files: Files, telling: Sequence[str], name: str, repository: str) -> Iterator[str]:
    """Yield the files among ``telling`` with the same dependency: the same name and Helm repository."""
    for path in telling:
        data = files.read(path) or b""
        if not path.endswith((".yaml", ".yml")) or b"\ndependencies:" not in b"\n" + data:
            continue
        with contextlib.suppress(Unusable):
            found = requirement(data, name, path)
            if found and same_address(found.repository, repository):
                yield path


def named_pins(files: Files, found: Listing, targets: Sequence[PinTarget], marker: Marker) -> tuple[Pin, ...]:
    """Return the places in ``hub.pins``, then those at marker comments, without duplicates."""
    pins: dict[Pin, None] = {}
    for target in targets:
        for path in found.matching[target.file]:
            data = require_named(files, found, path, "hub.pins")
            there: list[Pin]
            if target.path is not None:
                try:
                    versions = [*_versions_at(data, path, target.path, marker.chart)]
                except Unusable as fault:
                    instead = in_brackets(PinTarget(path, marker="TEXT"))
                    hint = f"{fault.hint}; or, if it is no YAML file, hub: {{pins: [{instead}]}}"
                    raise Unusable(fault.what, where=fault.where, hint=hint) from fault
                there = [InYaml(path, target.path, *at, accepted_as=Code.PIN) for at in versions]
            else:
                there = _marked(Text.decode(data, path), marker._replace(text=target.marker))
            if not there and not is_glob(target.file):
                what = target.path or target.marker or f"# hubpress: {marker.chart}"
                hint = f"correct hub.pins in invoke.yaml, or mark the version's line: # hubpress: {marker.chart}"
                raise Unusable(
                    f"{what} names no version of {marker.chart} there", where=path, hint=how_to_correct("pins", hint)
                )
            pins.update(dict.fromkeys(there))
    for path in found.telling:
        with contextlib.suppress(Unusable):
            pins.update(dict.fromkeys(_marked(Text.decode(files.read(path) or b"", path), marker)))
    return tuple(pins)


def misspelt_marks(files: Files, telling: Sequence[str], chart: str) -> Iterator[tuple[str, str, str]]:
    """Yield place, message and hint for our markers with a name similar to ``chart``."""
    for path in telling:
        lines = (files.read(path) or b"").decode("utf-8", "replace").split("\n")
        for number, line in enumerate(lines, start=1):
            found = re.search(_MARK, line)
            named = re.match(r"[\w-]*", found["words"]) if found and found["whose"] == "hubpress" else None
            if named and named[0] != chart and nearest(named[0], [chart]):
                what = f"the marker names {named[0]}, so the version there does not move"
                yield f"{path}:{number}", what, f"did you mean # hubpress: {chart}?"


def _marked(text: Text, marker: Marker) -> list[Pin]:
    numbers = range(len(_marks_in(text, marker)))
    return [Marked(text.where, marker.chart, marker, number, accepted_as=Code.PIN) for number in numbers]


def marks_versions(files: Files, file: str, text: str) -> bool:
    """Whether each line of a file that has ``text`` leads to a version."""
    with contextlib.suppress(Unusable):
        marks = _marked(Text.decode(require(files, file), file), Marker("", "", text))
        return all(mark.read(files) for mark in marks)
    return False


def _versions_at(data: bytes, where: str, path: str, chart: str) -> Iterator[tuple[int, Path]]:
    """Yield the document's number and the steps to each scalar at ``path`` that is not of another chart.

    ``*`` matches every item of a list, except versions that are aliases of an earlier place.
    """
    wanted = path.split(".")
    for ways in _scalars(data, where):
        for number, steps, version, named in ways[:1] if "*" in wanted else ways:
            is_there = len(steps) == len(wanted) and all(a in ("*", b) for a, b in zip(wanted, steps, strict=True))
            is_its = named is None or re.fullmatch(rf"(?:.*/)?{re.escape(chart)}(?:-v?[0-9].*)?", named)
            if version is not None and is_there and is_its:
                yield number, steps


def versions_of_chart(data: bytes, where: str, charts: Collection[str]) -> Iterator[tuple[str, str, Pinned]]:
    """Yield each version in mappings that name one of ``charts``: chart, dotted path and version, which may be empty.

    The path is empty if the place cannot be edited: a key has a dot, or the scalar is shared.
    """
    for ways in _scalars(data, where):
        for _, steps, version, named in ways:
            is_version = steps[-1] in _VERSION_KEYS or steps[-2:] in _REF_KEYS
            if named and (chart := named.rpartition("/")[2]) in charts and is_version:
                leads_nowhere = len(ways) > 1 or any("." in step for step in steps)
                line = (named if version is None else version).node.line
                yield chart, "" if leads_nowhere else ".".join(steps), Pinned(version or "", line)
                break


def _scalars(data: bytes, where: str) -> Iterable[list[_Way]]:
    """Return the ways to each scalar, its own first, then those by aliases and merge keys.

    A way is the document's number, the keys, the scalar, and the chart that its mapping names. An empty scalar is None,
    and listed with the scalar of its chart.

    Flux and Argo CD name the chart in ``chart``, Ansible in ``chart_ref``, helmfile with its repository before it,
    Fleet sometimes by the archive's address, kustomize in ``name`` next to ``repo``. Argo CD's sources without
    ``chart`` are git repositories. Flux's OCIRepository has its version in ``ref``, below its address.
    """
    found: dict[Node, list[_Way]] = {}
    for number, document in enumerate(load_all(data, where)):
        named: dict[Path, Leaf | None] = {}
        for steps, tree in walk(document):
            if isinstance(tree, dict):
                keys = ("chart", "name", "repoURL") if any(key in tree for key in _SOURCE_KEYS) else _CHART_KEYS
                named[steps] = next(filter(None, (text_under(tree, key) for key in keys)), named.get(steps))
                address = text_under(tree, "url")
                if address and address.startswith("oci://"):
                    named[(*steps, "ref")] = address
            elif not isinstance(tree, list):
                chart = named.get(steps[:-1])
                place = chart if tree is None else tree
                if place is not None:
                    found.setdefault(place.node, []).append((number, steps, tree, chart))
    return found.values()


def _marks_in(text: Text, marker: Marker) -> list[tuple[int, tuple[int, int]]]:
    """Return the numbers, from 0, of lines with the marker, and its spans; in Markdown, only HTML comments count."""
    sign = "<!--" if text.where.endswith(".md") and marker.text is None else ""
    lines = ((number, line) for number, line in enumerate(text.content.split("\n")) if sign in line)
    return [(number, span) for number, line in lines if (span := marker.span_in(line))]


def _version_in(text: str, where: str) -> tuple[int, int]:
    """Return the span of the only version in ``text``, or of all of it if it is a valid requirement for Helm."""
    whole = text.strip()
    if parse_constraint(whole) is not None:
        start = text.index(whole)
        return start, start + len(whole)
    found = _versions_in(text)
    if len(found) != 1:
        raise Unusable(
            f"there are {len(found)} versions in {text.strip()!r}, not one" if found else "there is no version here",
            where=where,
            hint="put the version on its own line, with the marker on that line or the line above",
        )
    start, end = found[0].span()
    if re.search(_BOUND, text[:start]) or re.match(r"\.[xX*]", text[end:]):
        what, hint = f"the version is part of a range: {text.strip()}", "name its place in hub.pins: file and path"
        raise Unusable(what, where=where, hint=f"{hint}; or write a version")
    return start, end


def _versions_in(text: str) -> list[re.Match[str]]:
    """Return the whole versions in ``text``, else parts of versions."""
    # Compiled, it matches in the middle of a long line without a copy of the rest.
    behind = re.compile(_DIGIT_BEHIND)
    for pattern in (_WHOLE, _PART):
        if found := [one for one in re.finditer(pattern, text) if not behind.match(text, one.end())]:
            return found
    return []
