"""An image that is there: in a registry, or in an engine's local store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..image.platform import short_platform

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def platform_image(config: Mapping[str, Any]) -> PlatformImage:
    """Read an image's configuration, as the OCI image specification lays it out."""
    labels = (config.get("config") or {}).get("Labels") or {}
    layers = config["rootfs"].get("diff_ids") or ()
    return PlatformImage(tuple(map(str, layers)), {str(name): str(value) for name, value in labels.items()})
