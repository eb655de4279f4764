"""A hub repository's chart, rendered by helm with each deployment's values, and the comparison of two renderings.

The comparison is object by object. It leaves out what changes with each version (checksums, and the labels and
annotations with the chart's version) and the data of Secrets, which each rendering generates anew.
"""

from __future__ import annotations

import difflib
import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..core.faults import Fault, ProgramFailed, Refused, Unusable
from ..core.names import Reference
from ..core.problems import Code, Problem
from ..core.safe_files import is_inside, read_file, temporary_folder
from ..core.settings import FILE
from ..core.visible import MASK, Secrets, names_secret, one_line, without
from ..core.yaml_tree import Data, Leaf, child, load, load_file, parse, text_under, walk
from ..image.tree import Tree, snapshot
from ..releases.index import Release
from ..releases.repository import HelmRepository
from ..repo.charts import LOCAL, Requirement, is_folder, requirements
from ..repo.deployments import Deployment, chart_of, deployments
from ..repo.files import is_below, is_encrypted, join
from ..repo.hub import Hub
from ..repo.values import reach, with_image
from ..tools import helm
from ..tools.process import map_parallel, require_installed

_TO_UPGRADE = "upgrade the cluster, or correct hub.kubernetes"
_TO_CORRECT = "fix it there; the chart's values: https://z2jh.jupyter.org/en/stable/resources/reference.html"
_CHARTS = "charts"
# Placeholder for the tags of the hub images, which a release moves whatever the chart does.
_BUILT_HERE = "built-here"
_SCHEMA = r"- (?:at '(?P<pointer>[^']*)'|(?P<dots>[^:]+)): (?P<message>.+)"
# Precedes errors of a subchart's schema or template.
_SUBCHART = r"(?:Error: execution error at \(.*/charts/)?(?P<name>[\w.-]+)(?:/templates/.*)?:"
# How z2jh's NOTES.txt rejects values that it no longer supports.
_CHANGED = r"CHANGED: (?P<dots>[\w.]+) must .+"
_KEYS = r"[Aa]dditional propert(?:y|ies) (?P<names>.+?)(?: is| are)? not allowed"
_TEMPLATE = r"\(?(?P<path>[\w./-]+\.(?:yaml|yml|tpl|txt)):(?P<line>\d+)"
_BROKEN = r"(?:failed to parse|YAML parse error on) (?P<path>[^\s:]+)(?:.*?line (?P<line>\d+))?"
_ERROR, _AFTER = "Error: ", "\n\nUse --debug"
_BETWEEN = r"\n---[^\n]*"
# Without these, most objects are the same in all deployments, and are parsed once.
_CHECKSUM = r"\n *(?:['\"]?checksum[/_][\w.-]+['\"]?: |# \"[0-9a-f]{64}\" ).*"
# https://helm.sh/docs/chart_best_practices/labels/, and the older name of helm.sh/chart.
_VERSION_LABELS = r"helm\.sh/chart|app\.kubernetes\.io/version|chart"
# The values in a Secret's data, masked before parsing because they are large.
_ENCODED = r"(?m)(?<=: )([\"']?)[A-Za-z0-9+/=]{16,}\1$"
_SECRET = "Secret"  # noqa: S105 - the kind of an object
# An option whose value follows, and a name before a value: both are masked if the name looks secret.
_OPTION = r"--?[\w.-]+"
_GIVEN = r"""(?P<name>[\w.-]+)["']?\s*[:=]\s*(?=\S)"""
_CAMEL = r"(?<=[a-z0-9])(?=[A-Z])"
_LONGEST_VALUE = 160


# The keys that lead to the values of a chart's dependencies, by the names in helm's messages.
Ways: TypeAlias = "Mapping[str, tuple[str, ...]]"


class Rendering(NamedTuple):
    """The chart rendered for one deployment.

    Attributes:
        text: the objects; None if the chart refuses the values.
        problems: why the chart cannot be installed with them.
        absent, encrypted: the missing and the encrypted values files.
        secrets: the values in the other files under names that look secret.
    """

    text: str | None
    problems: tuple[Problem, ...]
    absent: tuple[str, ...]
    encrypted: tuple[str, ...]
    secrets: Secrets


def refused_values(hub: Hub) -> dict[Problem | Fault, tuple[str, ...]]:
    """Return the problems of the pinned chart with the values, or why they are unknown, each with its deployments."""
    require_installed("helm")
    wanted = [one for one in deployments(hub) if not one.apart]
    found: dict[Problem | Fault, tuple[str, ...]] = {}
    planned = {path: data for path in hub.managed if (data := hub.files.read(path)) is not None}
    with temporary_folder() as folder, snapshot(hub.git, paths_of(hub, wanted), planned) as tree:
        rendered = render_charts(folder / "chart", hub, tree, wanted, hub.settings.kubernetes)
    for one, result in zip(wanted, rendered, strict=True):
        for refusal in (result,) if isinstance(result, Fault) else result.problems:
            found[refusal] = (*found.get(refusal, ()), one.name)
    return found


def paths_of(hub: Hub, wanted: Sequence[Deployment]) -> tuple[str, ...]:
    """Return the paths in the repository that deployments are rendered from: charts and values files."""
    charts = [] if hub.layout.folder is None else [hub.layout.folder, *(one.chart for one in wanted)]
    files = [(chart, hub.dependencies_of(chart)) for chart in charts]
    read = ((chart, requirements(hub.files.read(file) or b"", file)) for chart, file in files)
    beside = filter(None, (_folder_of(chart, one) for chart, required in read for one in required))
    return tuple(dict.fromkeys((*charts, *beside, *(path for one in wanted for path in one.values))))


def _folder_of(chart: str, required: Requirement) -> str | None:
    path = join(chart, required.repository.removeprefix(LOCAL))
    is_chart = is_folder(required.repository) and is_inside(path) and not is_below(chart, [path])
    return path if is_chart else None


def render_charts(
    folder: Path, hub: Hub, tree: Tree, wanted: Sequence[Deployment], kubernetes: str | None
) -> list[Rendering | Fault]:
    """Render the chart for each deployment in the new ``folder``, or return why it cannot be rendered.

    Charts and values files are written there from ``tree``, except the files that a release edits, which are written
    from ``hub``.
    """
    values, paths = list(dict.fromkeys(path for one in wanted for path in one.values)), paths_of(hub, wanted)
    # Helm follows links in a chart.
    if listed := list(tree.objects((*paths, *tree.links(paths)))):
        tree.write(listed, folder)
    for path in hub.managed:
        data = hub.files.read(path)
        if data is not None and (folder / path).is_file():
            (folder / path).write_bytes(_with_images(hub, path, data))
    # Also as stored in git: a filter may have decrypted them in the checkout.
    entries = tree.files(values) if values else []
    stored = {entry.path: data for entry, data in zip(entries, tree.blobs(entries), strict=True)}
    locked = {path for path in values if any(map(is_encrypted, (stored.get(path, b""), _read(folder / path))))}
    release, charts = _fill_charts(hub, folder, {one.chart for one in wanted})
    too_old = _too_old(hub, release, kubernetes)

    def rendered(one: Deployment) -> Rendering | Fault:
        if one.apart:
            return Refused(one.apart, hint="look at it by hand: helm template")
        if isinstance(ways := charts[one.chart], Fault):
            return ways
        absent = tuple(path for path in one.values if not (folder / path).is_file())
        given = [path for path in one.values if path not in absent and path not in locked]
        secrets: Secrets = frozenset().union(*(_secrets_in(_read(folder / path)) for path in given))
        result = helm.template(folder, one.chart, one.release, one.namespace, given, kubernetes)
        text, messages = result.stdout.decode("utf-8", "replace"), without(result.stderr, secrets)
        problems = too_old or (() if result.ok else _problems(folder, one.chart, given, ways, messages))
        encrypted = tuple(path for path in one.values if path in locked)
        return Rendering(text if result.ok else None, problems, absent, encrypted, secrets)

    return map_parallel(rendered, wanted)


def _too_old(hub: Hub, release: Release, kubernetes: str | None) -> tuple[Problem, ...]:
    oldest = release.oldest_kubernetes
    has, needs = ([int(part) for part in re.findall(r"\d+", one or "")[:2]] for one in (kubernetes, oldest))
    if not kubernetes or has >= needs:
        return ()
    message = f"{hub.version} needs Kubernetes {oldest} or newer, and the cluster has {kubernetes}"
    return (Problem(Code.KUBERNETES, f"{hub.requirement_file}:{hub.requirement.line}", message, _TO_UPGRADE),)


def _problems(folder: Path, chart: str, values: Sequence[str], ways: Ways, messages: str) -> tuple[Problem, ...]:
    """Return the problems in helm's ``messages`` about a chart that refuses ``values``."""
    # The chart's values file, or the settings file if the chart is z2jh's archive.
    own = f"{chart}/values.yaml" if (folder / chart).is_dir() else FILE
    found: list[tuple[str, str]] = []
    below: tuple[str, ...] = ()
    for line in map(str.strip, messages.splitlines()):
        if name := re.fullmatch(_SUBCHART, line):
            below = ways.get(name["name"], ())
        elif schema := re.fullmatch(_SCHEMA, line):
            pointer, dots, message = schema["pointer"], schema["dots"], schema["message"]
            steps = dots.split(".") if pointer is None else pointer.strip("/").split("/")
            path = (*below, *(step for step in steps if step and step != "(root)"))
            unknown = re.search(_KEYS, message)
            keys = re.findall(r"[^\s',]+", unknown["names"]) if unknown else []
            found.append((_place_of(folder, (own, *values), (*path, *keys[:1])), f"{'.'.join(path)}: {message}"))
        elif changed := re.fullmatch(_CHANGED, line):
            found.append((_place_of(folder, (own, *values), (*below, *changed["dots"].split("."))), line))
    if not found:
        # Helm 4 puts the reason on the lines below, up to an empty one; a chart's message may begin with empty lines.
        reason = f"\n{messages}".partition(f"\n{_ERROR}")[2].partition(_AFTER)[0]
        first = reason.partition("\n\n")[0].rstrip()
        last = " ".join((reason if first.endswith(":") else first).split())
        if not last:
            raise ProgramFailed(f"helm template: {one_line(messages.strip())}", hint="helm version")
        place = re.search(_BROKEN, last) or re.search(_TEMPLATE, last)
        found.append((":".join(filter(None, place.group("path", "line"))) if place else own, last))
    return tuple(Problem(Code.INVALID, where, one_line(text), _TO_CORRECT) for where, text in dict.fromkeys(found))


def _place_of(folder: Path, files: Sequence[str], path: tuple[str, ...]) -> str:
    """Return the file and line that a schema error is about: the deepest key of ``path``, in the strongest file."""
    where = files[0]
    for depth, file in product(range(1, len(path) + 1), files):
        with suppress(Fault):  # helm reports files that are not YAML
            found = reach(parse(_read(folder / file), file), path[:depth])
            if at := found.key or found.node:
                where = f"{file}:{at.line}"
    return where


def _with_images(hub: Hub, path: str, data: bytes) -> bytes:
    """Return a values file with the placeholder as the tag of each hub image."""
    for image in hub.images:
        for place in (one for one in hub.values_places(image) if one.file == path):
            data = with_image(data, place.path, Reference(image.spec.name, _BUILT_HERE), path)
    return data


def _fill_charts(hub: Hub, folder: Path, charts: Collection[str]) -> tuple[Release, dict[str, Ways | Fault]]:
    """Write the dependencies of the hub's chart and of ``charts`` that wrap it; without a chart, write z2jh's.

    Return z2jh's release and, by each chart's folder, the ways to its dependencies' values, or why it cannot be
    rendered.
    """
    repository, own = HelmRepository.of(hub.settings, hub.helm_repository), hub.requirement
    release = hub.release_in(hub.index or repository.index())
    if release is None:
        what = f"the Helm repository has no release {hub.version}"
        hint = "write a version there that it has"
        raise Unusable(what, where=f"{hub.requirement_file}:{own.line}", hint=hint)
    archive, chart, name = repository.archive(release), chart_of(hub), hub.layout.chart.name
    if hub.layout.folder is None:
        folder.mkdir(exist_ok=True)
        (folder / chart).write_bytes(archive)
        return release, {chart: {}}
    required = _fill(hub, folder, chart, own.name)
    (folder / chart / _CHARTS / f"{own.name}-{release.version}.tgz").write_bytes(archive)
    ways: Ways = {one.key: (one.key,) for one in required}
    found: dict[str, Ways | Fault] = {chart: ways}
    for wrapper in {*charts} - {chart}:
        try:
            required = _fill(hub, folder, wrapper, name)
            shutil.copytree(folder / chart, folder / wrapper / _CHARTS / name, symlinks=True)
            keys = [one.key for one in required if one.name == name]
            below = {inner: (key, *way) for key in keys for inner, way in ways.items()}
            found[wrapper] = {**{one.key: (one.key,) for one in required}, **below}
        except Fault as fault:  # noqa: PERF203 - render the others too
            found[wrapper] = fault
    return release, found


def _fill(hub: Hub, folder: Path, chart: str, own: str) -> tuple[Requirement, ...]:
    """Fetch the missing dependencies of a chart and remove ``own``, which the caller writes; return all of them."""
    place = folder / chart / _CHARTS
    if not place.parent.is_dir():
        raise Unusable(f"{chart} is not committed", where=chart, hint="git commit it")
    place.mkdir(exist_ok=True)
    file = hub.dependencies_of(chart)
    required = requirements(hub.require(file), file)
    for one in required:
        existing = [old for old in (place / one.name, *place.glob(f"{one.name}-[0-9v]*.tgz")) if old.exists()]
        if one.name == own:
            for old in existing:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        elif not existing and one.repository.startswith(LOCAL):
            beside = _folder_of(chart, one)
            if beside is None:
                what = f"previews do not fetch {one.name} from {one.repository}"
                hint = f"commit its archive: helm package FOLDER --destination {join(chart, _CHARTS)}; git add --force"
                raise Unusable(what, where=f"{file}:{one.line}", hint=hint)
            if not (folder / beside).is_dir():
                what, hint = f"{one.name} is not committed at {one.repository}", "commit that chart"
                raise Unusable(what, where=f"{file}:{one.line}", hint=hint)
            # Its links lead elsewhere from there.
            shutil.copytree(folder / beside, place / one.name, ignore_dangling_symlinks=True)
        elif not existing:
            helm.pull(one.name, one.version, one.repository, place)
    return required


def _read(file: Path) -> bytes:
    with suppress(OSError):
        return read_file(file)
    return b""


# Most values files are read twice, before and after, without a change.
@lru_cache(maxsize=1024)
def _secrets_in(data: bytes) -> Secrets:
    with suppress(Fault):
        named = ((steps[-1], value) for steps, value in walk(load_file(data, "")) if steps)
        return frozenset(("SECRET", value) for key, value in named if isinstance(value, Leaf) and looks_secret(key))
    return frozenset()


# The scalars of an object, by their paths.
Scalars = Mapping[tuple[str, ...], str]


class Change(NamedTuple):
    """A value of an object before and after a release; None if it is missing there."""

    path: tuple[str, ...]
    before: str | None
    after: str | None

    def lines(self) -> Iterator[str]:
        """Yield the change for people; values that look secret are masked."""
        yield ".".join(self.path).replace(".[", "[")
        before, after = (_masked(self.path, text) for text in (self.before, self.after))
        if before is not None and after is not None and ("\n" in before or "\n" in after):
            changed = difflib.unified_diff(_lines(before) or [], _lines(after) or [], n=0, lineterm="")
            yield from (f"  {line}" for line in changed if not line.startswith(("---", "+++", "@@")))
            return
        for sign, text in (("-", before), ("+", after)):
            if text is not None:
                shown = one_line(text)
                yield f"  {sign} {shown if len(shown) <= _LONGEST_VALUE else f'{shown[:_LONGEST_VALUE]}…'}"


class Difference(NamedTuple):
    """The differences between two renderings, by ``KIND/NAME``."""

    added: tuple[str, ...] = ()
    changed: Mapping[str, tuple[Change, ...]] = {}
    removed: tuple[str, ...] = ()

    def sections(self) -> Iterator[tuple[str, list[str]]]:
        """Yield added and removed objects, then changed ones with their lines, grouped by change."""
        yield from ((f"+ {name}", []) for name in self.added)
        yield from ((f"- {name}", []) for name in self.removed)
        objects: dict[Change, list[str]] = {}
        for name, changes in self.changed.items():
            for change in changes:
                objects.setdefault(change, []).append(name)
        groups: dict[str, list[str]] = {}
        for change, names in objects.items():
            groups.setdefault(", ".join(names), []).extend(change.lines())
        yield from groups.items()


def compare(before: str, after: str, old: str, new: str, secrets: Secrets = frozenset()) -> Difference:
    """Compare two outputs of ``helm template``, of the chart's versions ``old`` and ``new``.

    The ``secrets`` are masked in the changed values.
    """
    # Most objects have the same text; those are not parsed.
    was, now = _documents(before, old), _documents(after, new)
    had = dict(pair for text in was if text not in now for pair in _objects(text))
    have = dict(pair for text in now if text not in was for pair in _objects(text))
    changed = {name: tuple(_changes(had[name], have[name], secrets)) for name in sorted(had.keys() & have.keys())}
    return Difference(
        added=tuple(sorted(have.keys() - had.keys())),
        changed={name: changes for name, changes in changed.items() if changes},
        removed=tuple(sorted(had.keys() - have.keys())),
    )


def looks_secret(name: str) -> bool:
    """Whether a key's name, which may be in camel case, suggests that its value is secret."""
    return names_secret(re.sub(_CAMEL, "_", name.strip("[]")).replace("-", "_").replace(".", "_"))


def _documents(rendered: str, version: str) -> dict[str, None]:
    texts = (_without_noise(text, version) for text in re.split(_BETWEEN, f"\n{rendered}"))
    return {text: None for text in texts if text}


@lru_cache(maxsize=1024)
def _without_noise(text: str, version: str) -> str:
    versions = "|".join(map(re.escape, (version, version.replace("+", "_"))))
    labels = rf"\n *(?:{_VERSION_LABELS}): [\"']?[\w.-]*(?:{versions})[\"']?(?=\n)"
    found = re.sub(labels, "", re.sub(_CHECKSUM, "", text)).strip()
    return re.sub(_ENCODED, f'"{MASK}"', found) if f"kind: {_SECRET}" in found else found


@lru_cache(maxsize=1024)
def _objects(text: str) -> tuple[tuple[str, Scalars], ...]:
    found = load(text)
    items = child(found, "items") if child(found, "kind") == "List" else [found]
    return tuple(_named(item) for item in items if isinstance(item, dict)) if isinstance(items, list) else ()


def _named(item: Data) -> tuple[str, Scalars]:
    kind, name = text_under(item, "kind"), text_under(child(item, "metadata"), "name")
    masked = {("data",), ("stringData",)} if kind == _SECRET else set()
    return f"{kind}/{name}", {path: MASK if path[:1] in masked else text for path, text in _leaves(item, ())}


def _leaves(node: Data, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each scalar with its path; a list whose items lack unique names is one text."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(node, list) and node:
        names = [text_under(item, "name") for item in node]
        if None in names or len({*names}) < len(names):
            yield path, "\n".join(map(_in_one_line, node))
            return
        for name, value in zip(names, node, strict=True):
            yield from _leaves(value, (*path, f"[{name}]"))
    else:
        yield path, _in_one_line(node)


def _in_one_line(node: Data) -> str:
    return node if isinstance(node, str) else json.dumps(_hidden(node), ensure_ascii=False)


def _hidden(node: Data) -> object:
    if isinstance(node, list):
        return [_hidden(item) for item in node]
    if isinstance(node, dict):
        named = looks_secret(text_under(node, "name") or "")
        is_secret = {key: looks_secret(key) or (named and key == "value") for key in node}
        return {key: MASK if is_secret[key] else _hidden(value) for key, value in node.items()}
    return node


def _changes(before: Scalars, after: Scalars, secrets: Secrets) -> Iterator[Change]:
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path), after.get(path)
        if old != new and _lines(old) != _lines(new):
            yield Change(path, old and without(old, secrets), new and without(new, secrets))


def _lines(text: str | None) -> list[str] | None:
    return None if text is None else [line.rstrip() for line in text.splitlines() if line.strip()]


def _masked(path: tuple[str, ...], text: str | None) -> str | None:
    """Return a value, masked if its path looks secret, else with each line masked after the first such name."""
    if text is None or any(map(looks_secret, path)):
        return text and MASK
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if at and re.fullmatch(_OPTION, lines[at - 1]) and looks_secret(lines[at - 1]):
            lines[at] = MASK
            continue
        end = next((one.end() for one in re.finditer(_GIVEN, line) if looks_secret(one["name"])), None)
        lines[at] = line if end is None else f"{line[:end]}{MASK}"
    return "\n".join(lines)
