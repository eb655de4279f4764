"""The image that a values file pins, at the values path that chartpress.yaml names.

The shapes are those that chartpress writes: a mapping with ``name`` or ``repository`` (both are set where
both are there) and ``tag``, or one string ``name:tag``.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.faults import Unusable
from ..core.yaml_tree import Document, MappingNode, Scalar, described, duplicates, parse, target_of
from .yaml_edit import Added, Found, reach, text_at, with_scalars

NAME_KEYS = ("name", "repository")
TAG_KEY = "tag"


class PinnedImage(NamedTuple):
    """What a values file says now.

    Attributes:
        name: the image's name without its tag; None where it is empty.
        tag: the tag as written, without quotes; None where it is empty or missing.
        line: the line of the tag, or of the name where there is no tag.
    """

    name: str | None
    tag: str | None
    line: int


def image_at(data: bytes, values_path: str, where: str) -> PinnedImage:
    """Read the image at ``values_path``.

    Args:
        data: the values file.
        values_path: keys joined by dots; digits are an index where they meet a list.
        where: the file's path, as shown to people.

    Raises:
        Unusable: the file is not YAML, or the path is missing, ambiguous, shared by an alias, or leads to
            anything else than an image.
    """
    document = parse(data, where)
    node = _image(document, values_path)
    if isinstance(node, Scalar):
        name, tag = _split(node.value)
        return PinnedImage(name or None, tag or None, node.line)
    steps = _steps(values_path)
    names = [(*steps, key) for key in _name_keys(document, node, values_path)]
    tagged = (*steps, TAG_KEY)
    line = (reach(document, tagged).key or reach(document, names[0]).key or node).line
    return PinnedImage(text_at(document, names[0]), text_at(document, tagged), line)


def with_image(data: bytes, values_path: str, name: str, tag: str, where: str) -> bytes:
    """Return the values file with the image at ``values_path`` set; ``data`` itself where it says so already.

    Args:
        data: the values file.
        values_path: keys joined by dots; digits are an index where they meet a list.
        name: the image's name without its tag.
        tag: its tag.
        where: the file's path, as shown to people.

    Raises:
        Unusable: as :func:`image_at`; or the file cannot be edited there without changing another value.
    """
    document = parse(data, where)
    node = _image(document, values_path)
    steps = _steps(values_path)
    if isinstance(node, Scalar):
        return with_scalars(document, {steps: f"{name}:{tag}"}) or data
    changes = {(*steps, key): name for key in _name_keys(document, node, values_path)}
    added = None
    if reach(document, (*steps, TAG_KEY)).missing:
        added = Added(list(changes)[-1], TAG_KEY, tag)
    else:
        changes[(*steps, TAG_KEY)] = tag
    return with_scalars(document, changes, added) or data


def warnings(data: bytes, where: str) -> tuple[str, ...]:
    """Return what Helm takes in a YAML file but a person hardly means: keys that stand twice in one mapping.

    Raises:
        Unusable: the file is not YAML.
    """
    return tuple(
        f"{where}:{key.line}: the key {key.value!r} stands on line {first.line} too; Helm takes the last one"
        for first, key in duplicates(parse(data, where))
    )


def _steps(values_path: str) -> tuple[str, ...]:
    return tuple(values_path.split("."))


def _image(document: Document, values_path: str) -> MappingNode | Scalar:
    """Return the mapping or the string at ``values_path``."""
    found = reach(document, _steps(values_path))
    if found.missing:
        raise _missing(document, values_path, found)
    node = target_of(found.node) if found.node else None
    if isinstance(node, MappingNode) or (isinstance(node, Scalar) and node.kind == "str"):
        return node
    raise Unusable(
        f"values path {values_path} is {described(found.node)}, not an image",
        where=document.place(found.node) if found.node else document.where,
        hint='write a mapping with "name:" and "tag:" there',
    )


def _missing(document: Document, values_path: str, found: Found) -> Unusable:
    steps = _steps(values_path)
    there = ".".join(steps[: len(steps) - len(found.missing)])
    lines = "".join(f"{step}: {{" for step in found.missing) + "name: , tag: " + "}" * len(found.missing)
    under = f" under {there}, line {found.node.line}" if there and found.node else " at the top level"
    return Unusable(
        f"values path {values_path} is missing",
        where=document.where,
        hint=f'add "{lines}"{under}',
    )


def _name_keys(document: Document, image: MappingNode, values_path: str) -> list[str]:
    """Return those of ``NAME_KEYS`` that the image has; chartpress wants one at least."""
    steps = _steps(values_path)
    keys = [key for key in NAME_KEYS if not reach(document, (*steps, key)).missing]
    if not keys:
        raise Unusable(
            f"values path {values_path} has neither name nor repository",
            where=document.place(image),
            hint=f'add "name:" under {values_path}',
        )
    return keys


def _split(image: str) -> tuple[str, str]:
    """Split ``name:tag``; a digest behind it belongs to neither."""
    tagged = image.partition("@")[0]
    name, colon, tag = tagged.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (tagged, "")
