"""The deployments of the chart: their values files, Helm releases and namespaces, and the images in the values.

They follow from the layout. hubploy (https://github.com/berkeley-dsep-infra/hubploy): ``NAME/hubploy.yaml``,
``NAME/config/`` with ``common.yaml`` and a file for each environment, and ``NAME/secrets/``; it installs the release
``NAME-ENVIRONMENT`` into the namespace of that name. 2i2c (https://infrastructure.2i2c.org): a ``cluster.yaml`` with
``hubs``, each with its ``helm_chart``, which may wrap the hub's, and its ``helm_chart_values_files``.

Without a chart in the repository, z2jh's own is deployed by commands like ``helm upgrade hub jupyterhub/jupyterhub
--version 3.2.1``, manifests of Flux, Argo CD and others, or Terraform, which ``hub.pins`` or a marker can name.

The keys of images are those of Zero to JupyterHub (https://z2jh.jupyter.org/en/stable/resources/reference.html):
``image`` and the entries of ``extraImages`` with ``name`` and ``tag``; and ``NAME:TAG`` of KubeSpawner or a container.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial, reduce
from itertools import pairwise
from typing import NamedTuple

from ..core.faults import CLI, Refused, Unusable, nearest
from ..core.names import Reference
from ..core.safe_files import is_inside
from ..core.settings import FILE, DeploymentSetting, PinTarget, ValuesTarget
from ..core.yaml_tree import Data, Leaf, child, load_all, load_file, text_under, walk
from ..releases.versions import parse_constraint, parse_version
from .charts import CHART_FILES, DEPENDENCIES, LOCAL, pinned
from .files import behind_links, files_with, folder_of, is_below, is_encrypted, join, last_part
from .hub import Hub, HubImage
from .layout import BRINGING, CHARTPRESS_FILE
from .pins import marks_versions, versions_of_chart
from .values import NAME_KEYS, TAG_KEY, Path, in_brackets, values_setting

HUBPLOY_FILE = "hubploy.yaml"
_COMMON = "common"
_CONFIG = r"(?P<folder>.+)/(?P<kind>config|secrets)/(?P<name>[^/]+)\.ya?ml"
# A valid name of a release or namespace, not a variable of a shell, make or a workflow.
_NAME = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"
# helm, or a variable called so, as a command in a shell, make or a workflow, with options and a plugin before its
# subcommand. The plugin diff deploys nothing.
_BEFORE = r"(?:(?!diff\s)[^-\s]\S*\s+)"
_HELM = (
    r"(?:^|[;&|(]|\b(?:run:|exec|sudo|time|then|do|else))[\s@+-]*(?:\w+=\S*\s+)*"
    rf"[\"']?\$?[({{]?[\w./-]*(?:helm|HELM)\w*[)}}\"']*\s+{_BEFORE}?(?:-\S+\s+{_BEFORE}{{0,2}})*(?:upgrade|install)\s"
)
# A block of Terraform's Helm provider up to the brace that closes it, with the indentation of its own arguments.
_HELM_RELEASE = r'^([ \t]*)resource[ \t]+"helm_release".*\{\s*^(?P<indent>[ \t]+)\S(?:.*\n){0,300}?\1\}'
# One of its arguments: a string or an expression, without the comment behind it.
_ARGUMENT = r'(?m)^{indent}(chart|version)[ \t]*=[ \t]*(?P<value>"[^"\n]*"|.*?(?=\s*(?:#|//|$)))'
# Longer lines are generated, not commands, and slow to search.
_LONGEST = 2000
# Files that only mention commands.
PROSE = (*(f":(exclude,glob)**/*.{kind}" for kind in ("md", "adoc", "rst", "txt")), f":(exclude){FILE}")
# A word of a command; blanks in quotes and in expressions of workflows belong to it.
_WORD = r"""(?:\$\{\{[^{}]*\}\}|"[^"]*"|'[^']*'|\S)+"""
# The address of a chart's archive, without and with the version.
_ARCHIVE = r"^(\w+://.*)-(v?[0-9]+\.[0-9]+\.[0-9]+.*)\.tgz$"
# What continues a line, in sh, PowerShell and cmd.
_CONTINUED = r"(?:\\| [`^])\s*$"
_IMAGE, _EXTRA = "image", "extraImages"
_SPAWNER = frozenset({"kubespawner_override", "KubeSpawner"})
_CONTAINERS = frozenset({"initContainers", "extraContainers", "init_containers", "extra_containers"})
# Placeholders.
_TEMPLATES = ("{", "$(")
# How many levels deep a chart's key can be, if other charts wrap it.
_MOST_ABOVE = 2
# Parsing this much YAML takes some seconds.
_MOST_READ = 1024 * 1024


class Deployment(NamedTuple):
    """An installation of a chart, with its values files, strongest last, without the chart's own.

    Attributes:
        chart: the folder of the hub's chart, or of one that wraps it.
        group: its hubploy folder or its cluster.
        absent: the values files in ``cluster.yaml`` that do not exist.
        apart: why it is not rendered, if its chart is not the hub's; else empty.
    """

    name: str
    values: tuple[str, ...]
    namespace: str
    release: str
    chart: str
    group: str = ""
    absent: tuple[str, ...] = ()
    apart: str = ""


def deployments(hub: Hub, names: Sequence[str] = ()) -> tuple[Deployment, ...]:
    """Return the deployments in the settings, else those of the layout, else one with the chart's own values.

    ``names`` selects deployments, or groups of them.
    """
    if not has_deployments(hub):
        entries = (in_brackets(one.deployment) for one in installations(hub) if one.deployment)
        entry = next(entries, "{name: …, values: […]}")
        raise Unusable(
            "no chart here depends on z2jh, and no setting names the values that z2jh's own is deployed with",
            where=hub.git.folder,
            hint=f"name them in {FILE}: hub: {{deployments: [{entry}]}}",
        )
    alone = Deployment(hub.layout.chart.name, (), hub.layout.chart.name, hub.layout.chart.name, chart_of(hub))
    found = tuple(_of_settings(hub)) or of_hubploy(hub) or _of_clusters(hub) or (alone,)
    wanted: dict[Deployment, None] = {}
    for name in names:
        fitting = [one for one in found if one.name == name] or [one for one in found if one.group == name]
        if not fitting:
            near = nearest(name, (known for one in found for known in (one.name, one.group)))
            listed = ", ".join(one.name for one in found)
            hint = f"did you mean --deployment {near}?" if near else f"the deployments are: {listed}"
            raise Unusable(f"there is no deployment {name}", where=hub.git.folder, hint=hint)
        wanted.update(dict.fromkeys(fitting))
    return tuple(wanted) or found


def has_deployments(hub: Hub) -> bool:
    """Whether there is a chart to render: the repository's, or z2jh's for deployments in the settings."""
    return hub.layout.folder is not None or bool(hub.settings.deployments)


def chart_of(hub: Hub) -> str:
    """Return the folder of the hub's chart, or the name of z2jh's chart if there is none."""
    return hub.requirement.name if hub.layout.folder is None else hub.layout.folder


def of_hubploy(hub: Hub) -> tuple[Deployment, ...]:
    """Return the deployments that hubploy would install, of any chart."""
    # Folders of cookiecutter templates have braces in their names.
    folders = {path.rpartition("/")[0] for path in hub.listing.named(HUBPLOY_FILE) if "{" not in path}
    files = (re.fullmatch(_CONFIG, file) for file in sorted(hub.listing.files)) if folders else ()
    found: dict[str, dict[tuple[str, str], str]] = {}
    for file in (one for one in files if one and one["folder"] in folders):
        found.setdefault(file["folder"], {})[file["kind"], file["name"]] = file[0]
    return tuple(one for folder, inside in found.items() for one in _in_folder(hub.layout.folder or "", folder, inside))


def _in_folder(chart: str, folder: str, files: Mapping[tuple[str, str], str]) -> Iterator[Deployment]:
    group = last_part(folder)
    environments = sorted(name for kind, name in files if kind == "config" and name != _COMMON)
    for environment in environments or [_COMMON]:
        # hubploy passes the shared files first.
        order = [(kind, name) for name in dict.fromkeys((_COMMON, environment)) for kind in ("config", "secrets")]
        name = f"{group}-{environment}" if environments else group
        yield Deployment(name, tuple(join(files[one]) for one in order if one in files), name, name, chart, group)


@lru_cache(maxsize=4)
def _of_clusters(hub: Hub) -> tuple[Deployment, ...]:
    read = ((path, hub.files.read(path) or b"") for path in hub.listing.named("cluster.yaml"))
    return tuple(one for path, data in read if b"helm_chart" in data for one in _in_cluster(hub, path, data))


def _in_cluster(hub: Hub, path: str, data: bytes) -> Iterator[Deployment]:
    hubs, folder = None, folder_of(path)
    group = last_part(folder)
    with suppress(Unusable):
        hubs = child(load_file(data, path), "hubs")
    for entry in hubs if isinstance(hubs, list) else ():
        name, chart, override = (text_under(entry, key) for key in ("name", "helm_chart", "chart_override"))
        files, place = child(entry, "helm_chart_values_files"), _chart_folder(hub, chart)
        if not name or not isinstance(files, list) or not (place or chart):
            continue
        apart = f"{join(folder, override)} gives its chart other dependencies" if override else ""
        if not place:
            apart, files = f"its chart {chart} does not depend on the hub's directly", []
        paths = [path for file in files if isinstance(file, str) and is_inside(path := join(folder, file))]
        absent = tuple(path for path in paths if hub.files.read(path) is None)
        values = tuple(path for path in paths if path not in absent)
        yield Deployment(f"{group}-{name}", values, name, name, place or chart_of(hub), group, absent, apart)


def _of_settings(hub: Hub) -> Iterator[Deployment]:
    given = hub.settings.deployments
    if twice := next((name for name, count in Counter(one.name for one in given).items() if count > 1), None):
        hint = "give each its own name"
        raise Unusable(f"several of hub.deployments are called {twice}", where=FILE, hint=hint)
    charts = {path: one.chart for one in _of_clusters(hub) for path in one.values} if given else {}
    for one in given:
        known = next((charts[path] for path in one.values if path in charts), chart_of(hub))
        chart = _chart_folder(hub, one.chart) if one.chart else known
        missing = next((path for path in one.values if hub.files.read(path) is None), None)
        if chart is None:
            what = f"hub.deployments: no chart {one.chart} depends on the hub's chart by {LOCAL}"
            raise Unusable(what, where=FILE, hint="name its folder there; the hub's own chart needs no name")
        if missing:
            what = f"hub.deployments names {missing}, which does not exist"
            raise Unusable(what, where=FILE, hint=f"correct the values of {one.name} there")
        yield Deployment(one.name, one.values, one.namespace or one.name, one.release or one.name, chart)


def _chart_folder(hub: Hub, wanted: str | None) -> str | None:
    """Return the folder of the hub's chart, or of one that wraps it, by path or name, or None."""
    for folder in hub.own_folders:
        if wanted and wanted.rstrip("/") in (folder, last_part(folder)):
            found = hub.requirement_in(folder, hub.layout.chart.name)
            if folder == hub.layout.folder or (found and found.repository.startswith(LOCAL)):
                return folder
    return None


class Installation(NamedTuple):
    """A command, manifest or Terraform block that deploys z2jh's own chart; ``line`` is its version's, else its first.

    Attributes:
        chart: the chart's name.
        option: its version: a version, a range, a variable, or None for the newest.
        pin: the entry for ``hub.pins`` that lets a release move it; None if no entry can.
        deployment: the entry for ``hub.deployments``, if the repository has its values files.
    """

    chart: str
    file: str
    line: int
    option: str | None
    pin: PinTarget | None
    deployment: DeploymentSetting | None = None

    @property
    def version(self) -> str | None:
        """The version that it deploys, or None if it is not written here."""
        return self.option.removeprefix("v") if self.option and parse_version(self.option) else None

    @property
    def setting(self) -> str:
        """How to let a release move it."""
        if self.pin:
            return f"in {FILE}: hub: {{pins: [{in_brackets(self.pin)}]}}"
        if not self.option:
            return f"give it a version there, then: {CLI} check"
        return "mark the line that has the version with a comment: # hubpress: jupyterhub"


def staying_installations(hub: Hub) -> tuple[Installation, ...]:
    """Return what deploys z2jh's own chart in a version that a release does not move; only without a chart here."""
    if hub.layout.folder is not None:
        return ()
    pins = [pin for pin in (*hub.pins, *hub.held_pins) if pin.accepted_as]
    known = {(pin.file, pin.read(hub.files).line) for pin in pins}
    # A version in a variable is pinned where the variable is set.
    return tuple(
        one
        for one in installations(hub)
        if (one.file, one.line) not in known and not (pins and one.option and not one.pin and not one.version)
    )


def other_charts(hub: Hub) -> Iterator[Installation]:
    """Yield the other charts here that depend on z2jh and that no setting moves, except another chartpress.yaml's."""
    known = {pin.file for pin in (*hub.pins, *hub.held_pins)}
    # Few files list dependencies, of many in a repository.
    listed = [path for path in hub.listing.telling if path.endswith(CHART_FILES) and path not in known]
    roots = map(folder_of, hub.listing.named(CHARTPRESS_FILE))
    elsewhere = [root for root in roots if root not in {".", hub.layout.root}]
    own = (one for one in dict.fromkeys(map(folder_of, listed)) if one in hub.own_folders)
    folders = hub.charts_among(one for one in own if not is_below(one, elsewhere))
    for file in (one for one in map(hub.dependencies_of, folders) if one not in known):
        for at, entry in pinned(hub.require(file), hub.requirement.name, file).items():
            pin = PinTarget(file, f"{DEPENDENCIES}.{at}.version")
            yield Installation(entry.name, file, entry.line, entry.version, pin)


def require_own_release(hub: Hub) -> None:
    """Check that the repository chooses its release; raise Refused if it deploys only a chart that pins one."""
    if hub.layout.folder is None and not installations(hub) and not any(pin.accepted_as for pin in hub.pins):
        for one in installations(hub, BRINGING):
            raise Refused(
                f"{hub.settings.dependency} is deployed through {one.chart}, which pins it",
                where=f"{one.file}:{one.line}",
                hint=f"move {one.chart} instead, by hand; then, to the release that it has: {CLI} bump --to VERSION",
            )


@lru_cache(maxsize=16)
def installations(hub: Hub, charts: tuple[str, ...] = ()) -> tuple[Installation, ...]:
    """Return what deploys ``charts`` (default: the dependency) from a Helm repository."""
    charts = charts or (hub.settings.dependency,)
    called = f"({'|'.join(map(re.escape, charts))})"
    found: list[Installation] = []
    search = partial(files_with, hub.git, "--extended-regexp", where="--untracked")
    named = (f"(chart|chart_ref|name|url): .*{called}", f'"chart": *"([^"]*/)?{called}"')
    for file in search(named, "*.yaml", "*.yml", "*.json"):
        with suppress(Unusable):
            for chart, path, version in versions_of_chart(hub.require(file), file, charts):
                # A placeholder is set elsewhere.
                pin = PinTarget(file, path) if path and parse_constraint(version.text) else None
                found.append(Installation(chart, file, version.line, version.text, pin))
    for file in search(["(helm|HELM).* (upgrade|install)", 'resource.*"helm_release"'], ".", *PROSE):
        text = (hub.files.read(file) or b"").decode("utf-8", "replace")
        if file.endswith(".tf"):
            found += _terraform(hub, charts, file, text)
        lines = text.splitlines()
        for first, line in enumerate(lines):
            if len(line) < _LONGEST and re.search(_HELM, line) and not line.lstrip().startswith("#"):
                last = next((at for at in range(first, len(lines)) if not re.search(_CONTINUED, lines[at])), first)
                found += _command(hub, charts, file, text, first, lines[first : last + 1])
    return tuple(found)


def _terraform(hub: Hub, charts: Collection[str], file: str, text: str) -> Iterator[Installation]:
    for block in re.finditer(_HELM_RELEASE, text, re.MULTILINE):
        argument = re.compile(_ARGUMENT.format(indent=block["indent"]))
        given = {one[1]: one for one in argument.finditer(text, block.start("indent"), block.end())}
        chart, version = (given[name]["value"].strip('"') if name in given else "" for name in ("chart", "version"))
        # The repository of a chart without a slash has its own argument, like helm's option.
        if _is_chart(hub, charts, chart, ("--repo",)):
            at = given["version"].start() if version else block.start()
            yield Installation(last_part(chart), file, text.count("\n", 0, at) + 1, version or None, None)


def _command(
    hub: Hub, charts: Collection[str], file: str, text: str, first: int, lines: Sequence[str]
) -> Iterator[Installation]:
    joined = " ".join(re.sub(_CONTINUED, "", line) for line in lines)
    words = [re.sub("[\"']", "", word) for word in re.findall(_WORD, joined)]
    words = [re.sub(_ARCHIVE, r"\1\n--version\n\2", word) for word in words]
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else word.split("\n"))]
    at = next((at for at, word in enumerate(words) if _is_chart(hub, charts, word, words)), None)
    if at is None:
        return
    options = list(pairwise(words))
    given = {option: value for option, value in options if option.startswith("-")}
    version = given.get("--version")
    of_chart = next((number for number, line in enumerate(lines) if words[at] in line), 0)
    there = (number for number, line in enumerate(lines) if version and version in line and "--version" in line)
    number = next(there, of_chart if version else 0)
    marked = re.sub(_CONTINUED, "", lines[min(of_chart, number)])
    before = marked.partition(version)[0] if version else marked
    long, short = (before[max(before.find(word), 0) :].strip(" \t'\"=") for word in ("helm", words[at]))
    marker = short if text.count(short) == 1 else long
    files = (value for option, value in options if option in {"-f", "--values"} and is_inside(value))
    values = tuple(value for value in files if hub.files.read(value) is not None)
    named = (words[at - 1], given.get("--namespace") or given.get("-n") or "")
    # Either may be a variable.
    release, namespace = (word if re.fullmatch(_NAME, word) else None for word in named)
    deployment = DeploymentSetting(release or "hub", values, namespace=namespace) if values else None
    is_place = version and parse_version(version) and marks_versions(hub.files, file, marker)
    pin = PinTarget(file, marker=marker) if is_place else None
    yield Installation(last_part(words[at]), file, first + number + 1, version, pin, deployment)


def _is_chart(hub: Hub, charts: Collection[str], word: str, words: Sequence[str]) -> bool:
    folder, slash, last = word.rpartition("/")
    if last not in charts or word.startswith((".", "/", "$")):
        return False
    return hub.files.read(join(folder, last, "Chart.yaml")) is None if slash else "--repo" in words


class NamedImage(NamedTuple):
    """An image in the values: file, line, dotted path and reference."""

    file: str
    line: int
    path: str
    reference: Reference

    @property
    def where(self) -> str:
        """Its ``path:line``."""
        return f"{self.file}:{self.line}"


def named_images(hub: Hub, defaults: Data = None, telling: bytes = b"") -> Iterator[NamedImage]:
    """Yield the images in the deployments' values, and the hub images in other YAML files.

    The values are merged like in Helm. ``defaults``, the pinned chart's values, complete images of which the repository
    sets only one half. Of the deployments' files, only those that match ``telling`` are read.
    """
    own = hub.values_file
    if own is not None:
        prefixes = [one.key for one in hub.requirements]
        chains = [(own, *one.values) for one in deployments(hub)]
        listed = {path for chain in chains for path in chain}
        others = dict.fromkeys(place.file for place in hub.places if place.file not in listed)
        for chain in (*chains, *((own, path) for path in others)):
            # Of several documents, Helm reads the first.
            values = reduce(_merged, (tree for file in chain for tree in _trees_in(hub, file, telling)[:1]), None)
            for path, inner in chart_values(values, prefixes):
                yield from _images(_merged(defaults or {}, inner), path)
    names = _names(hub).values()
    words = [name.written_path for name in names]
    for file in files_with(hub.git, "--fixed-strings", words, "*.yaml", "*.yml"):
        # Not the files of tools, nor those that configure the images.
        if file not in (hub.layout.file, FILE) and "/." not in f"/{file}":
            found = (image for tree in _trees_in(hub, file) for image in _images(tree))
            yield from (one for one in found if any(map(one.reference.same_repository, names)))


def unmoved_images(hub: Hub) -> dict[str, list[NamedImage]]:
    """Return the places of hub images that builds do not write, by the images' keys."""
    # Most deployments do not name a hub image, and take long to parse.
    names = _names(hub)
    words = [re.escape(name.written_path.encode()) for name in names.values()]
    telling = b"|".join((rb"\btag\b", *words))
    named = dict.fromkeys(named_images(hub, telling=telling))
    own = {(place.file, place.path) for place in hub.places}
    # An alias of one of our lines moves with it.
    moved = {one.where for one in named if (behind_links(hub.git.folder, one.file), one.path) in own}
    left = [one for one in named if one.where not in moved]
    places = {key: [one for one in left if one.reference.same_repository(name)] for key, name in names.items()}
    return {key: some for key, some in places.items() if some}


def unused_images(hub: Hub, images: Sequence[HubImage]) -> dict[str, str]:
    """Return the keys of ``images``, with their paths in the chart's values, if no values file uses any of them."""
    if hub.layout.folder is None or any(map(hub.values_places, images)):
        return {}
    unused = {image.spec.key: f"{hub.requirement.key}.hub.image" for image in images}
    return unused if unused.keys().isdisjoint(unmoved_images(hub)) else {}


def how_to_move(hub: Hub, unmoved: Iterable[NamedImage]) -> str:
    """Return the hint that lets builds write ``unmoved`` too."""
    setting = values_setting(hub.settings.values, (ValuesTarget(one.file, one.path) for one in unmoved))
    return f"let builds move it: {setting} in {FILE}"


def faulty_files(hub: Hub) -> Iterator[Unusable]:
    """Yield the faults of the deployments' files, and of files that match ``hub.values``."""
    values = (path for one in (deployments(hub) if has_deployments(hub) else ()) for path in one.values)
    matching = (path for one in hub.settings.values for path in hub.listing.matching[one.file])
    paths = dict.fromkeys((*hub.listing.named(HUBPLOY_FILE), *values, *matching))
    if sum(len(hub.files.read(path) or b"") for path in paths) > _MOST_READ:
        yield Unusable("there is more than 1 MiB to read", where="the deployments' values", hint=f"{CLI} preview")
        return
    for path in paths:
        try:
            _read(hub.files.read(path) or b"", path)
        except Unusable as fault:  # noqa: PERF203 - check the other files too
            yield fault


def _names(hub: Hub) -> dict[str, Reference]:
    return {image.spec.key: Reference(image.spec.named) for image in hub.images if image.spec.named}


def chart_values(tree: Data, chart: Collection[str], above: Path = ()) -> Iterator[tuple[Path, Data]]:
    """Yield the values below the keys of the ``chart`` in a values file, each with the keys that lead there.

    If another chart wraps the hub's, they are in its section (2i2c: ``basehub: jupyterhub:``).
    """
    for key, inner in tree.items() if isinstance(tree, dict) else ():
        if key in chart:
            yield (*above, key), inner
        elif len(above) < _MOST_ABOVE:
            yield from chart_values(inner, chart, (*above, key))


def _trees_in(hub: Hub, path: str, telling: bytes = b"") -> Sequence[Data]:
    """Parse the mappings in a YAML file; none if it is missing, encrypted or invalid, or does not match ``telling``."""
    data = hub.files.read(path) or b""
    with suppress(Unusable):
        return [one for one in _read(data, path) if isinstance(one, dict)] if re.search(telling, data) else ()
    return ()


def _read(data: bytes, path: str) -> Sequence[Data]:
    return () if is_encrypted(data) else load_all(data, path)


def _merged(weaker: Data, stronger: Data) -> Data:
    """Merge two trees of values like Helm: mappings are merged, other values replaced."""
    if not isinstance(weaker, dict) or not isinstance(stronger, dict):
        return stronger
    return weaker | {key: _merged(weaker.get(key), value) for key, value in stronger.items()}


def _images(values: Data, path: Path = ()) -> Iterator[NamedImage]:
    for steps, tree in walk(values, path):
        *_, above, name = ("", "", *steps)
        if isinstance(tree, dict) and (name == _IMAGE or above == _EXTRA):
            yield from _image([next(filter(None, map(tree.get, NAME_KEYS)), None), tree.get(TAG_KEY)], steps)
        is_in_list = above.isdigit() and not _CONTAINERS.isdisjoint(steps[-3:-2])
        if isinstance(tree, Leaf) and name == _IMAGE and (above in _SPAWNER or is_in_list):
            yield from _image([tree], steps)


def _image(halves: Sequence[Data], path: Path) -> Iterator[NamedImage]:
    """Yield the image of these halves, if one is in the repository's values and none has a placeholder."""
    texts = [half for half in halves if isinstance(half, Leaf)]
    placed = [text for text in texts if text.where]
    is_whole = len(texts) == len(halves) and all(texts)
    # A key with a dot cannot be in a dotted path.
    is_plain = "." not in "".join(path) and not any(sign in text for sign in _TEMPLATES for text in texts)
    if placed and is_whole and is_plain:
        with suppress(Unusable):
            text = placed[-1]
            yield NamedImage(text.where, text.node.line, ".".join(path), Reference.parse(":".join(texts)))
