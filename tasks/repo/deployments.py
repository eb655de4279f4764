"""What deploys the chart: each deployment's values files, Helm release and namespace, and the images that they name.

The repository's layout tells them. hubploy's (https://github.com/berkeley-dsep-infra/hubploy): ``NAME/hubploy.yaml``,
``NAME/config/`` with ``common.yaml`` and a file for each environment, and ``NAME/secrets/``; it installs the release
``NAME-ENVIRONMENT`` into the namespace of that name. 2i2c's (https://infrastructure.2i2c.org): a ``cluster.yaml`` with
``hubs``, each with its ``helm_chart``, which may wrap the hub's, and its ``helm_chart_values_files``.

Where a repository has no chart, z2jh's own is deployed by commands like ``helm upgrade hub jupyterhub/jupyterhub
--version 3.2.1`` and by manifests of Flux, Argo CD and others: each is a place of the release, which ``hub.pins`` can
name.

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

from ..core.faults import DOOR, Unusable, nearest
from ..core.names import Reference
from ..core.safe_files import is_inside
from ..core.settings import FILE, DeploymentSetting, PinTarget, ValuesTarget
from ..core.yaml_tree import Data, Leaf, child, load_file, text_under, walk
from ..releases.versions import parse_constraint, parse_version
from .charts import LOCAL
from .files import behind_links, files_with, folder_of, join, last_part
from .hub import Hub, HubImage
from .pins import versions_of_chart
from .values import NAME_KEYS, TAG_KEY, in_brackets, is_encrypted, values_setting

HUBPLOY_FILE = "hubploy.yaml"
_COMMON = "common"
_CONFIG = re.compile(r"(?P<folder>.+)/(?P<kind>config|secrets)/(?P<name>[^/]+)\.ya?ml")
# What Helm takes as the name of a release or a namespace: no variable of a shell, of make or of a workflow.
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
# helm where a shell, make or a workflow takes a command, with options and their values before its own.
_HELM = re.compile(
    r"(?:^|[;&|(]|\b(?:run:|exec|sudo|time|then|do|else))[\s@+-]*(?:\w+=\S*\s+)*"
    r"helm\s+(?:-\S+\s+(?:[^-\s]\S*\s+)?)*(?:upgrade|install)\s"
)
# Any longer line is no command that somebody wrote, and takes long to search.
_LONGEST = 2000
# Where commands are only told of.
PROSE = (*(f":(exclude,glob)**/*.{kind}" for kind in ("md", "adoc", "rst", "txt")), f":(exclude){FILE}")
# A word of a command: blanks in quotes and in an expression of a workflow belong to it.
_WORD = re.compile(r"""(?:\$\{\{[^{}]*\}\}|"[^"]*"|'[^']*'|\S)+""")
_IMAGE, _EXTRA = "image", "extraImages"
_SPAWNER = frozenset({"kubespawner_override", "KubeSpawner"})
_CONTAINERS = frozenset({"initContainers", "extraContainers", "init_containers", "extra_containers"})
_ANYTHING = re.compile(b"")
# What a program is to fill in.
_TEMPLATES = ("{", "$(")
# How many levels below the top a chart's own key stands at most, where others wrap the chart.
_MOST_ABOVE = 2
# Reading as much YAML takes some seconds.
_MOST_READ = 1024 * 1024


class Deployment(NamedTuple):
    """One installation of a chart, with its values files, the strongest last, besides the chart's own.

    Attributes:
        chart: the folder of the hub's chart, or of one that wraps it.
        group: the folder of hubploy, or the cluster, that it is one of.
        absent: the values files that ``cluster.yaml`` names, and the repository does not have.
        apart: why it is not rendered, as its chart is one apart from the hub's; empty where it is rendered.
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
    """Return the deployments of the settings, else those that the layout tells, else one with the chart's own values.

    ``names`` are those of deployments, or of what groups them.
    """
    if not has_deployments(hub):
        told = (in_brackets(one.deployment) for one in installations(hub) if one.deployment)
        entry = next(told, "{name: …, values: […]}")
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
    """Whether there is a chart to render: the repository's, or z2jh's own for the deployments of the settings."""
    return hub.layout.folder is not None or bool(hub.settings.deployments)


def chart_of(hub: Hub) -> str:
    """Return the folder of the hub's chart; where it has none, the name of z2jh's own."""
    return hub.requirement.name if hub.layout.folder is None else hub.layout.folder


def of_hubploy(hub: Hub) -> tuple[Deployment, ...]:
    """Return the deployments that hubploy would install, of the hub's chart or another."""
    # The name of a template's folder holds cookiecutter's braces.
    folders = {path.rpartition("/")[0] for path in hub.listing.named(HUBPLOY_FILE) if "{" not in path}
    files = map(_CONFIG.fullmatch, sorted(hub.listing.files)) if folders else ()
    found: dict[str, dict[tuple[str, str], str]] = {}
    for file in (one for one in files if one and one["folder"] in folders):
        found.setdefault(file["folder"], {})[file["kind"], file["name"]] = file[0]
    return tuple(one for folder, inside in found.items() for one in _in_folder(hub.layout.folder or "", folder, inside))


def _in_folder(chart: str, folder: str, files: Mapping[tuple[str, str], str]) -> Iterator[Deployment]:
    group = last_part(folder)
    environments = sorted(name for kind, name in files if kind == "config" and name != _COMMON)
    for environment in environments or [_COMMON]:
        # hubploy gives helm what all environments share first.
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
    told = hub.settings.deployments
    if twice := next((name for name, count in Counter(one.name for one in told).items() if count > 1), None):
        hint = "give each its own name"
        raise Unusable(f"several of hub.deployments are called {twice}", where=FILE, hint=hint)
    charts = {path: one.chart for one in _of_clusters(hub) for path in one.values} if told else {}
    for one in told:
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
    """Return the folder of the hub's chart, or of one that wraps it, by its folder or the folder's name; else None."""
    for folder in hub.own_folders:
        if wanted and wanted.rstrip("/") in (folder, last_part(folder)):
            found = hub.requirement_in(folder, hub.layout.chart.name)
            if folder == hub.layout.folder or (found and found.repository.startswith(LOCAL)):
                return folder
    return None


class Installation(NamedTuple):
    """What deploys z2jh's own chart: a command or manifest, with the line of its version, else its first line.

    Attributes:
        option: what it has as the version: one, a range, a variable, or None for whatever is the newest.
        pin: the entry of ``hub.pins`` that makes a release move it; None where the version is elsewhere.
        deployment: what ``preview`` can render of it, where the repository has its values files.
    """

    file: str
    line: int
    option: str | None
    pin: PinTarget | None
    deployment: DeploymentSetting | None = None

    @property
    def version(self) -> str | None:
        """The version that it deploys; None where it does not say it itself."""
        return self.option.removeprefix("v") if self.option and parse_version(self.option) else None

    @property
    def setting(self) -> str:
        """What makes a release move it."""
        if self.pin:
            return f"in {FILE}: hub: {{pins: [{in_brackets(self.pin)}]}}"
        if not self.option:
            return f"add --version there, then: {DOOR} check"
        return "mark the line that has the version with a comment: # hubpress: jupyterhub"


def staying_installations(hub: Hub) -> tuple[Installation, ...]:
    """Return what deploys z2jh's chart in a version that no release moves; nothing where the repository has a chart."""
    if hub.layout.folder is not None:
        return ()
    pins = [pin for pin in (*hub.pins, *hub.held_pins) if pin.accepted_as]
    known = {(pin.file, pin.read(hub.files).line) for pin in pins}
    # A version in a variable is marked where that is set.
    return tuple(
        one
        for one in installations(hub)
        if (one.file, one.line) not in known and not (pins and one.option and not one.pin)
    )


@lru_cache(maxsize=4)
def installations(hub: Hub) -> tuple[Installation, ...]:
    """Return the commands and manifests that deploy the chart of the dependency's name from a Helm repository."""
    name = hub.settings.dependency
    found: list[Installation] = []
    search = partial(files_with, hub.git, "--extended-regexp", untracked=True)
    named = (f"(chart|name): .*{re.escape(name)}", f'"chart": *"([^"]*/)?{re.escape(name)}"')
    for file in search(named, "*.yaml", "*.yml", "*.json"):
        with suppress(Unusable):
            for path, version in versions_of_chart(hub.require(file), file, name):
                # A template's version is set elsewhere.
                pin = PinTarget(file, path) if path and parse_constraint(version.text) else None
                found.append(Installation(file, version.line, version.text, pin))
    for file in search(["helm .*(upgrade|install)"], ".", *PROSE):
        text = (hub.files.read(file) or b"").decode("utf-8", "replace")
        lines = text.splitlines()
        for first, line in enumerate(lines):
            if len(line) < _LONGEST and _HELM.search(line) and not line.lstrip().startswith("#"):
                last = next((at for at in range(first, len(lines)) if not lines[at].rstrip().endswith("\\")), first)
                found += _command(hub, file, text, first, lines[first : last + 1])
    return tuple(found)


def _command(hub: Hub, file: str, text: str, first: int, lines: Sequence[str]) -> Iterator[Installation]:
    joined = " ".join(line.rstrip().removesuffix("\\") for line in lines)
    words = [re.sub("[\"']", "", word) for word in _WORD.findall(joined)]
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    at = next((at for at, word in enumerate(words) if _is_chart(hub, word, words)), None)
    if at is None:
        return
    options = list(pairwise(words))
    given = {option: value for option, value in options if option.startswith("-")}
    version = given.get("--version")
    of_chart = next((number for number, line in enumerate(lines) if words[at] in line), 0)
    there = (number for number, line in enumerate(lines) if version and version in line and "--version" in line)
    number = next(there, 0)
    marked = lines[min(of_chart, number)].rstrip().removesuffix("\\")
    before = marked.partition(version)[0] if version else marked
    long, short = (before[max(before.find(word), 0) :].strip(" \t'\"=") for word in ("helm", words[at]))
    marker = short if text.count(short) == 1 else long
    files = (value for option, value in options if option in {"-f", "--values"} and is_inside(value))
    values = tuple(value for value in files if hub.files.read(value) is not None)
    named = (words[at - 1], given.get("--namespace") or given.get("-n") or "")
    # A variable may hold either.
    release, namespace = (word if _NAME.fullmatch(word) else None for word in named)
    deployment = DeploymentSetting(release or "hub", values, namespace=namespace) if values else None
    pin = PinTarget(file, marker=marker) if version and parse_version(version) else None
    yield Installation(file, first + number + 1, version, pin, deployment)


def _is_chart(hub: Hub, word: str, words: Sequence[str]) -> bool:
    folder, slash, last = word.rpartition("/")
    if last != hub.settings.dependency or word.startswith((".", "/", "$")):
        return False
    return hub.files.read(join(folder, last, "Chart.yaml")) is None if slash else "--repo" in words


class NamedImage(NamedTuple):
    """An image, and where the values name it: the file, its line and the dotted path."""

    file: str
    line: int
    path: str
    reference: Reference

    @property
    def where(self) -> str:
        """Its ``path:line``."""
        return f"{self.file}:{self.line}"


def named_images(hub: Hub, defaults: Data = None, telling: re.Pattern[bytes] = _ANYTHING) -> Iterator[NamedImage]:
    """Yield the images that the deployments' values name, and the hub images that other YAML files name.

    Deployments' values are merged as by Helm; the ``defaults``, the pinned chart's own values, are for the half of an
    image that the repository leaves to it. Only files that hold something ``telling`` are read.
    """
    own = hub.values_file
    if own is not None:
        prefixes = [one.key for one in hub.requirements]
        chains = [(own, *one.values) for one in deployments(hub)]
        listed = {path for chain in chains for path in chain}
        others = dict.fromkeys(place.file for place in hub.places if place.file not in listed)
        for chain in (*chains, *((own, path) for path in others)):
            values = reduce(_merged, (_tree_in(hub, file, telling) for file in chain), None)
            for path, inner in chart_values(values, prefixes):
                yield from _images(_merged(defaults or {}, inner), path)
    names = _names(hub).values()
    words = [name.written_path for name in names]
    for file in files_with(hub.git, "--fixed-strings", words, "*.yaml", "*.yml"):
        # Not those of tools, and not what names the images.
        if file not in (hub.layout.file, FILE) and "/." not in f"/{file}":
            found = _images(_tree_in(hub, file))
            yield from (one for one in found if any(map(one.reference.same_repository, names)))


def lines_of(hub: Hub, image: HubImage) -> list[str]:
    """Return where the places of ``image`` have it: ``path:line``."""
    return [f"{place.file}:{one.line}" for place, one in hub.pinned(image).items()]


def unmoved_images(hub: Hub) -> dict[str, list[NamedImage]]:
    """Return where values name hub images besides the places that a build writes, by the images' keys."""
    # Of many deployments most name no hub image, and take long to read.
    names = _names(hub)
    words = [re.escape(name.written_path.encode()) for name in names.values()]
    telling = re.compile(b"|".join((rb"\btag\b", *words)))
    named = dict.fromkeys(named_images(hub, telling=telling))
    own = {(place.file, place.path) for place in hub.places}
    # What a line of ours stands for by an alias moves with it.
    moved = {one.where for one in named if (behind_links(hub.git.folder, one.file), one.path) in own}
    left = [one for one in named if one.where not in moved]
    places = {key: [one for one in left if one.reference.same_repository(name)] for key, name in names.items()}
    return {key: some for key, some in places.items() if some}


def unused_images(hub: Hub, images: Sequence[HubImage]) -> dict[str, str]:
    """Return the keys of ``images`` where no values file uses any of them, each with its path in the chart's values."""
    if hub.layout.folder is None or any(map(hub.values_places, images)):
        return {}
    unused = {image.spec.key: f"{hub.requirement.key}.hub.image" for image in images}
    return unused if unused.keys().isdisjoint(unmoved_images(hub)) else {}


def how_to_move(hub: Hub, unmoved: Iterable[NamedImage]) -> str:
    """Return the lines for invoke.yaml that let builds write ``unmoved`` too."""
    setting = values_setting(hub.settings.values, (ValuesTarget(one.file, one.path) for one in unmoved))
    return f"let builds move it: {setting} in {FILE}"


def faulty_files(hub: Hub) -> Iterator[Unusable]:
    """Yield the faults of the deployments' files and of those that patterns of ``hub.values`` stand for."""
    values = (path for one in (deployments(hub) if has_deployments(hub) else ()) for path in one.values)
    matching = (path for one in hub.settings.values for path in hub.listing.matching[one.file])
    paths = dict.fromkeys((*hub.listing.named(HUBPLOY_FILE), *values, *matching))
    if sum(len(hub.files.read(path) or b"") for path in paths) > _MOST_READ:
        yield Unusable("there is more than 1 MiB to read", where="the deployments' values", hint=f"{DOOR} preview")
        return
    for path in paths:
        try:
            _read(hub.files.read(path) or b"", path)
        except Unusable as fault:  # noqa: PERF203 - the other files are read all the same
            yield fault


def _names(hub: Hub) -> dict[str, Reference]:
    return {image.spec.key: Reference(image.spec.named) for image in hub.images if image.spec.named}


def chart_values(
    tree: Data, chart: Collection[str], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Data]]:
    """Yield the values below a key of the ``chart`` in a values file, with the keys that lead to them.

    Where a chart wraps the hub's, they are in its section (2i2c: ``basehub: jupyterhub:``).
    """
    for key, inner in tree.items() if isinstance(tree, dict) else ():
        if key in chart:
            yield (*above, key), inner
        elif len(above) < _MOST_ABOVE:
            yield from chart_values(inner, chart, (*above, key))


def _tree_in(hub: Hub, path: str, telling: re.Pattern[bytes] = _ANYTHING) -> Data:
    """Return what a values file holds; nothing where it is missing, encrypted or faulty, or not ``telling``."""
    data = hub.files.read(path) or b""
    with suppress(Unusable):
        tree = _read(data, path) if telling.search(data) else {}
        return tree if isinstance(tree, dict) else {}
    return {}


def _read(data: bytes, path: str) -> Data:
    return {} if is_encrypted(data) else load_file(data, path)


def _merged(weaker: Data, stronger: Data) -> Data:
    """Return what Helm makes of two trees of values: mappings are merged, anything else is replaced."""
    if not isinstance(weaker, dict) or not isinstance(stronger, dict):
        return stronger
    return weaker | {key: _merged(weaker.get(key), value) for key, value in stronger.items()}


def _images(values: Data, path: tuple[str, ...] = ()) -> Iterator[NamedImage]:
    for steps, tree in walk(values, path):
        *_, above, name = ("", "", *steps)
        if isinstance(tree, dict) and (name == _IMAGE or above == _EXTRA):
            yield from _image([next(filter(None, map(tree.get, NAME_KEYS)), None), tree.get(TAG_KEY)], steps)
        is_in_list = above.isdigit() and not _CONTAINERS.isdisjoint(steps[-3:-2])
        if isinstance(tree, Leaf) and name == _IMAGE and (above in _SPAWNER or is_in_list):
            yield from _image([tree], steps)


def _image(halves: Sequence[Data], path: tuple[str, ...]) -> Iterator[NamedImage]:
    """Yield the image of these halves, where the repository's own values have one and no program fills it in."""
    texts = [half for half in halves if isinstance(half, Leaf)]
    placed = [text for text in texts if text.where]
    is_whole = len(texts) == len(halves) and all(texts)
    # No dotted path leads through a key with a dot.
    is_plain = "." not in "".join(path) and not any(sign in text for sign in _TEMPLATES for text in texts)
    if placed and is_whole and is_plain:
        with suppress(Unusable):
            text = placed[-1]
            yield NamedImage(text.where, text.node.line, ".".join(path), Reference.parse(":".join(texts)))
