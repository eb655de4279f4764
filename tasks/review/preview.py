"""What a release changes in the cluster: the chart rendered before and after, with each deployment's values."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..core import output
from ..core.faults import DOOR, Fault, Unusable
from ..core.locks import temporary_folder
from ..core.options import BumpOptions
from ..core.visible import keep_secret, one_line
from ..core.yaml_tree import MappingNode, Node, Scalar, parse, target_of
from ..image.tree import Tree
from ..releases.index import Index, Release
from ..releases.repository import HelmRepository
from ..repo.chart import Requirement, requirements
from ..repo.deployments import Deployment, deployments, is_encrypted
from ..repo.files import Committed, Files, join
from ..repo.hub import Hub, helm_repository, open_repository, release_of
from ..repo.remotes import base_here, find_review
from ..repo.values import PinnedImage, image_at, with_image
from ..tools import helm
from ..tools.command import Output
from ..tools.process import ask_all
from .bump import plan_bump
from .manifests import Change, Difference, compare, looks_secret

_LOCAL = "file://"
_CHARTS = "charts"
_NOT_BUILT = "not-built-yet"
# What stands for a release's and a namespace's name while renderings are compared: deployments then share them.
_RELEASE, _NAMESPACE = "RELEASE-NAME", "RELEASE-NAMESPACE"
_SCHEMA = re.compile(r"- (?:at '(?P<pointer>[^']*)'|(?P<dots>[^:]+)): (?P<message>.+)")
_SUBCHART = re.compile(r"(?P<name>[\w.-]+):")
_KEYS = re.compile(r"[Aa]dditional propert(?:y|ies) (?P<names>.+?)(?: is| are)? not allowed")
_TEMPLATE = re.compile(r"\(?(?P<path>[\w./-]+\.(?:yaml|yml|tpl|txt)):(?P<line>\d+)")
_BROKEN = re.compile(r"failed to parse (?P<path>\S+?):? .*?line (?P<line>\d+)")


class Refusal(NamedTuple):
    """Why a deployment cannot be rendered: the values file or template, its line (0 where helm names none)."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}{f':{self.line}' if self.line else ''}: {self.message}"


class Outcome(NamedTuple):
    """What a release does to one deployment; nothing is compared where ``problems`` or ``unrendered`` say why."""

    deployment: Deployment
    difference: Difference = Difference()
    problems: tuple[Refusal, ...] = ()
    unrendered: str = ""


class Preview(NamedTuple):
    """What a release does to each deployment.

    Attributes:
        before, after: the versions of the chart's dependency.
        base: the branch that it is compared with.
        unread: the encrypted values files, which no rendering has.
    """

    before: str
    after: str
    base: str
    outcomes: tuple[Outcome, ...]
    unread: tuple[str, ...]

    @property
    def problems(self) -> tuple[Refusal, ...]:
        """Every problem, once."""
        return tuple(dict.fromkeys(problem for one in self.outcomes for problem in one.problems))

    def report(self) -> dict[str, Any]:
        """Return the report's JSON."""
        return {
            "deployments": [
                {
                    "name": one.deployment.name,
                    "values": list(one.deployment.values),
                    "objects": {
                        "added": [_named(name, one.deployment) for name in one.difference.added],
                        "changed": [_named(name, one.deployment) for name in one.difference.changed],
                        "removed": [_named(name, one.deployment) for name in one.difference.removed],
                    },
                    "problems": [problem._asdict() for problem in one.problems],
                }
                for one in self.outcomes
            ]
        }

    def lines(self) -> Iterator[str]:
        """Yield the whole preview for people; deployments with the same outcome are told together."""
        yield f"{self.before} -> {self.after}, compared with {self.base}"
        for same in self._groups():
            yield ""
            yield from _summary(same)
            lines = self._outcome_lines(same[0])
            yield from lines if same[1:] else (_named(line, same[0].deployment) for line in lines)
        if self.unread:
            yield ""
            yield f"not read, since encrypted: {', '.join(self.unread)}"

    def _outcome_lines(self, one: Outcome) -> Iterator[str]:
        yield from (f"  {problem}" for problem in one.problems)
        if one.unrendered:
            yield f"  not compared, {self.base} cannot be rendered: {one.unrendered}"
        yield from (f"  + {name}" for name in one.difference.added)
        yield from (f"  - {name}" for name in one.difference.removed)
        for names, changes in _told_together(one.difference.changed):
            yield f"  {', '.join(names)}"
            yield from (f"    {line}" for change in changes for line in change.lines())

    def summary(self) -> Iterator[str]:
        """Yield a line for each group of deployments."""
        for same in self._groups():
            yield from _summary(same)

    def _groups(self) -> list[list[Outcome]]:
        found: list[list[Outcome]] = []
        for one in self.outcomes:
            alike = (same for same in found if same[0][1:] == one[1:])
            group = next(alike, None)
            if group is None:
                found.append([one])
            else:
                group.append(one)
        return found


def plan_preview(hub: Hub, options: BumpOptions, names: Sequence[str] = (), kubernetes: str | None = None) -> Preview:
    """Render the chart as the base branch has it and as a release leaves it, for each deployment.

    ``names`` are the deployments' (all where it is empty); ``kubernetes`` is the cluster's version (``1.30``), which
    the chart must support and is rendered for.

    Raises:
        ProgramFailed: helm is missing, or a dependency cannot be fetched.
        Unusable, Unreachable, Denied: as :func:`.bump.plan_bump`.
    """
    helm.require_for("it renders the chart")
    if hub.chart_folder is None:
        raise Unusable(
            "there is no chart to render", where=hub.git.folder, hint=f"see what is pinned here: {DOOR} status"
        )
    wanted = deployments(hub, names)
    _, after = plan_bump(hub, options)
    review = find_review(hub.git, hub.settings, ask=False)
    base, tip = review.base, base_here(hub.git, review) or "HEAD"
    before = replace(hub, files=Committed(hub.git, tip))
    if helm_repository(before) == helm_repository(after):
        before = before.with_index(after.index)
    unread = tuple(dict.fromkeys(path for one in wanted for path in one.values if is_encrypted(after.files, path)))
    plain = [one._replace(values=tuple(path for path in one.values if path not in unread)) for one in wanted]
    for one in plain:
        _keep_secrets(after.files, one.values)
    with temporary_folder("hubpress-preview-") as folder, output.waiting("rendering the chart"):
        old = _write_side(folder / "before", before, tip, plain)
        new = _write_side(folder / "after", after, "HEAD", plain)
        rendered = ask_all(lambda one: _outcome(old, new, one, kubernetes), plain)
    outcomes = (one._replace(deployment=whole) for one, whole in zip(rendered, wanted, strict=True))
    return Preview(old.version, new.version, base, tuple(outcomes), unread)


class _Side(NamedTuple):
    """The chart in a folder of its own, with its dependencies and all values files.

    Attributes:
        chart: the chart's folder, relative to ``folder``.
        key: the key of the dependency's values.
        release: what the index says of the dependency's version.
    """

    folder: Path
    chart: str
    key: str
    version: str
    release: Release | None
    files: Files


def _write_side(folder: Path, hub: Hub, commit: str, wanted: Sequence[Deployment]) -> _Side:
    tree, chart = Tree(hub.git, commit), hub.chart_folder or ""
    paths = (chart, *(path for one in wanted for path in one.values))
    tree.write(list(tree.objects(paths)), folder)
    for path in hub.managed:
        data = hub.files.read(path)
        if data is not None and (folder / path).is_file():
            (folder / path).write_bytes(_with_images(hub, path, data))
    repository = open_repository(hub)
    index = hub.index or repository.index()
    release = _fetch(hub, tree, folder / chart, index, repository)
    requirement = hub.requirement
    return _Side(folder, chart, requirement.alias or requirement.name, hub.version, release, hub.files)


def _with_images(hub: Hub, path: str, data: bytes) -> bytes:
    """Return a values file with a name and a tag where no image was built yet: the chart wants both."""
    for image in hub.images:
        for place in hub.values_places(image):
            if place.file == path:
                pinned = image_at(data, place.path, path)
                if not pinned.name or not pinned.tag:
                    data = with_image(
                        data, place.path, PinnedImage(image.spec.name, pinned.tag or _NOT_BUILT, pinned.line), path
                    )
    return data


def _fetch(hub: Hub, tree: Tree, chart: Path, index: Index, repository: HelmRepository) -> Release | None:
    """Put the chart's dependencies into its folder ``charts``, and return the release of the one that counts."""
    place = chart / _CHARTS
    place.mkdir(exist_ok=True)
    own = hub.requirement
    release = release_of(hub, index)
    if release is None:
        raise Unusable(
            f"the Helm repository has no release {hub.version}",
            where=f"{hub.requirement_file}:{own.line}",
            hint="write a version there that it has",
        )
    for found in requirements(hub.require(hub.requirement_file), hub.requirement_file):
        if found.name == own.name:
            for old in (place / own.name, *place.glob(f"{own.name}-[0-9]*.tgz")):
                shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
            (place / f"{own.name}-{release.version}.tgz").write_bytes(repository.archive(release))
        elif not (place / found.name).exists() and not any(place.glob(f"{found.name}-[0-9v]*.tgz")):
            _fetch_other(tree, hub.chart_folder or "", found, place)
    return release


def _fetch_other(tree: Tree, chart: str, found: Requirement, place: Path) -> None:
    if not found.repository.startswith(_LOCAL):
        helm.pull(found.name, found.version, found.repository, place)
        return
    local = join(chart, found.repository.removeprefix(_LOCAL))
    with temporary_folder("hubpress-preview-", place.parent.parent) as beside:
        tree.write([local], beside / "all")
        shutil.copytree(beside / "all" / local, place / found.name, symlinks=True)


def _outcome(before: _Side, after: _Side, deployment: Deployment, kubernetes: str | None) -> Outcome:
    new = _render(after, deployment, kubernetes)
    problems = (*_too_old(after, kubernetes), *(_problems(after, deployment, new.stderr) if not new.ok else ()))
    if not new.ok:
        return Outcome(deployment, problems=problems)
    old = _render(before, deployment, kubernetes)
    if not old.ok:
        return Outcome(deployment, problems=problems, unrendered=one_line(old.last_words))
    was, now = (_neutral(one.stdout.decode("utf-8", "replace"), deployment) for one in (old, new))
    return Outcome(deployment, compare(was, now, before.version, after.version), problems)


def _render(side: _Side, deployment: Deployment, kubernetes: str | None) -> Output:
    there = [path for path in deployment.values if (side.folder / path).is_file()]
    return helm.template(side.folder, side.chart, deployment.release, deployment.namespace, there, kubernetes)


def _neutral(rendered: str, deployment: Deployment) -> str:
    """Return a rendering with a word for its release's name, and one for its namespace's: neither tells of a change."""
    for name, neutral in _names(deployment):
        rendered = re.sub(rf"(?<![\w.-]){re.escape(name)}(?!\w)", neutral, rendered)
    return rendered


def _named(text: str, deployment: Deployment) -> str:
    """Return a text of :func:`_neutral` with the names again."""
    for name, neutral in _names(deployment):
        text = text.replace(neutral, name)
    return text


def _names(deployment: Deployment) -> tuple[tuple[str, str], ...]:
    return (deployment.release, _RELEASE), (deployment.namespace, _NAMESPACE)


def _too_old(side: _Side, kubernetes: str | None) -> Iterator[Refusal]:
    oldest = side.release.oldest_kubernetes if side.release else None
    if kubernetes and oldest and _numbers(kubernetes) < _numbers(oldest):
        message = f"{side.version} needs Kubernetes {oldest} or newer, and the cluster has {kubernetes}"
        yield Refusal(f"{side.chart}/Chart.yaml", 0, message)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _problems(side: _Side, deployment: Deployment, said: str) -> tuple[Refusal, ...]:
    """Read what helm says of values that it cannot render; the format of 3 and 4 differs."""
    found: list[Refusal] = []
    below: tuple[str, ...] = ()
    for line in map(str.strip, said.splitlines()):
        if name := _SUBCHART.fullmatch(line):
            below = () if name["name"] == Path(side.chart).name else (side.key,)
        elif schema := _SCHEMA.fullmatch(line):
            steps = (
                schema["pointer"].strip("/").split("/") if schema["pointer"] is not None else schema["dots"].split(".")
            )
            path = (*below, *(step for step in steps if step and step != "(root)"))
            found.append(_placed(side, deployment, path, schema["message"]))
    if found:
        return tuple(dict.fromkeys(found))
    last = next((line for line in said.splitlines() if line.startswith("Error: ")), said.strip()).removeprefix(
        "Error: "
    )
    place = _BROKEN.search(last) or _TEMPLATE.search(last)
    where, number = (place["path"], int(place["line"])) if place else (f"{side.chart}/values.yaml", 0)
    return (Refusal(where, number, one_line(last)),)


def _placed(side: _Side, deployment: Deployment, path: tuple[str, ...], message: str) -> Refusal:
    """Find the line that a fault of the schema is about: in the strongest file that has it."""
    unknown = _KEYS.search(message)
    keys = re.findall(r"[^\s',]+", unknown["names"]) if unknown else []
    whole = (*path, *keys[:1])
    best = (0, f"{side.chart}/values.yaml", 0)
    for file in (f"{side.chart}/values.yaml", *deployment.values):
        data = side.files.read(file)
        depth, line = _way(parse(data, file).root, whole) if data else (0, 0)
        best = max(best, (depth, file, line), key=lambda one: one[0]) if depth != best[0] else (depth, file, line)
    return Refusal(best[1], best[2], one_line(f"{'.'.join(path)}: {message}"))


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


def _keep_secrets(files: Files, values: Sequence[str]) -> None:
    """Have everything masked that values files hold under names that look secret."""
    for path in values:
        data = files.read(path)
        try:
            outline = parse(data, path).outline if data else ()
        except Fault:  # helm tells what is wrong with it
            continue
        for node in outline:
            for key, given in node.entries if isinstance(node, MappingNode) else ():
                value = target_of(given)
                if isinstance(key, Scalar) and isinstance(value, Scalar) and looks_secret(key.value):
                    keep_secret("SECRET", value.value)


def _summary(same: Sequence[Outcome]) -> Iterator[str]:
    difference = same[0].difference
    counts = (
        (len(difference.changed), "changed"),
        (len(difference.added), "added"),
        (len(difference.removed), "removed"),
    )
    what = ", ".join(f"{count} {word}" for count, word in counts if count) or "no object changes"
    if same[0].problems:
        what = "the new chart refuses the values"
    yield f"{', '.join(one.deployment.name for one in same)}: {what}"


def _told_together(changed: Mapping[str, tuple[Change, ...]]) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Yield the changes with the objects that have them; one that many have is told once."""
    objects: dict[Change, list[str]] = {}
    for name, changes in changed.items():
        for change in changes:
            objects.setdefault(change, []).append(name)
    groups: dict[tuple[str, ...], list[Change]] = {}
    for change, names in objects.items():
        groups.setdefault(tuple(names), []).append(change)
    yield from groups.items()
