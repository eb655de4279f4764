"""Image tags that the hub's values set over the chart's own: left behind, they keep an old image in a new release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..hubrepo.document import parse
from ..hubrepo.route import reach, text_at
from .problem import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..hubrepo.layout import Hub
    from ..z2jh.document import Data

NAME, TAG = "name", "tag"
_DEEPEST = 12


def override_problems(hub: Hub, chart_values: Data) -> Iterator[Problem]:
    """Yield the tags in the hub's values that differ from the chart's, for the same image.

    Args:
        hub: the hub repository.
        chart_values: the values that the pinned release's chart comes with.
    """
    data = hub.files.read(hub.values_file)
    if data is None:
        return
    document = parse(data, hub.values_file)
    prefix = hub.requirement.alias or hub.requirement.name
    ours = {tuple(place.path.split(".")) for image in hub.images for place in hub.values_places(image)}
    for path, name, tag in _images(chart_values):
        here = (prefix, *path)
        set_tag = text_at(document, (*here, TAG)) if here not in ours else None
        set_name = text_at(document, (*here, NAME)) if set_tag else None
        if set_tag is None or set_tag == tag or set_name not in (None, name):
            continue
        key = reach(document, (*here, TAG)).key
        yield Problem(
            Code.OVERRIDE,
            f"{hub.values_file}:{key.line}" if key else hub.values_file,
            f"{'.'.join((*here, TAG))} is {set_tag}, but {hub.requirement.name} {hub.requirement.version} has {tag}",
            f"take it out, or set {tag}",
        )


def _images(tree: Data, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield every mapping with the texts ``name`` and ``tag``, by its path."""
    if not isinstance(tree, dict) or len(path) > _DEEPEST:
        return
    name, tag = tree.get(NAME), tree.get(TAG)
    if isinstance(name, str) and isinstance(tag, str) and name and tag:
        yield path, name, tag
    for key, value in tree.items():
        if key is not None:
            yield from _images(value, (*path, key))
