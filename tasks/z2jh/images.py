"""The hub image among the images that a chart's index entry lists.

The annotation ``artifacthub.io/images`` is a YAML list in a string
(https://artifacthub.io/docs/topics/annotations/helm/); each item has an ``image`` and mostly a ``name``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..faults import Unusable
from ..image.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HUB_IMAGE = "k8s-hub"
_QUOTES_AND_INDICATORS = frozenset("\"'&*!|>{}[]%@`#,?-~")


def hub_image_among(annotation: str) -> Reference | None:
    """Find z2jh's hub image in the text of the annotation.

    Returns:
        The image of the item named ``k8s-hub``, else the first whose path ends so; None where there is none
        with a tag or digest, or where the text is no such list. None means: ask the archive.
    """
    items = list(_items(annotation))
    named = [image for name, image in items if name == HUB_IMAGE]
    alike = [image for _, image in items if _path(image).endswith(f"/{HUB_IMAGE}")]
    return next(_pinned([*named, *alike]), None)


def _items(annotation: str) -> Iterable[tuple[str | None, str]]:
    """Return each item's name (None where it has none) and image."""
    plain = _plain_items(annotation)
    return plain if plain is not None else _any_items(annotation)


def _plain_items(annotation: str) -> list[tuple[str | None, str]] | None:
    """Read a list of one-line plain scalars, as z2jh writes it; None where it is anything else.

    It needs no YAML library, whose import alone takes longer than reading the whole index.
    """
    items: list[dict[str, str]] = []
    for line in annotation.splitlines():
        key, colon, value = line[2:].partition(": ")
        if not colon or key not in {"image", "name"} or not _is_plain(value):
            return None
        if line.startswith("- "):
            items.append({})
        elif not line.startswith("  ") or not items or key in items[-1]:
            return None
        items[-1][key] = value
    return [(item.get("name"), item["image"]) for item in items if "image" in item]


def _is_plain(value: str) -> bool:
    """Whether YAML reads ``value`` as just that text."""
    return (
        bool(value)
        and value == value.strip()
        and value.isprintable()
        and value[0] not in _QUOTES_AND_INDICATORS
        and not value.endswith(":")
        and ": " not in value
        and " #" not in value
    )


def _any_items(annotation: str) -> Iterator[tuple[str | None, str]]:
    from .document import Unreadable, load, text_under  # noqa: PLC0415 - brings the YAML library, rarely needed

    try:
        tree = load(annotation)
    except Unreadable:
        return
    for item in tree if isinstance(tree, list) else []:
        if image := text_under(item, "image"):
            yield text_under(item, "name"), image


def _path(image: str) -> str:
    """Return the image's repository: what stands before tag and digest."""
    head, _, last = image.partition("@")[0].rpartition("/")
    return f"{head}/{last.partition(':')[0]}"


def _pinned(images: Iterable[str]) -> Iterator[Reference]:
    """Yield those images that say which one they are."""
    for image in images:
        try:
            reference = Reference.parse(image)
        except Unusable:
            continue
        if reference.tag or reference.digest:
            yield reference
