"""The images that values files name, of all deployments, and the places among them that no build writes.

The keys are those of Zero to JupyterHub (https://z2jh.jupyter.org/en/stable/resources/reference.html): ``image`` and
the entries of ``extraImages`` with ``name`` and ``tag``; and ``NAME:TAG`` of KubeSpawner or a container.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, reduce
from typing import Any, NamedTuple, TypeAlias

from ..core.faults import DOOR, Unusable
from ..core.names import Reference
from ..core.settings import FILE, ValuesTarget
from ..core.yaml_tree import MERGE, Data, MappingNode, Node, Scalar, SequenceNode, parse, target_of
from .deployments import HUBPLOY_FILE, deployments, has_deployments
from .files import behind_links, files_with
from .hub import Hub, HubImage
from .values import NAME_KEYS, TAG_KEY, is_encrypted, values_setting
from .yaml_edit import is_nothing

_IMAGE, _EXTRA = "image", "extraImages"
_SPAWNER = frozenset({"kubespawner_override", "KubeSpawner"})
_CONTAINERS = frozenset({"initContainers", "extraContainers", "init_containers", "extra_containers"})
_ANYTHING = re.compile(b"")
# What a program is to fill in.
_TEMPLATES = ("{", "$(")
_DEEPEST, _MOST_VALUES = 24, 100_000
# Reading as much YAML takes some seconds.
_MOST_READ = 1024 * 1024

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
        """The file of ``where``."""
        return self.where.rpartition(":")[0]


def named_images(hub: Hub, chart_values: Data = None, telling: re.Pattern[bytes] = _ANYTHING) -> Iterator[NamedImage]:
    """Yield the images that the deployments' values name, and the hub images that other YAML files name.

    Deployments' values are merged as by Helm; ``chart_values``, those of the pinned chart, are for the half of an image
    that the repository leaves to it. Only files that hold something ``telling`` are read.
    """
    own = hub.values_file
    if own is not None:
        prefixes = [one.key for one in hub.requirements]
        chains = [(own, *one.values) for one in deployments(hub)]
        listed = {path for chain in chains for path in chain}
        others = dict.fromkeys(place.file for place in hub.places if place.file not in listed)
        for chain in (*chains, *((own, path) for path in others)):
            values = reduce(_merged, (_tree_in(hub, file, telling) for file in chain))
            for path, inner in _sections(values, prefixes):
                yield from _images(_merged(chart_values or {}, inner), path)
    names = _names(hub).values()
    words = [name.written_path for name in names]
    for file in files_with(hub.git, "--fixed-strings", words, ":(glob)**/*.yaml", ":(glob)**/*.yml"):
        # Not those of tools, and not what names the images.
        if file not in (hub.layout.file, FILE) and "/." not in f"/{file}":
            found = _images(_tree_in(hub, file), ())
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


def unused_images(hub: Hub) -> dict[str, str]:
    """Return the keys of the hub images where no values file uses any, each with its path in the chart's values."""
    if hub.layout.folder is None or hub.places or unmoved_images(hub):
        return {}
    return {image.spec.key: f"{hub.requirement.key}.hub.image" for image in hub.images}


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
            _tree(hub.files.read(path) or b"", path)
        except Unusable as fault:  # noqa: PERF203 - the other files are read all the same
            yield fault


def _names(hub: Hub) -> dict[str, Reference]:
    return {image.spec.key: Reference(image.spec.named) for image in hub.images if image.spec.named}


def _sections(tree: _Tree, prefixes: Sequence[str]) -> Iterator[tuple[tuple[str, ...], _Tree]]:
    """Yield the chart's values in a values file, also those in the section of a chart that depends on the hub's."""
    for key, inner in tree.items():
        if key in prefixes:
            yield (key,), inner
        elif isinstance(inner, dict):
            yield from (((key, prefix), inner[prefix]) for prefix in prefixes if prefix in inner)


def _tree_in(hub: Hub, path: str, telling: re.Pattern[bytes] = _ANYTHING) -> _Tree:
    """Return what a values file holds; nothing where it is missing, encrypted or faulty, or not ``telling``."""
    data = hub.files.read(path) or b""
    with contextlib.suppress(Unusable):
        tree = _tree(data, path) if telling.search(data) else {}
        return tree if isinstance(tree, dict) else {}
    return {}


@lru_cache(maxsize=1024)
def _tree(data: bytes, path: str) -> _Tree:
    if is_encrypted(data):
        return {}
    return _written_out(parse(data, path).root, path, iter(range(_MOST_VALUES)))


def _written_out(node: Node | None, path: str, left: Iterator[int], depth: int = 0) -> _Tree:
    """Return what ``node`` holds, aliases and merge keys written out, of a bomb of aliases as much as is ``left``."""
    node = target_of(node) if node else None
    if depth > _DEEPEST or is_nothing(node) or next(left, None) is None:
        return None
    if isinstance(node, Scalar):
        return _Leaf(node.value, f"{path}:{node.line}")
    if isinstance(node, SequenceNode):
        return [_written_out(item, path, left, depth + 1) for item in node.children]
    whole: dict[str, _Tree] = {}
    own: dict[str, _Tree] = {}
    for key, value in node.entries if isinstance(node, MappingNode) else ():
        name = target_of(key)
        if isinstance(name, Scalar) and name.kind != "null":
            own[name.value] = _written_out(value, path, left, depth + 1)
    shared = own.pop(MERGE, None)
    for source in reversed(shared if isinstance(shared, list) else [shared]):
        whole |= source if isinstance(source, dict) else {}
    return whole | own


def _merged(weaker: _Tree, stronger: _Tree) -> _Tree:
    """Return what Helm makes of two trees of values: mappings are merged, anything else is replaced."""
    if not isinstance(weaker, dict) or not isinstance(stronger, dict):
        return stronger
    return weaker | {key: _merged(weaker.get(key), value) for key, value in stronger.items()}


def _images(tree: _Tree, path: tuple[str, ...]) -> Iterator[NamedImage]:
    *_, above, name = ("", "", *path)
    if isinstance(tree, dict | list):
        if isinstance(tree, dict) and (name == _IMAGE or above == _EXTRA):
            yield from _image([next(filter(None, map(tree.get, NAME_KEYS)), None), tree.get(TAG_KEY)], path)
        inside = tree.items() if isinstance(tree, dict) else ((str(at), one) for at, one in enumerate(tree))
        # No dotted path leads through a key with a dot.
        for key, value in ((key, value) for key, value in inside if "." not in key):
            yield from _images(value, (*path, key))
    elif name == _IMAGE and (above in _SPAWNER or (above.isdigit() and path[-3:-2] and path[-3] in _CONTAINERS)):
        yield from _image([tree], path)


def _image(halves: Sequence[_Tree], path: tuple[str, ...]) -> Iterator[NamedImage]:
    """Yield the image of these halves, where the repository's own values have one and no program fills it in."""
    where = [half.where for half in halves if isinstance(half, _Leaf)]
    texts = [half.value if isinstance(half, _Leaf) else half for half in halves]
    if where and all(isinstance(text, str) and text and not any(sign in text for sign in _TEMPLATES) for text in texts):
        with contextlib.suppress(Unusable):
            yield NamedImage(where[-1], ".".join(path), Reference.parse(":".join(texts)))
