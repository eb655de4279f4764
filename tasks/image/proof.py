"""The proof of an image: what its registry has, compared with what it must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

from ..core.faults import DOOR, Denied, Refused, Unreachable
from ..core.names import Reference, short_platform
from ..core.plan import Fact
from ..tools import docker
from ..tools.registry import FoundImage, ImageAnswer, inspect
from .inputs import INPUTS_LABEL

# https://github.com/opencontainers/image-spec/blob/main/annotations.md
LABEL = "org.opencontainers.image."
# Marks an image that stands in for z2jh's own where that cannot be reached; see tasks/rehearsal.
STAND_IN_LABEL = "io.github.hubpress.stand-in"


class Base(NamedTuple):
    """The base image that a Dockerfile names, as its registry or the engine's local store has it."""

    reference: Reference
    found: FoundImage

    @property
    def identity(self) -> str:
        """Its digest, or else those of its layers."""
        layers = sorted(",".join(image.layers) for image in self.found.platforms.values())
        return self.found.digest or ";".join(layers)

    @property
    def is_stand_in(self) -> bool:
        """Whether it only stands in for z2jh's hub image."""
        return any(STAND_IN_LABEL in image.labels for image in self.found.platforms.values())


class Proof(NamedTuple):
    """What was proved of an image: its digest in the registry, and the platforms it holds."""

    digest: str
    platforms: tuple[str, ...]


def prove(image: Reference, found: FoundImage | None, base: Base, wanted: str, digest: str | None = None) -> Proof:
    """Compare what the registry has of ``image`` with what it must be.

    The layers of ``base`` must be its first layers (OCI image specification, ``rootfs.diff_ids``); it must hold the
    platforms ``wanted``, separated by commas, and have the ``digest`` that was pushed.
    """
    if found is None or found.digest is None:
        raise Refused("the registry does not have the image that was pushed", where=image, hint=f"{DOOR} build")
    if digest is not None and digest != found.digest:
        raise Refused(
            f"the tag was moved after the push: it names {found.digest}, {digest} was pushed",
            where=image,
            hint=f"find out who pushes this tag, then: {DOOR} build --force",
        )
    for platform in map(short_platform, wanted.split(",")):
        ours, theirs = found.platforms.get(platform), base.found.platforms.get(platform)
        if ours is None:
            raise Refused(
                f"the image is for {', '.join(found.platforms) or 'no platform at all'}, not for {platform}",
                where=image,
                hint=f"rebuild it for the right platform: {DOOR} build --force --platform {wanted}",
            )
        if theirs is None or not theirs.layers or ours.layers[: len(theirs.layers)] != theirs.layers:
            raise Refused(
                f"the image is not built on {base.reference}",
                where=image,
                hint=f"commit a change of the image's files for a new tag, or rebuild this one: {DOOR} build --force",
            )
    return Proof(found.digest, tuple(found.platforms))


def require_platforms(base: Base, wanted: str) -> None:
    """Check that ``base`` exists for every platform of ``wanted`` (separated by commas)."""
    missing = [one for one in map(short_platform, wanted.split(",")) if one not in base.found.platforms]
    if missing:
        raise Refused(
            f"the base image is not available for {missing[0]}, only for {', '.join(base.found.platforms)}",
            where=base.reference,
            hint="name another platform: --platform, or hub.platform in invoke.yaml",
        )


def find_bases(
    references: Iterable[Reference], answers: Mapping[Reference, ImageAnswer], *, loopback: bool
) -> list[Base]:
    """Return the base images (see :func:`base_of`); a stand-in is refused unless all stays here (``loopback``)."""
    both = ((one, answers[one]) for one in references)
    bases = [base_of(one, answer, docker.local(one) if is_out_of_reach(answer) else None) for one, answer in both]
    for base in bases:
        if base.is_stand_in and not loopback:
            raise Refused(
                "the base image here is a rehearsal's stand-in, not z2jh's hub image",
                where=base.reference,
                hint=f"docker image rm {base.reference}, then: docker pull {base.reference}",
            )
    return bases


def base_of(reference: Reference, answer: ImageAnswer, stored: FoundImage | None) -> Base:
    """Return the base image from its registry's answer or, where that is out of reach, as the engine has it."""
    if isinstance(answer, FoundImage):
        return Base(reference, answer)
    if answer is None:
        raise Refused(
            "the base image does not exist",
            where=reference,
            hint=f"{DOOR} bump, or fix the FROM; a mirror needs a copy of that release's image",
        )
    if isinstance(answer, Refused):
        hint = f"take another release, {DOOR} bump --to VERSION, or ask those who push it"
        raise Refused(f"the base image cannot be used: {answer.what}", where=reference, hint=hint)
    if stored is None:
        raise answer
    return Base(reference, stored)


def is_out_of_reach(answer: ImageAnswer) -> bool:
    """Whether a registry's answer leaves open what it has, so that the engine's store may be asked."""
    return isinstance(answer, Unreachable) and not isinstance(answer, Denied)


def with_digest(old: Reference, new: Reference) -> Reference:
    """Return the base image ``new`` with a digest where ``old`` has one: the same for the same tag, else its own."""
    if old.digest is None:
        return new
    if old.tag == new.tag and old.same_repository(new):
        return new.pinned(old.digest)
    found = inspect(new)
    if found is None or found.digest is None:
        raise Refused("the base image does not exist", where=new, hint=f"docker buildx imagetools inspect {new}")
    return new.pinned(found.digest)


def base_label(base: Reference) -> str:
    """Return how an image's label names its base image."""
    return f"{base.host}/{base.path}:{base.tag}"


def inputs_label(found: FoundImage) -> str | None:
    """Return the hash of inputs in an image's labels, if it is the same on all of its platforms."""
    labels = {image.labels.get(INPUTS_LABEL) for image in found.platforms.values()}
    return labels.pop() if len(labels) == 1 else None


def tag_fact(reference: Reference) -> Fact:
    """Return the fact that the registry has no image of this name and tag."""
    return Fact(f"the tag {reference}", partial(_digest_of, reference), None, lambda at: f"is taken now, by {at}")


def image_fact(reference: Reference) -> Fact:
    """Return the fact that the registry has this image, pinned by digest."""
    words = "is not in the registry any more"
    return Fact(f"the image {reference}", partial(_digest_of, reference), reference.digest, lambda _: words)


def _digest_of(reference: Reference) -> str | None:
    found = inspect(reference)
    return None if found is None else found.digest
