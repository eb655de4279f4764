"""The images that the values name besides the hub's own: the chart's keys for images, and what Helm makes of them.

The keys are those of Zero to JupyterHub (https://z2jh.jupyter.org/en/stable/resources/reference.html): ``image`` and
the entries of ``extraImages`` with ``name`` and ``tag``; and ``NAME:TAG`` where KubeSpawner or a container has one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

from ..core.faults import Denied, Fault, Unusable
from ..core.names import Reference
from ..core.output import first_of
from ..core.settings import FILE
from ..core.yaml_tree import MERGE, Data, Scalar, Text, Unreadable, load
from ..image.proof import is_out_of_reach
from ..repo.charts import requirements
from ..repo.deployments import deployments
from ..repo.hub import Hub
from ..repo.secrets import is_encrypted
from ..repo.values import TAG_KEY, image_at
from ..tools import docker
from .problems import MOST_NAMED, Code, Problem, Severity, Unchecked

_IMAGE, _NAME, _EXTRA = "image", "name", "extraImages"
_SPAWNER = frozenset({"kubespawner_override", "KubeSpawner"})
_CONTAINERS = frozenset({"initContainers", "extraContainers", "init_containers", "extra_containers"})
# A file without such a word names no image, and replaces no list that does.
_TELLING = re.compile(rb"image|profile|container", re.IGNORECASE)
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


def image_problems(
    hub: Hub, chart_values: Data, known: Mapping[Reference, docker.Answer]
) -> Iterator[Problem | Unchecked]:
    """Yield the images that the values name and their registries do not have, and those that could not be asked for.

    Args:
        hub: the hub repository.
        chart_values: the values of the pinned chart, for the half of an image that the hub's values leave to it; None
            where they are not known.
        known: the answers that there are already. Images that are in them, and what stands at the places of the hub's
            own images, are left out.
    """
    found = list(dict.fromkeys(_named_images(hub, chart_values)))
    yield from (one for one in found if isinstance(one, Unchecked))
    places = [(image, place) for image in hub.images for place in hub.values_places(image)]
    pinned = [(image, place, image_at(hub.require(place.file), place.path, place.file)) for image, place in places]
    own = {f"{place.file}:{one.line}" for _, place, one in pinned}
    others = [one for one in found if isinstance(one, NamedImage) and one.where not in own]
    tags: dict[str, tuple[str, str | None]] = {}
    for image, _, one in pinned:
        # Of several places, the first counts.
        tags.setdefault(image.spec.key, (image.spec.name, one.tag))
    yield from _differing(tags, others)
    named = [other for other in others if other.reference not in known]
    answers = _ask(dict.fromkeys(other.reference for other in named))
    for other in named:
        if answers[other.reference] is None:
            message = f"{other.path} names {other.reference}, which its registry does not have"
            look = f"docker buildx imagetools inspect {other.reference}"
            yield Problem(Code.IMAGE_MISSING, other.where, message, f"push it, or name one that exists; {look}")
    yield from _unanswered(answers)


def _differing(own: Mapping[str, tuple[str, str | None]], others: Sequence[NamedImage]) -> Iterator[Problem]:
    """Yield the places besides the hub images' own that name them with another tag: a build does not move them.

    ``own`` is the name and the tag of each hub image, by its key.
    """
    for key, (name, tag) in own.items():
        for one in others:
            if tag and one.reference.same_repository(Reference(name)) and one.reference.tag != tag:
                message = f"{key} is pinned to {one.reference.tag} here and to {tag} elsewhere"
                entry = f"{{file: {one.where.rpartition(':')[0]}, path: {one.path}}}"
                hint = f"take it out, or let builds move it: hub: {{values: [{entry}]}} in {FILE}"
                yield Problem(Code.VALUES_DIFFER, one.where, message, hint, Severity.WARNING)


def _ask(references: Iterable[Reference]) -> dict[Reference, docker.Answer]:
    """Ask the registries side by side; of one that is out of reach for its first image no other is asked for."""
    wanted = list(references)
    firsts = {one.host: one for one in reversed(wanted)}
    answers = dict(zip(firsts.values(), docker.inspect_all([*firsts.values()]), strict=True))
    away = {one.host: answer for one, answer in answers.items() if is_out_of_reach(answer)}
    rest = [one for one in wanted if one not in answers and one.host not in away]
    answers.update(zip(rest, docker.inspect_all(rest), strict=True))
    return {one: answers[one] if one in answers else away[one.host] for one in wanted}


def _unanswered(answers: Mapping[Reference, docker.Answer]) -> Iterator[Unchecked]:
    """Yield why images could not be asked for, once for each registry and reason."""
    silent: dict[tuple[str, str], list[Reference]] = {}
    hints: dict[tuple[str, str], str] = {}
    for one, answer in answers.items():
        # What cannot be used as a hub image, like an index with doubled platforms, is there all the same.
        if isinstance(answer, Fault) and (is_out_of_reach(answer) or isinstance(answer, Denied)):
            silent.setdefault((one.host, answer.what), []).append(one)
            hints[one.host, answer.what] = answer.hint
    for (host, what), images in silent.items():
        names = first_of([*map(str, images)], MOST_NAMED)
        yield Unchecked(f"whether {host} has {names}: {what}", hints[host, what])


def _named_images(hub: Hub, chart_values: Data) -> Iterator[NamedImage | Unchecked]:
    """Yield what each deployment's values make of the images, where the repository's own files have a say in it."""
    own = hub.values_file
    if own is None:
        return
    entries = requirements(hub.require(hub.requirement_file), hub.requirement_file)
    prefixes = [one.key for one in entries if one.name == hub.requirement.name]
    chains = [(own, *one.values) for one in deployments(hub)]
    placed = (place.file for image in hub.images for place in hub.values_places(image))
    listed = {path for chain in chains for path in chain}
    chains += [(own, path) for path in dict.fromkeys(placed) if path not in listed]
    trees = {path: _tree(hub, path) for path in dict.fromkeys(path for chain in chains for path in chain)}
    yield from (tree for tree in trees.values() if isinstance(tree, Unchecked))
    for chain in chains:
        files = [tree for path in chain if not isinstance(tree := trees[path], Unchecked)]
        sections: dict[tuple[str, ...], list[_Tree]] = {}
        for path, values in (found for tree in files for found in _sections(tree, prefixes)):
            sections.setdefault(path, []).append(values)
        for path, some in sections.items():
            yield from _images(_merged([chart_values or {}, *some], {}), path, set())


def _sections(tree: _Tree, prefixes: Sequence[str]) -> Iterator[tuple[tuple[str, ...], _Tree]]:
    """Yield the chart's values in a values file, also those in the section of a chart that depends on the hub's."""
    for key, inner in tree.items():
        if key in prefixes:
            yield (key,), inner
        elif isinstance(inner, dict):
            yield from (((key, prefix), inner[prefix]) for prefix in prefixes if prefix in inner)


def _tree(hub: Hub, path: str) -> _Tree | Unchecked:
    """Return what a values file holds; nothing where it is missing, encrypted, or has no part in any image."""
    data = hub.files.read(path)
    if data is None or not _TELLING.search(data) or is_encrypted(data):
        return {}

    def leaf(scalar: Scalar) -> _Leaf:
        return _Leaf(scalar.value, f"{path}:{scalar.line}")

    try:
        tree = load(Text.decode(data, path).content, leaf)
    except Unreadable as fault:
        return Unchecked(f"the images in {path}: the file {fault}", fault.hint)
    except Unusable as fault:
        return Unchecked(f"the images in {path}: {fault.what}", fault.hint)
    return tree if isinstance(tree, dict) else {}


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
    *_, above, name = ("", *path)
    if isinstance(tree, dict | list):
        if (id(tree), path[-2:]) in seen or len(path) > _DEEPEST:
            return
        seen.add((id(tree), path[-2:]))
        if isinstance(tree, dict) and (name == _IMAGE or above == _EXTRA):
            yield from _image([tree.get(_NAME), tree.get(TAG_KEY)], path)
        inside = tree.items() if isinstance(tree, dict) else ((str(at), one) for at, one in enumerate(tree))
        for key, value in inside:
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
