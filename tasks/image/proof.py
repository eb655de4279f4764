"""The proof of an image: what the registry says of it, held against what it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..door import DOOR
from ..faults import Refused
from .platform import short_platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..tools.found import FoundImage
    from .reference import Reference

# Marks an image that stands in for z2jh's own where that cannot be reached; see tasks/rehearsal.
STAND_IN_LABEL = "io.github.hubpress.stand-in"


class Base(NamedTuple):
    """The base image that a Dockerfile names, as it was found.

    Attributes:
        reference: its name and tag.
        found: what its registry, or the engine's local store, holds of it.
    """

    reference: Reference
    found: FoundImage

    @property
    def is_local(self) -> bool:
        """Whether it was found in the engine's local store alone: its registry did not answer."""
        return self.found.digest is None

    @property
    def identity(self) -> str:
        """What tells it from any other image: its digest, else the digests of its layers."""
        layers = sorted(",".join(image.layers) for image in self.found.platforms.values())
        return self.found.digest or ";".join(layers)

    @property
    def is_stand_in(self) -> bool:
        """Whether it only stands in for z2jh's hub image."""
        return any(STAND_IN_LABEL in image.labels for image in self.found.platforms.values())


class Proof(NamedTuple):
    """What was proved of an image.

    Attributes:
        digest: what its tag names in the registry.
        platforms: the platforms it holds.
    """

    digest: str
    platforms: tuple[str, ...]


def prove(image: Reference, found: FoundImage | None, base: Base, wanted: str, digest: str | None = None) -> Proof:
    """Hold what the registry has of ``image`` against what it must be.

    Args:
        image: its name and tag.
        found: the registry's answer for it.
        base: the base image it must be built on: that one's layers must be its first layers
            (OCI image specification, ``rootfs.diff_ids``).
        wanted: the platforms it must hold, separated by commas.
        digest: what the build said it pushed; None where nothing was built.

    Raises:
        Refused: it is not there, has moved since the push, or has another platform or base.
    """
    if found is None or found.digest is None:
        raise Refused("the registry does not have the image that was pushed", where=image, hint=f"{DOOR} build")
    if digest is not None and digest != found.digest:
        raise Refused(
            f"the tag was moved after the push: it names {found.digest}, {digest} was pushed",
            where=image,
            hint=f"find out who pushes this tag, then: {DOOR} build --force",
        )
    platforms = [short_platform(platform) for platform in wanted.split(",")]
    for platform in platforms:
        _prove_platform(image, found, base, platform)
    return Proof(found.digest, tuple(found.platforms))


def require_platforms(base: Base, wanted: str) -> None:
    """Check that ``base`` is there for every platform of ``wanted`` (separated by commas).

    Raises:
        Refused: it is not.
    """
    missing = [one for one in map(short_platform, wanted.split(",")) if one not in base.found.platforms]
    if missing:
        raise Refused(
            f"the base image is not there for {missing[0]}, only for {_listed(base.found.platforms)}",
            where=base.reference,
            hint="name another platform: --platform, or hub.platform in invoke.yaml",
        )


def _prove_platform(image: Reference, found: FoundImage, base: Base, platform: str) -> None:
    ours, theirs = found.platforms.get(platform), base.found.platforms.get(platform)
    if ours is None:
        raise Refused(
            f"the image is for {_listed(found.platforms)}, not for {platform}",
            where=image,
            hint=f"build it anew for the right platform: {DOOR} build --force",
        )
    if theirs is None or not theirs.layers or ours.layers[: len(theirs.layers)] != theirs.layers:
        raise Refused(
            f"the image is not built on {base.reference}",
            where=image,
            hint=f"commit a change of the image's files for a new tag, or build this one anew: {DOOR} build --force",
        )


def _listed(platforms: Iterable[str]) -> str:
    return ", ".join(platforms) or "no platform at all"
