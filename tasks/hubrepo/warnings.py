"""What is odd in a hub repository, and does no harm: said, not refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .paths import join
from .values import warnings as values_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .layout import Hub


def layout_warnings(hub: Hub) -> Iterator[str]:
    """Yield what people should know of the repository's files: ignored keys, images left alone, doubled keys."""
    for key in hub.config.unknown_keys:
        yield f"{hub.config_file}: {key} is no key of chartpress's, and is ignored"
    for spec in hub.chart.images:
        if spec.key in hub.other_images:
            dockerfile = join(hub.root, spec.dockerfile)
            there = hub.files.read(dockerfile) is not None
            why = "no FROM inherits from z2jh's hub image" if there else "there is no such file"
            yield f"{spec.key} is left alone ({dockerfile}: {why})"
    for file in dict.fromkeys(place.file for image in hub.images for place in hub.values_places(image)):
        data = hub.files.read(file)
        if data is not None:
            yield from values_warnings(data, file)
