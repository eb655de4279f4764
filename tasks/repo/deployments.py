"""The deployments of a hub repository's chart, each one's values files, and the images that values name.

The repository's layout tells them. hubploy's (https://github.com/berkeley-dsep-infra/hubploy): ``NAME/hubploy.yaml``,
``NAME/config/`` with ``common.yaml`` and a file for each environment, and ``NAME/secrets/``; it installs the release
``NAME-ENVIRONMENT`` into the namespace of that name. 2i2c's (https://infrastructure.2i2c.org): a ``cluster.yaml`` with
``hubs``, each with its ``helm_chart``, which may wrap the hub's, and its ``helm_chart_values_files``.

The keys of images are those of Zero to JupyterHub (https://z2jh.jupyter.org/en/stable/resources/reference.html):
``image`` and the entries of ``extraImages`` with ``name`` and ``tag``; and ``NAME:TAG`` of KubeSpawner or a container.

Without a chart of the repository's own, commands like ``helm upgrade hub jupyterhub/jupyterhub --version 3.2.1`` deploy
z2jh's. Each is a place of the release, which ``hub.pins`` can name.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise, takewhile
from typing import Any, NamedTuple, TypeAlias

from ..core.faults import Unusable, nearest
from ..core.names import Reference
from ..core.safe_files import is_inside
from ..core.settings import FILE, DeploymentSetting, ValuesTarget
from ..core.yaml_tree import MERGE, Data, Text, Unreadable, load
from ..releases.versions import parse_version
from .charts import requirements
from .files import behind_links, join
from .hub import Hub, HubImage
from .layout import last_part
from .pins import Kind
from .secrets import is_encrypted
from .values import NAME_KEYS, TAG_KEY, quoted, values_setting

HUBPLOY_FILE = "hubploy.yaml"
LOCAL = "file://"
_CLUSTER_FILE = "cluster.yaml"
_COMMON, _STAGING = "common", "staging"
_CONFIG = re.compile(r"(?P<folder>.+)/(?P<kind>config|secrets)/(?P<name>[^/]+)\.ya?ml")
_IMAGE, _EXTRA = "image", "extraImages"
_SPAWNER = frozenset({"kubespawner_override", "KubeSpawner"})
_CONTAINERS = frozenset({"initContainers", "extraContainers", "init_containers", "extra_containers"})
# What a program is to fill in.
_TEMPLATES = ("{", "$(")
_DEEPEST, _MOST_SHARED, _MOST_MERGED = 24, 4, 16

# Mappings, lists, and leaves that are ``_Leaf``, or text in the chart's own values.
_Tree: TypeAlias = Any


class _Leaf(NamedTuple):
    """A scalar of a values file, and where it stands (``path:line``)."""

    value: str
    where: str


class NamedImage(NamedTuple):
    """An image, and where the values name it: ``path:line`` and the dotted path."""

    where: str
    path: str
    reference: Reference

    @property
    def file(self) -> str:
        """The file."""
        return self.where.rpartition(":")[0]


class FaultyFile(NamedTuple):
    """A file that cannot be read, ``path:line`` where a line is known; ``is_yaml`` where others may read it."""

    where: str
    what: str
    hint: str
    is_yaml: bool


_HELM = re.compile(r"\bhelm\b.*\s(?:upgrade|install)\s")
# Where commands are only told of.
PROSE = (":(exclude,glob)**/*.md", ":(exclude,glob)**/*.rst", ":(exclude,glob)**/*.txt", f":(exclude){FILE}")


class Deployment(NamedTuple):
    """One installation of the chart, with its values files, the strongest last, besides the chart's own.

    Attributes:
        chart: the folder of the chart that wraps the hub's; None for the hub's own.
        group: the folder of hubploy, or the cluster, that it is one of.
    """

    name: str
    values: tuple[str, ...]
    namespace: str
    release: str
    chart: str | None = None
    group: str = ""

    @property
    def is_staging(self) -> bool:
        """Whether it is the one that people try first."""
        return self.name == f"{self.group}-{_STAGING}"


def deployments(hub: Hub, names: Sequence[str] = ()) -> tuple[Deployment, ...]:
    """Return the deployments of the settings, else those that the layout tells, else the chart alone.

    ``names`` are those of deployments, or of what groups them.
    """
    alone = Deployment(hub.chart.name, (), hub.chart.name, hub.chart.name)
    found = _of_settings(hub) or of_hubploy(hub) or tuple(_of_clusters(hub)) or (alone,)
    known: dict[str, tuple[Deployment, ...]] = {}
    for one in found:
        known[one.group] = (*known.get(one.group, ()), one)
    known.update({one.name: (one,) for one in found})
    for name in names:
        if not name or name not in known:
            near = nearest(name, filter(None, known))
            listed = ", ".join(one.name for one in found)
            hint = f"did you mean --deployment {near}?" if near else f"the deployments are: {listed}"
            raise Unusable(f"there is no deployment {name}", where=hub.git.folder, hint=hint)
    return tuple(dict.fromkeys(one for name in names for one in known[name])) or found


def of_hubploy(hub: Hub) -> tuple[Deployment, ...]:
    """Return the deployments that hubploy would install, of the hub's chart or another."""
    # The name of a template's folder holds cookiecutter's braces.
    folders = sorted({path.rpartition("/")[0] for path in _marks(hub) if "{" not in path} - {""})
    if not folders:
        return ()
    listed = hub.git.names("ls-files", "-z", "--", *folders)
    fitting = [found for path in sorted(listed) if (found := _CONFIG.fullmatch(path)) and found["folder"] in folders]
    return tuple(
        one
        for folder, group in groupby(fitting, key=lambda found: found["folder"])
        for one in _in_folder(last_part(folder), {(found["kind"], found["name"]): found[0] for found in group})
    )


def _in_folder(group: str, files: dict[tuple[str, str], str]) -> Iterator[Deployment]:
    environments = sorted(name for kind, name in files if kind == "config" and name != _COMMON)
    for environment in environments or [_COMMON]:
        # hubploy gives helm what all environments share first.
        order = [(kind, name) for name in dict.fromkeys((_COMMON, environment)) for kind in ("config", "secrets")]
        name = f"{group}-{environment}" if environments else group
        yield Deployment(name, tuple(join(files[one]) for one in order if one in files), name, name, group=group)


def _of_clusters(hub: Hub) -> Iterator[Deployment]:
    for path in hub.listing.files:
        folder, _, name = path.rpartition("/")
        data = hub.files.read(path) if name == _CLUSTER_FILE else None
        if data and b"helm_chart" in data:
            yield from _in_cluster(hub, folder, data)


def _in_cluster(hub: Hub, folder: str, data: bytes) -> Iterator[Deployment]:
    try:
        content = load(data.decode("utf-8", "replace"))
    except Unreadable:
        return
    hubs = content.get("hubs") if isinstance(content, dict) else None
    group = last_part(folder)
    for entry in hubs if isinstance(hubs, list) else ():
        fields = entry if isinstance(entry, dict) else {}
        name, chart, files = map(fields.get, ("name", "helm_chart", "helm_chart_values_files"))
        place = _chart_folder(hub, chart) if isinstance(chart, str) else None
        if isinstance(name, str) and isinstance(files, list) and place:
            paths = [join(folder, file) for file in files if isinstance(file, str)]
            values = tuple(path for path in paths if is_inside(path) and hub.files.read(path) is not None)
            wrapping = None if place == hub.chart_folder else place
            yield Deployment(f"{group}-{name}", values, name, name, wrapping, group)


def _of_settings(hub: Hub) -> tuple[Deployment, ...]:
    told = hub.settings.deployments
    charts = {path: one.chart for one in _of_clusters(hub) for path in one.values} if told else {}
    found = []
    for one in told:
        _require_values(hub, one)
        chart = next((charts[path] for path in one.values if path in charts), None)
        if one.chart:
            folder = _chart_folder(hub, one.chart)
            if folder is None:
                what = f"hub.deployments: no chart {one.chart} depends on the hub's chart by {LOCAL}"
                raise Unusable(what, where=FILE, hint="name its folder there; the hub's own chart needs no name")
            chart = None if folder == hub.chart_folder else folder
        found.append(Deployment(one.name, one.values, one.namespace or one.name, one.release or one.name, chart))
    return tuple(found)


def _require_values(hub: Hub, one: DeploymentSetting) -> None:
    for path in one.values:
        if hub.files.read(path) is None:
            what = f"hub.deployments names {path}, which does not exist"
            raise Unusable(what, where=FILE, hint=f"correct the values of {one.name} there")


def _chart_folder(hub: Hub, wanted: str) -> str | None:
    """Return the folder of the hub's chart, or of one that wraps it, by its folder or the folder's name; else None."""
    for folder in hub.search.own_folders:
        if wanted.rstrip("/") in (folder, last_part(folder)):
            found = hub.search.requirement_in(folder, hub.chart.name)
            if folder == hub.chart_folder or (found and found.repository.startswith(LOCAL)):
                return folder
    return None


def _marks(hub: Hub) -> tuple[str, ...]:
    return hub.git.names("ls-files", "-z", "--", f":(glob)**/{HUBPLOY_FILE}")


def named_images(hub: Hub, chart_values: Data = None) -> Iterator[NamedImage]:
    """Yield the images that the deployments' values name, and the hub images that other YAML files name.

    Deployments' values are merged as by Helm; ``chart_values``, those of the pinned chart, are for the half of an image
    that the repository leaves to it.
    """
    own, placed = hub.values_file, [place.file for image in hub.images for place in hub.values_places(image)]
    if own is not None:
        entries = requirements(hub.require(hub.requirement_file), hub.requirement_file)
        prefixes = [one.key for one in entries if one.name == hub.requirement.name]
        chains = [(own, *one.values) for one in deployments(hub)]
        listed = {path for chain in chains for path in chain}
        for chain in (*chains, *((own, path) for path in dict.fromkeys(placed) if path not in listed)):
            sections: dict[tuple[str, ...], list[_Tree]] = {}
            for path, values in (found for file in chain for found in _sections(_tree_in(hub, file), prefixes)):
                sections.setdefault(path, []).append(values)
            for path, some in sections.items():
                yield from _images(_merged([chart_values or {}, *some], {}), path, set())
    names = [Reference(image.spec.named) for image in hub.images if image.spec.named]
    for file in _files_with(hub, names):
        found = _images(_merged([_tree_in(hub, file)], {}), (), set())
        yield from (one for one in found if any(map(one.reference.same_repository, names)))


def lines_of(hub: Hub, image: HubImage) -> list[str]:
    """Return where the places of ``image`` have it: ``path:line``."""
    return [f"{place.file}:{one.line}" for place, one in hub.pinned(image).items()]


def unmoved_images(hub: Hub) -> dict[str, list[NamedImage]]:
    """Return where values name hub images besides the places that a build writes, by the images' keys."""
    named = dict.fromkeys(named_images(hub))
    own = {(place.file, place.path) for image in hub.images for place in hub.values_places(image)}
    # What a line of ours stands for by an alias moves with it.
    moved = {one.where for one in named if (behind_links(hub.git.folder, one.file), one.path) in own}
    found: dict[str, list[NamedImage]] = {}
    for spec in (image.spec for image in hub.images if image.spec.named):
        left = (one for one in named if one.where not in moved)
        if places := [one for one in left if one.reference.same_repository(Reference(spec.name))]:
            found[spec.key] = places
    return found


def how_to_move(hub: Hub, unmoved: Iterable[NamedImage]) -> str:
    """Return the lines for invoke.yaml that let builds write ``unmoved`` too."""
    setting = values_setting(hub.settings.values, (ValuesTarget(one.file, one.path) for one in unmoved))
    return f"let builds move it: {setting} in {FILE}"


def faulty_files(hub: Hub) -> Iterator[FaultyFile]:
    """Yield the files of the deployments, and those that patterns of ``hub.values`` stand for, that cannot be read."""
    values = (path for one in deployments(hub) for path in one.values)
    matching = (path for one in hub.settings.values for path in hub.listing.matching.get(one.file, ()))
    for path in dict.fromkeys((*_marks(hub), *values, *matching)):
        if isinstance(found := _read(hub, path), FaultyFile):
            yield found


def _files_with(hub: Hub, images: Sequence[Reference]) -> Iterator[str]:
    """Yield the committed YAML files that name one of ``images``, but for those of tools, and what names the images."""
    words = [word for image in images for word in ("-e", image.path.removeprefix("library/"))]
    search = ("grep", "-I", "--files-with-matches", "-z", "--full-name", "--fixed-strings", *words)
    found = hub.git.ask(*search, "--", ":(top,glob)**/*.yaml", ":(top,glob)**/*.yml").names if words else ()
    yield from (path for path in found if path not in (hub.config_file, FILE) and "/." not in f"/{path}")


def _sections(tree: _Tree, prefixes: Sequence[str]) -> Iterator[tuple[tuple[str, ...], _Tree]]:
    """Yield the chart's values in a values file, also those in the section of a chart that depends on the hub's."""
    for key, inner in tree.items():
        if key in prefixes:
            yield (key,), inner
        elif isinstance(inner, dict):
            yield from (((key, prefix), inner[prefix]) for prefix in prefixes if prefix in inner)


def _tree_in(hub: Hub, path: str) -> _Tree:
    """Return what a values file holds; nothing where it is missing, encrypted or faulty."""
    tree = _read(hub, path)
    return tree if isinstance(tree, dict) else {}


def _read(hub: Hub, path: str) -> _Tree | FaultyFile:
    try:
        return _tree(hub.files.read(path) or b"", path)
    except Unusable as fault:
        return FaultyFile(path, fault.what, fault.hint, is_yaml=True)


@lru_cache(maxsize=1024)
def _tree(data: bytes, path: str) -> _Tree | FaultyFile:
    if is_encrypted(data):
        return {}
    try:
        return load(Text.decode(data, path).content, lambda scalar: _Leaf(scalar.value, f"{path}:{scalar.line}"))
    except Unreadable as fault:
        where = f"{path}:{fault.line}" if fault.line else path
        return FaultyFile(where, fault.what, fault.hint, is_yaml=fault.is_yaml)
    except Unusable as fault:
        return FaultyFile(path, fault.what, fault.hint, is_yaml=False)


def _merged(trees: Sequence[_Tree], seen: dict[tuple[int, ...], _Tree], depth: int = 0) -> _Tree:
    """Return what Helm makes of values, the weakest first: mappings are merged, anything else is replaced.

    What an alias shares stays one object: ``seen`` keeps what was begun, so a bomb of aliases stays as small as it is.
    """
    last = trees[-1]
    if not isinstance(last, dict | list) or depth > _DEEPEST:
        return None if isinstance(last, dict | list) else last
    others = [] if isinstance(last, list) else takewhile(lambda tree: isinstance(tree, dict), reversed(trees[:-1]))
    alike = [*{id(one): one for tree in (last, *others) for one in _with_shared(tree)}.values()][:_MOST_MERGED]
    key = tuple(map(id, alike))
    if key in seen:
        return seen[key]
    if isinstance(last, list):
        items = seen[key] = []
        items += [_merged([item], seen, depth + 1) for item in last]
        return items
    whole = seen[key] = {}
    for name in dict.fromkeys(name for tree in alike for name in tree if name not in (None, MERGE)):
        value = _merged([tree[name] for tree in reversed(alike) if name in tree], seen, depth + 1)
        if value is not None:
            whole[name] = value
    return whole


def _with_shared(tree: _Tree) -> list[_Tree]:
    """Return a mapping and those that it takes keys from by ``<<``, the strongest first, each once; else ``tree``."""
    found: dict[int, _Tree] = {}
    pending = [tree]
    while pending and len(found) < _MOST_SHARED:
        one = pending.pop()
        if id(one) not in found:
            found[id(one)] = one
            shared = one.get(MERGE) if isinstance(one, dict) else None
            sources = shared if isinstance(shared, list) else [shared]
            pending += [source for source in reversed(sources) if isinstance(source, dict)]
    return [*found.values()]


def _images(tree: _Tree, path: tuple[str, ...], seen: set[tuple[object, ...]]) -> Iterator[NamedImage]:
    """Yield the images in merged values."""
    *_, above, name = ("", "", *path)
    if isinstance(tree, dict | list):
        if (id(tree), path[-2:]) in seen or len(path) > _DEEPEST:
            return
        seen.add((id(tree), path[-2:]))
        if isinstance(tree, dict) and (name == _IMAGE or above == _EXTRA):
            yield from _image([next(filter(None, map(tree.get, NAME_KEYS)), None), tree.get(TAG_KEY)], path)
        inside = tree.items() if isinstance(tree, dict) else ((str(at), one) for at, one in enumerate(tree))
        # No dotted path leads through a key with a dot.
        for key, value in ((key, value) for key, value in inside if "." not in key):
            yield from _images(value, (*path, key), seen)
    elif name == _IMAGE and (above in _SPAWNER or (above.isdigit() and path[-3:-2] and path[-3] in _CONTAINERS)):
        yield from _image([tree], path)


def _image(halves: Sequence[_Tree], path: tuple[str, ...]) -> Iterator[NamedImage]:
    """Yield the image of these halves, where the repository's own values have one and no program fills it in."""
    where = [half.where for half in halves if isinstance(half, _Leaf)]
    texts = [half.value if isinstance(half, _Leaf) else half for half in halves]
    if where and all(isinstance(text, str) and text for text in texts):
        text = ":".join(texts)
        with contextlib.suppress(Unusable):
            if not any(sign in text for sign in _TEMPLATES):
                yield NamedImage(where[-1], ".".join(path), Reference.parse(text))


class HelmCommand(NamedTuple):
    """A command in a file that deploys z2jh's own chart, with the line of its version, else its first line.

    Attributes:
        option: what it has as ``--version``: a version, a variable, or None for whatever is the newest.
        marker: the text before the version, for ``hub.pins``.
        values: its values files that the repository has.
    """

    file: str
    line: int
    option: str | None
    marker: str
    release: str
    namespace: str | None
    values: tuple[str, ...]

    @property
    def version(self) -> str | None:
        """The version that it deploys; None where it does not say it itself."""
        return self.option if self.option and parse_version(self.option) else None

    @property
    def setting(self) -> str:
        """What makes a release move it."""
        if self.version:
            return f"in {FILE}: hub: {{pins: [{{file: {quoted(self.file)}, marker: {quoted(self.marker)}}}]}}"
        if not self.option:
            return "add --version there, and the line to hub.pins"
        return "mark the line that has the version with a comment: # hubpress: jupyterhub"

    def __str__(self) -> str:
        return f"{self.file}:{self.line} deploys {self.version or self.option or 'the newest release'}"


def staying_commands(hub: Hub) -> tuple[HelmCommand, ...]:
    """Return the commands that deploy z2jh's chart in a version that no release moves; none where a chart has it."""
    if hub.chart_folder is not None:
        return ()
    pins = [pin for pin in (*hub.pins, *hub.held_pins) if pin.kind is Kind.PIN]
    known = {(pin.file, pin.read(hub.files).line) for pin in pins}
    # A version in a variable is marked where that is set.
    return tuple(
        one
        for one in helm_commands(hub)
        if (one.file, one.line) not in known and not (pins and one.option and not one.version)
    )


def helm_commands(hub: Hub) -> Iterator[HelmCommand]:
    """Yield the commands that deploy the chart of the dependency's name from a Helm repository."""
    search = ("grep", "-I", "-l", "-z", "--untracked", "--full-name", "-E", "-e", r"helm .*(upgrade|install)")
    for file in hub.git.ask(*search, "--", ".", *PROSE).names:
        text = (hub.files.read(file) or b"").decode("utf-8", "replace")
        lines = text.splitlines()
        for first, line in enumerate(lines):
            if _HELM.search(line) and not line.lstrip().startswith("#"):
                last = next((at for at in range(first, len(lines)) if not lines[at].rstrip().endswith("\\")), first)
                yield from _command(hub, file, text, first, lines[first : last + 1])


def _command(hub: Hub, file: str, text: str, first: int, lines: Sequence[str]) -> Iterator[HelmCommand]:
    words = [word.strip("'\"") for word in " ".join(line.rstrip().removesuffix("\\") for line in lines).split()]
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    name = hub.settings.dependency
    at = next((at for at, word in enumerate(words) if _is_chart(hub, word, name, words)), None)
    if at is None:
        return
    options = list(pairwise(words))
    given = {option: value for option, value in options if option.startswith("-")}
    version = given.get("--version")
    of_chart = next(number for number, line in enumerate(lines) if words[at] in line)
    there = (number for number, line in enumerate(lines) if version and version in line and "--version" in line)
    number = next(there, 0)
    marked = lines[min(of_chart, number)].rstrip().removesuffix("\\")
    before = marked.partition(version)[0] if version else marked
    long, short = (before[max(before.find(word), 0) :].strip(" \t'\"=") for word in ("helm", words[at]))
    marker = short if text.count(short) == 1 else long
    values = [value for option, value in options if option in {"-f", "--values"} and hub.files.read(value) is not None]
    namespace = given.get("--namespace") or given.get("-n")
    yield HelmCommand(file, first + number + 1, version, marker, words[at - 1], namespace, tuple(values))


def _is_chart(hub: Hub, word: str, name: str, words: Sequence[str]) -> bool:
    folder, slash, last = word.rpartition("/")
    if last != name or word.startswith((".", "/", "$")):
        return False
    return hub.files.read(join(folder, last, "Chart.yaml")) is None if slash else "--repo" in words
