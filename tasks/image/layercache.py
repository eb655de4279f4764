"""The build cache that colleagues share: layers that a registry has need not be made again.

``inline`` puts what BuildKit needs to reuse an image's layers into the image itself; a build takes them from the image
that the values name. ``registry`` keeps the layers of every stage beside the images, under a tag of their own. The
driver ``docker`` knows the first alone (https://docs.docker.com/build/cache/backends/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..faults import Unusable
from ..hubrepo.values import image_at
from ..settings import CACHE_INLINE, CACHE_OFF, CACHE_ON
from ..tools.builder import DOCKER_DRIVER
from .reference import Reference, is_tag

if TYPE_CHECKING:
    from ..hubrepo.layout import Hub, HubImage
    from ..tools.builder import Builder

TAG = "buildcache"


def cache_fields(hub: Hub, image: HubImage, builder: Builder, *, push: bool) -> dict[str, list[str]]:
    """Return the fields of a bake target that take ``image``'s layers from the shared cache, and put them there.

    A cache that is not there is no fault: BuildKit says so, and builds. What is not pushed is not shared either.
    """
    mode = hub.settings.cache
    if mode == CACHE_OFF:
        return {}
    if mode == CACHE_INLINE or (mode == CACHE_ON and builder.driver == DOCKER_DRIVER):
        sources, target = pinned_images(hub, image), "type=inline"
    else:
        kept = Reference(image.spec.name, TAG)
        sources, target = [kept], f"type=registry,ref={kept},mode=max,ignore-error=true"
    fields = {"cache-from": [f"type=registry,ref={source}" for source in sources], "cache-to": [target] if push else []}
    return {name: values for name, values in fields.items() if values}


def pinned_images(hub: Hub, image: HubImage) -> list[Reference]:
    """Return the images of ``image``'s repository that the values name now."""
    found = (_image_at(hub, place.file, place.path) for place in hub.values_places(image))
    return [one for one in dict.fromkeys(found) if one is not None and one.name == image.spec.name]


def _image_at(hub: Hub, file: str, path: str) -> Reference | None:
    try:
        pinned = image_at(hub.require(file), path, file)
    except Unusable:
        return None  # the step that writes the values says what is wrong with them
    return Reference(pinned.name, pinned.tag) if pinned.name and is_tag(pinned.tag or "") else None
