"""The proof of an image: what the registry says of it, held against what it must be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from ..core.faults import DOOR, Denied, Fault, Refused, Unreachable
from ..core.names import Reference, short_platform
from ..core.plan import Fact
from ..repo.hub import HubImage
from ..tools import docker
from ..tools.registry import FoundImage
from .inputs import INPUTS_LABEL
from .tag import ImageName


def with_digests(bases: Sequence[tuple[HubImage, Reference]]) -> list[tuple[HubImage, Reference]]:
    """Return ``bases`` with a digest where the Dockerfile has one now: its own for the same tag, else the new tag's.

    Raises:
        Refused: there is no such base image.
        Denied: its registry denied access.
        Unreachable: its registry gave no answer.
    """
    return [(image, _pinned(image.base.reference, base)) for image, base in bases]


def _pinned(old: Reference, new: Reference) -> Reference:
    if old.digest is None:
        return new
    if old.tag == new.tag and old.same_repository(new):
        return new.pinned(old.digest)
    found = docker.inspect(new)
    if found is None or found.digest is None:
        raise Refused("the base image does not exist", where=new, hint=f"docker buildx imagetools inspect {new}")
    return new.pinned(found.digest)


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


BUILT, RETAGGED, PRESENT, SKIPPED = "built", "retagged", "present", "skipped"
# https://github.com/opencontainers/image-spec/blob/main/annotations.md
LABEL = "org.opencontainers.image."


@dataclass
class ImageJob:
    """One image of a build.

    Attributes:
        image: what it is made of.
        called: its tag and the commit that it names; both open while that commit is only planned.
        base: the base image that its Dockerfile names.
        platform: the platforms that it must run on, separated by commas.
        argument: what ``--platform`` is given; None for a native build without it.
        status: ``built`` (or, before that, to be built), ``retagged`` where an image of the same inputs gets its tag,
            ``present`` in the registry already, or ``skipped``.
        proof: what was proved of it, once it was.
        inputs: the hash of what it is built from; None while a commit is only planned, and where nobody needs it.
        beside: the way from where the builder runs to the folder of its own commit, where that is another one.
        source: the image of the same inputs, pinned by digest, that gets its tag; None for any other status.
    """

    image: HubImage
    called: ImageName
    base: Base
    platform: str
    argument: str | None
    status: str = BUILT
    proof: Proof | None = None
    inputs: str | None = None
    source: Reference | None = None
    beside: str = ""

    @property
    def reference(self) -> Reference:
        """The image's name and tag."""
        return Reference(self.image.spec.name, self.tag)

    @property
    def tag(self) -> str:
        """The image's tag."""
        return self.called.tag

    def look(self, found: FoundImage | None) -> None:
        """Take what the registry has of the image: one that is there and holds the proof is not built again.

        Raises:
            Refused: the tag is there, with another platform or base.
        """
        if found is not None and self.status != SKIPPED:
            self.proof = prove(self.reference, found, self.base, self.platform)
            self.status = PRESENT
            self.inputs = self.inputs or inputs_label(found)

    def require_same_inputs(self, found: FoundImage | None) -> None:
        """Check that an image which is there has these inputs, where its tag does not tell.

        Raises:
            Refused: it has others, or does not say which.
        """
        if found is not None and inputs_label(found) != self.inputs:
            raise Refused(
                "the tag is there, for an image of other files",
                where=self.reference,
                hint=f"put {{commit}} into hub.tag, or overwrite it: {DOOR} build --force",
            )

    def know_again(self, candidates: Mapping[Reference, docker.Answer]) -> None:
        """Take the first of ``candidates`` that has the same inputs and holds the proof: it only lacks the tag."""
        for candidate, found in candidates.items():
            if not isinstance(found, FoundImage) or found.digest is None or inputs_label(found) != self.inputs:
                continue
            with contextlib.suppress(Refused):
                prove(candidate, found, self.base, self.platform)
                self.source, self.status = candidate.pinned(found.digest), RETAGGED
                return

    def prove(self, digest: str | None) -> None:
        """Ask the registry for the image that was pushed, and prove it.

        Args:
            digest: what the build said it pushed.

        Raises:
            Refused: the registry has it not, or has another one.
        """
        self.proof = prove(self.reference, docker.inspect(self.reference), self.base, self.platform, digest)

    def labels(self) -> dict[str, str]:
        """Return the labels that say what it is and what it is built on."""
        base = self.base
        own = {
            f"{LABEL}version": self.tag,
            f"{LABEL}revision": self.called.revision,
            f"{LABEL}base.name": f"{base.reference.host}/{base.reference.path}:{base.reference.tag}",
            f"{LABEL}base.digest": base.found.digest,
            INPUTS_LABEL: self.inputs,
        }
        return {name: value for name, value in own.items() if value}

    def pins(self) -> dict[str, Reference]:
        """Return the base image by its name in the Dockerfile, pinned to the digest that its registry answered with."""
        digest = self.base.found.digest
        if digest is None or self.base.reference.digest is not None:
            return {}
        return {str(self.base.reference): self.base.reference.pinned(digest)}

    def report(self) -> dict[str, Any]:
        """Return what the JSON report says of it."""
        return {
            "name": self.image.spec.key,
            "repository": self.image.spec.name,
            "tag": self.tag,
            "digest": self.proof.digest if self.proof else None,
            "platforms": list(self.proof.platforms) if self.proof else self.platform.split(","),
            "status": self.status,
            "base": {
                "image": str(self.base.reference),
                "digest": self.base.found.digest,
                "inherited": True if self.proof else None,
            },
            "inputs": self.inputs,
        }


def tag_fact(reference: Reference) -> Fact:
    """Return the fact that the registry has no image of this name and tag."""
    return Fact(f"the tag {reference}", partial(_digest_of, reference), None, lambda at: f"is taken now, by {at}")


def image_fact(reference: Reference) -> Fact:
    """Return the fact that the registry has this image, pinned by digest."""
    words = "is not in the registry any more"
    return Fact(f"the image {reference}", partial(_digest_of, reference), reference.digest, lambda _: words)


def _digest_of(reference: Reference) -> str | None:
    found = docker.inspect(reference)
    return None if found is None else found.digest


def inputs_label(found: FoundImage) -> str | None:
    """Return the hash of its inputs that an image says it was built from, on all of its platforms; None without one."""
    told = {image.labels.get(INPUTS_LABEL) for image in found.platforms.values()}
    return told.pop() if len(told) == 1 else None


def look_for_bases(references: Sequence[Reference], answers: Sequence[docker.Answer], *, loopback: bool) -> list[Base]:
    """Return the base images, from their registry's answers or, where that is out of reach, from the engine's store.

    Args:
        references: the base images' names.
        answers: what the registries said of them, in the same order.
        loopback: whether what is built on them goes to registries of this machine alone.

    Raises:
        Refused: there is no such image, or it is a stand-in and what is built on it would leave this machine.
        Denied: the registry refuses access.
        Unreachable: the registry does not answer, and the engine has no such image either.
    """
    bases = [found_base(reference, answer) for reference, answer in zip(references, answers, strict=True)]
    for base in bases:
        if base.is_stand_in and not loopback:
            raise Refused(
                "the base image here is a rehearsal's stand-in, not z2jh's hub image",
                where=base.reference,
                hint=f"docker image rm {base.reference}, then: docker pull {base.reference}",
            )
    return bases


def found_base(reference: Reference, answer: docker.Answer) -> Base:
    """Return the base image, from its registry's answer or, where that is out of reach, from the engine's store.

    Raises:
        Refused: there is no such image.
        Denied: the registry refuses access.
        Unreachable: the registry does not answer, and the engine has no such image either.
    """
    return base_of(reference, answer, docker.local(reference) if is_out_of_reach(answer) else None)


def is_out_of_reach(answer: docker.Answer) -> bool:
    """Whether a registry's answer leaves open what it has: then the engine's store may tell."""
    return isinstance(answer, Unreachable) and not isinstance(answer, Denied)


def base_of(reference: Reference, answer: docker.Answer, stored: FoundImage | None) -> Base:
    """Return the base image as :func:`found_base` does, from what the engine's store was found to have."""
    if isinstance(answer, FoundImage):
        return Base(reference, answer)
    if answer is None:
        raise Refused("the base image does not exist", where=reference, hint=f"{DOOR} bump, or mend the FROM")
    if isinstance(answer, Refused):
        hint = f"take another release, {DOOR} bump --to VERSION, or ask those who push it"
        raise Refused(f"the base image cannot be used: {answer.what}", where=reference, hint=hint)
    if stored is None:
        raise answer
    return Base(reference, stored)


def registry_answer(answer: docker.Answer) -> FoundImage | None:
    """Return what the registry has of an image.

    Raises:
        Fault: it denied access, or gave no answer.
    """
    if isinstance(answer, Fault):
        raise answer
    return answer
