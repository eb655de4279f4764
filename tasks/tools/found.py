"""An image that is there: in a registry, or in an engine's local store."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from ..door import DOOR
from ..faults import Refused
from ..image.platform import short_platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..image.reference import Reference


class PlatformImage(NamedTuple):
    """What a registry or an engine holds of an image for one platform.

    Attributes:
        layers: the uncompressed layers' digests, lowest first (``rootfs.diff_ids`` of the OCI image specification).
        labels: the image's labels.
    """

    layers: tuple[str, ...]
    labels: Mapping[str, str]


class FoundImage(NamedTuple):
    """An image that is there.

    Attributes:
        digest: the digest of what its tag names (a manifest, or an index of manifests); None for an image of an
            engine's local store, which has no such digest.
        platforms: what it holds, by platform (``linux/amd64``); attestations are left out.
    """

    digest: str | None
    platforms: Mapping[str, PlatformImage]


def platform_of(image: Mapping[str, Any]) -> str:
    """Return the platform of an image, from its configuration (OCI image specification), or of a descriptor's one."""
    variant = image.get("variant")
    return short_platform(f"{image['os']}/{image['architecture']}{f'/{variant}' if variant else ''}")


def require_one_each(platforms: Sequence[str], image: Reference) -> None:
    """Check that an index has one manifest a platform: of two, nobody knows which one a cluster takes.

    Raises:
        Refused: it has more.
    """
    for platform, count in Counter(platforms).items():
        if count > 1:
            look = f"docker buildx imagetools inspect {image}"
            raise Refused(
                f"the index has {count} manifests for {platform}",
                where=image,
                hint=f"look at it: {look}; build it anew: {DOOR} build --force",
            )


def platform_image(config: Mapping[str, Any]) -> PlatformImage:
    """Read an image's configuration, as the OCI image specification lays it out."""
    labels = (config.get("config") or {}).get("Labels") or {}
    layers = config["rootfs"].get("diff_ids") or ()
    return PlatformImage(tuple(map(str, layers)), {str(name): str(value) for name, value in labels.items()})
