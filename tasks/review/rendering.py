"""A hub repository's chart in a folder of its own, rendered by helm with each deployment's values."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..core.faults import Fault, ProgramFailed, Unusable
from ..core.safe_files import read_file, temporary_folder
from ..core.visible import Secrets, one_line, without
from ..core.yaml_tree import Collection, MappingNode, Node, Scalar, parse, target_of
from ..image.tree import Tree, snapshot
from ..releases.index import Release
from ..repo.charts import Requirement, requirements
from ..repo.dependency import open_repository, release_of
from ..repo.deployments import Deployment, deployments
from ..repo.files import join
from ..repo.hub import Hub
from ..repo.secrets import is_encrypted
from ..repo.values import PinnedImage, image_at, with_image
from ..tools import helm
from ..tools.command import Output
from ..tools.process import ask_all, require_installed
from .manifests import looks_secret

_LOCAL = "file://"
_CHARTS = "charts"
# What stands for the tag of each image that is built here: the release moves it, whatever the chart does.
_BUILT_HERE = "built-here"
_SCHEMA = re.compile(r"- (?:at '(?P<pointer>[^']*)'|(?P<dots>[^:]+)): (?P<message>.+)")
_SUBCHART = re.compile(r"(?P<name>[\w.-]+):")
_KEYS = re.compile(r"[Aa]dditional propert(?:y|ies) (?P<names>.+?)(?: is| are)? not allowed")
_TEMPLATE = re.compile(r"\(?(?P<path>[\w./-]+\.(?:yaml|yml|tpl|txt)):(?P<line>\d+)")
_BROKEN = re.compile(r"failed to parse (?P<path>\S+?):? .*?line (?P<line>\d+)")
_ERROR = "Error: "


class Refusal(NamedTuple):
    """Why a deployment cannot be rendered: the values file or template, its line (0 where helm names none)."""

    path: str
    line: int
    message: str

    @property
    def where(self) -> str:
        """The place, as people write it."""
        return f"{self.path}:{self.line}" if self.line else self.path

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class Side(NamedTuple):
    """The chart in a folder of its own, with its dependencies and all values files.

    Attributes:
        keys: the keys of its dependencies' values.
        pin: the file and line that pin the dependency's version.
        encrypted: the values files that are encrypted; no rendering has them.
        secrets: what the other values files hold under names that look secret, by the file.
    """

    folder: Path
    chart: str
    keys: frozenset[str]
    version: str
    pin: tuple[str, int]
    release: Release
    encrypted: frozenset[str]
    secrets: Mapping[str, Secrets]

    def render(self, deployment: Deployment, kubernetes: str | None) -> Output:
        """Return what helm says of a deployment."""
        there = [path for path in self._files(deployment) if self.has(path)]
        return helm.template(self.folder, self.chart, deployment.release, deployment.namespace, there, kubernetes)

    def refusals(self, deployment: Deployment, kubernetes: str | None, rendered: Output) -> tuple[Refusal, ...]:
        """Return why the chart cannot be installed so; nothing where it can."""
        oldest = self.release.oldest_kubernetes
        if kubernetes and oldest and _numbers(kubernetes) < _numbers(oldest):
            message = f"{self.version} needs Kubernetes {oldest} or newer, and the cluster has {kubernetes}"
            return (Refusal(*self.pin, message),)
        missing = tuple(
            Refusal(path, 0, "the values file is missing") for path in deployment.values if not self.has(path)
        )
        if missing:
            return missing
        return () if rendered.ok else self._problems(deployment, rendered)

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.folder / path).is_file()

    def secrets_of(self, deployment: Deployment) -> Secrets:
        """Return what must not be shown of a deployment."""
        return frozenset().union(*(self.secrets.get(path, ()) for path in deployment.values))

    def _files(self, deployment: Deployment) -> list[str]:
        return [path for path in deployment.values if path not in self.encrypted]

    def _problems(self, deployment: Deployment, rendered: Output) -> tuple[Refusal, ...]:
        said = without(rendered.stderr, self.secrets_of(deployment))
        found: list[Refusal] = []
        below: tuple[str, ...] = ()
        for line in map(str.strip, said.splitlines()):
            if name := _SUBCHART.fullmatch(line):
                below = (name["name"],) if name["name"] in self.keys else ()
            elif schema := _SCHEMA.fullmatch(line):
                pointer, dots = schema["pointer"], schema["dots"]
                steps = dots.split(".") if pointer is None else pointer.strip("/").split("/")
                path = (*below, *(step for step in steps if step and step != "(root)"))
                found.append(self._placed(deployment, path, schema["message"]))
        if found:
            return tuple(dict.fromkeys(found))
        last = next((line for line in said.splitlines() if line.startswith(_ERROR)), None)
        if last is None:
            raise ProgramFailed(f"helm template: {one_line(rendered.last_words)}", hint="helm version")
        place = _BROKEN.search(last) or _TEMPLATE.search(last)
        where = (place["path"], int(place["line"])) if place else (f"{self.chart}/values.yaml", 0)
        return (Refusal(*where, one_line(last.removeprefix(_ERROR))),)

    def _placed(self, deployment: Deployment, path: tuple[str, ...], message: str) -> Refusal:
        """Find the line that a fault of the schema is about: in the strongest file that has it."""
        unknown = _KEYS.search(message)
        keys = re.findall(r"[^\s',]+", unknown["names"]) if unknown else []
        whole = (*path, *keys[:1])
        best = (0, f"{self.chart}/values.yaml", 0)
        for file in (f"{self.chart}/values.yaml", *self._files(deployment)):
            depth, line = _way(_root(self.folder / file), whole)
            if depth >= best[0]:
                best = (depth, file, line) if depth else best
        return Refusal(best[1], best[2], one_line(f"{'.'.join(path)}: {message}"))


def refused_values(hub: Hub) -> dict[Refusal, tuple[str, ...]]:
    """Return what the pinned chart refuses of the values as they lie, each with the names of the deployments."""
    require_installed("helm")
    wanted, kubernetes = deployments(hub), hub.settings.kubernetes
    found: dict[Refusal, tuple[str, ...]] = {}
    planned = {path: data for path in hub.managed if (data := hub.files.read(path)) is not None}
    with (
        temporary_folder("hubpress-chart-") as folder,
        snapshot(hub.git, _paths_of(hub, wanted), planned) as tree,
    ):
        side = write_side(folder / "chart", hub, tree, wanted)
        rendered = ask_all(lambda one: side.refusals(one, kubernetes, side.render(one, kubernetes)), wanted)
    for one, refusals in zip(wanted, rendered, strict=True):
        for refusal in refusals:
            found[refusal] = (*found.get(refusal, ()), one.name)
    return found


def _paths_of(hub: Hub, wanted: Sequence[Deployment]) -> tuple[str, ...]:
    """Return the chart's folder, if the repository has one, and the values files."""
    own = () if hub.chart_folder is None else (hub.chart_folder,)
    return (*own, *dict.fromkeys(path for one in wanted for path in one.values))


def write_side(folder: Path, hub: Hub, tree: Tree, wanted: Sequence[Deployment]) -> Side:
    """Write the chart, its dependencies and the deployments' values into the new ``folder``, out of ``tree``.

    Without a chart in the repository, it is z2jh's archive. The files that a release edits are as ``hub`` has them.
    """
    paths = _paths_of(hub, wanted)
    values = [path for path in paths if path != hub.chart_folder]
    if listed := list(tree.objects(paths)):
        tree.write(listed, folder)
    for path in hub.managed:
        data = hub.files.read(path)
        if data is not None and (folder / path).is_file():
            (folder / path).write_bytes(_with_images(hub, path, data))
    # As git keeps them, too: a filter may have decrypted them on the way.
    entries = tree.files(values) if values else []
    stored = {entry.path: data for entry, data in zip(entries, tree.blobs(entries), strict=True)}
    encrypted = {path for path in values if any(map(is_encrypted, (stored.get(path, b""), _read(folder / path))))}
    release = _fetch(hub, tree, folder)
    return Side(
        folder,
        hub.chart_folder or hub.requirement.name,
        frozenset(one.alias or one.name for one in _dependencies(hub)),
        hub.version,
        (hub.requirement_file, hub.requirement.line),
        release,
        frozenset(encrypted),
        {path: _secrets_in(_root(folder / path)) for path in values if path not in encrypted},
    )


def _with_images(hub: Hub, path: str, data: bytes) -> bytes:
    """Return a values file with a tag for each image that is built here: the same before and after."""
    for image in hub.images:
        for place in hub.values_places(image):
            if place.file == path:
                line = image_at(data, place.path, path).line
                data = with_image(data, place.path, PinnedImage(image.spec.name, _BUILT_HERE, line), path)
    return data


def _dependencies(hub: Hub) -> tuple[Requirement, ...]:
    file = hub.requirement_file
    return () if hub.chart_folder is None else requirements(hub.require(file), file)


def _fetch(hub: Hub, tree: Tree, folder: Path) -> Release:
    """Write what the chart depends on into its folder, or without a chart z2jh's archive; return z2jh's release."""
    repository, own = open_repository(hub), hub.requirement
    release = release_of(hub, hub.index or repository.index())
    if release is None:
        raise Unusable(
            f"the Helm repository has no release {hub.version}",
            where=f"{hub.requirement_file}:{own.line}",
            hint="write a version there that it has",
        )
    if hub.chart_folder is None:
        folder.mkdir(exist_ok=True)
        (folder / own.name).write_bytes(repository.archive(release))
        return release
    place = folder / hub.chart_folder / _CHARTS
    place.mkdir(exist_ok=True)
    for found in _dependencies(hub):
        if found.name == own.name:
            for old in (place / own.name, *place.glob(f"{own.name}-[0-9]*.tgz")):
                shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
            (place / f"{own.name}-{release.version}.tgz").write_bytes(repository.archive(release))
        elif not (place / found.name).exists() and not any(place.glob(f"{found.name}-[0-9v]*.tgz")):
            _fetch_other(tree, hub.chart_folder, found, place)
    return release


def _fetch_other(tree: Tree, chart: str, found: Requirement, place: Path) -> None:
    if not found.repository.startswith(_LOCAL):
        helm.pull(found.name, found.version, found.repository, place)
        return
    local = join(chart, found.repository.removeprefix(_LOCAL))
    with temporary_folder("hubpress-preview-", place.parent.parent) as beside:
        tree.write([local], beside / "all")
        shutil.copytree(beside / "all" / local, place / found.name, symlinks=True)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _way(node: Node | None, path: tuple[str, ...]) -> tuple[int, int]:
    """Return how many steps of ``path`` lead from ``node``, and the line of the last one."""
    depth, line = 0, 0
    for step in path:
        node = target_of(node) if node else None
        entries = node.own(step) if isinstance(node, MappingNode) else []
        if not entries:
            break
        depth, line, node = depth + 1, entries[-1][0].line, entries[-1][1]
    return depth, line


def _read(file: Path) -> bytes:
    try:
        return read_file(file)
    except OSError:
        return b""


def _root(file: Path) -> Node | None:
    """Return what a values file holds; None where there is none, or it is no YAML: helm tells what is wrong with it."""
    with suppress(Fault):
        return parse(_read(file), file.name).root
    return None


def _secrets_in(root: Node | None) -> Secrets:
    found: set[tuple[str, str]] = set()
    left = [root] if root else []
    while left:
        node = left.pop()
        if isinstance(node, MappingNode):
            for key, given in node.entries:
                value = target_of(given)
                if isinstance(key, Scalar) and isinstance(value, Scalar) and looks_secret(key.value):
                    found.add(("SECRET", value.value))
        if isinstance(node, Collection):
            left += node.children
    return frozenset(found)
