"""The image that a values file pins, at the values path that chartpress.yaml names.

The shapes are those that chartpress writes: a mapping with ``name`` or ``repository`` (both are set where
both are there) and ``tag``, or one string ``name:tag``.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import Document, MappingNode, Scalar, described, duplicates, parse, target_of
from .yaml_edit import Added, Path, reach, text_at, with_scalars

NAME_KEYS = ("name", "repository")
TAG_KEY = "tag"


class PinnedImage(NamedTuple):
    """An image's name without its tag and its tag as written, None where empty; the line of the tag, else the name."""

    name: str | None
    tag: str | None
    line: int


def image_at(data: bytes, values_path: str, where: str) -> PinnedImage:
    """Read the image at ``values_path``: keys joined by dots, digits for an index where they meet a list.

    Raises:
        Unusable: the file is not YAML, or the path is missing, ambiguous, shared by an alias, or leads to
            anything else than an image.
    """
    document = parse(data, where)
    steps = tuple(values_path.split("."))
    node = _image(document, steps)
    if isinstance(node, Scalar):
        name, tag = _split(node.value)
        return PinnedImage(name or None, tag or None, node.line)
    names = _name_paths(document, node, steps)
    tagged = (*steps, TAG_KEY)
    line = (reach(document, tagged).key or reach(document, names[0]).key or node).line
    return PinnedImage(text_at(document, names[0]), text_at(document, tagged), line)


def with_image(data: bytes, values_path: str, name: str, tag: str, where: str) -> bytes:
    """Return the values file with the image at ``values_path`` set; ``data`` itself if nothing changes.

    Raises:
        Unusable: as :func:`image_at`; or the file cannot be edited there without changing another value.
    """
    document = parse(data, where)
    steps = tuple(values_path.split("."))
    node = _image(document, steps)
    if isinstance(node, Scalar):
        return with_scalars(document, {steps: f"{name}:{tag}"}) or data
    changes = dict.fromkeys(_name_paths(document, node, steps), name)
    added = None
    if reach(document, (*steps, TAG_KEY)).missing:
        added = Added(list(changes)[-1], TAG_KEY, tag)
    else:
        changes[(*steps, TAG_KEY)] = tag
    return with_scalars(document, changes, added) or data


def warnings(data: bytes, where: str) -> tuple[str, ...]:
    """Return a warning for each key that stands twice in one mapping, of which Helm takes the last."""
    return tuple(
        f"{where}:{key.line}: the key {key.value!r} stands on line {first.line} too; Helm takes the last one"
        for first, key in duplicates(parse(data, where))
    )


def _image(document: Document, steps: Path) -> MappingNode | Scalar:
    """Return the mapping or the string at ``steps``."""
    found = reach(document, steps)
    values_path = ".".join(steps)
    if found.missing:
        there = ".".join(steps[: len(steps) - len(found.missing)])
        lines = "".join(f"{step}: {{" for step in found.missing) + "name: , tag: " + "}" * len(found.missing)
        under = f" under {there}, line {found.node.line}" if there and found.node else " at the top level"
        hint = f'add "{lines}"{under}'
        raise Unusable(f"values path {values_path} is missing", where=document.where, hint=hint)
    node = target_of(found.node) if found.node else None
    if isinstance(node, MappingNode) or (isinstance(node, Scalar) and node.kind == "str"):
        return node
    raise Unusable(
        f"values path {values_path} is {described(found.node)}, not an image",
        where=document.place(found.node) if found.node else document.where,
        hint='write a mapping with "name:" and "tag:" there',
    )


def _name_paths(document: Document, image: MappingNode, steps: Path) -> list[Path]:
    """Return the paths of those of ``NAME_KEYS`` that the image has; chartpress wants one at least."""
    paths = [(*steps, key) for key in NAME_KEYS if not reach(document, (*steps, key)).missing]
    if not paths:
        values_path = ".".join(steps)
        raise Unusable(
            f"values path {values_path} has neither name nor repository",
            where=document.place(image),
            hint=f'add "name:" under {values_path}',
        )
    return paths


def _split(image: str) -> tuple[str, str]:
    """Split ``name:tag``; a digest behind it belongs to neither."""
    tagged = image.partition("@")[0]
    name, colon, tag = tagged.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (tagged, "")
