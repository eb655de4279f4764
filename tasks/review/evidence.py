"""What is known of the hub image that a pull request names: what a build proved, or what the registry says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..faults import Fault
from ..image.proof import Base, prove
from ..image.reference import Reference
from ..tools import docker
from .changes import pinned_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..hubrepo.layout import Hub, HubImage


class Evidence(NamedTuple):
    """What is known of one image.

    Attributes:
        image: its name and tag.
        base: the base image that its Dockerfile names.
        digest: what the tag names in the registry; None where that is not known.
        platforms: what it holds; empty where that is not known.
        base_digest: the base image's digest; None where that is not known.
        gap: why nothing was proved; empty where it was.
    """

    image: str
    base: str
    digest: str | None = None
    platforms: tuple[str, ...] = ()
    base_digest: str | None = None
    gap: str = ""


# Tells what is known of the images that a state of the repository names.
Witness: TypeAlias = "Callable[[Hub], tuple[Evidence, ...]]"


def from_report(images: Iterable[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    """Return what a build reports of its images (``images`` of its JSON report), those left alone left out."""
    return tuple(_reported(one) for one in images if one["tag"])


def from_registry(hub: Hub) -> tuple[Evidence, ...]:
    """Ask the registries for the images that the values name, and for their base images, side by side.

    Nothing is raised: that a registry gives no answer, or that docker is not here, is what is known then.
    """
    pinned = tuple(_pinned(hub))
    asked = [reference for image, ours in pinned for reference in (ours, image.base.reference)]
    try:
        answers = docker.inspect_all(asked) if asked else []
    except Fault as fault:
        answers = [fault] * len(asked)
    pairs = zip(pinned, answers[::2], answers[1::2], strict=True)
    return tuple(_held(hub, image, ours, found, base) for (image, ours), found, base in pairs)


def _reported(one: Mapping[str, Any]) -> Evidence:
    base = one["base"]
    gap = "" if base["inherited"] else "the registry has not answered for it yet"
    return Evidence(
        f"{one['repository']}:{one['tag']}", base["image"], one["digest"], tuple(one["platforms"]), base["digest"], gap
    )


def _pinned(hub: Hub) -> Iterator[tuple[HubImage, Reference]]:
    """Yield each image of the hub with the name and tag that the values give it; those without are left out."""
    for image in hub.images:
        for place in hub.values_places(image)[:1]:
            name = pinned_at(hub, place)
            if name is not None:
                yield image, Reference.parse(name, place.file)


def _held(hub: Hub, image: HubImage, reference: Reference, found: docker.Answer, base: docker.Answer) -> Evidence:
    """Hold the registries' answers against what a build would have proved."""
    known = Evidence(str(reference), str(image.base.reference))
    if isinstance(found, Fault) or isinstance(base, Fault):
        return known._replace(gap=found.what if isinstance(found, Fault) else _what(base))
    if found is None or base is None:
        return known._replace(gap=f"the registry does not have {known.image if found is None else known.base}")
    known = known._replace(digest=found.digest, platforms=tuple(found.platforms), base_digest=base.digest)
    try:
        prove(reference, found, Base(image.base.reference, base), hub.settings.platform)
    except Fault as fault:
        return known._replace(gap=fault.what)
    return known


def _what(answer: docker.Answer) -> str:
    return answer.what if isinstance(answer, Fault) else ""
