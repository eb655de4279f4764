"""Digests beside tags: a Dockerfile that pins its base image by digest gets the new tag's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..faults import Refused
from ..tools import docker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..hubrepo.layout import HubImage
    from .reference import Reference


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
