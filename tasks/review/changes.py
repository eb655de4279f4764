"""What moved between two states of a hub repository, and how a commit tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..faults import Fault
from ..hubrepo.values import image_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..hubrepo.layout import Hub, ValuesPlace

T = TypeVar("T")
NOTHING = "(none)"


class Move(NamedTuple):
    """One thing that moved.

    Attributes:
        what: what it is: ``chart requirement``, ``base image``, ``hub image``.
        before: what it was; None where it was not there.
        after: what it is now.
        file: where it stands.
    """

    what: str
    before: str | None
    after: str
    file: str

    @property
    def line(self) -> str:
        """The move as one line of a commit's message."""
        return f"- {self.what}: {self.before or NOTHING} -> {self.after} ({self.file})"


class Changes(NamedTuple):
    """What moved between a commit and the files after it.

    Attributes:
        release: the chart requirement's move, by version.
        bases: the base images' moves, by Dockerfile.
        images: the images' moves in values files.
    """

    release: Move | None
    bases: tuple[Move, ...]
    images: tuple[Move, ...]

    @property
    def moves(self) -> tuple[Move, ...]:
        """Every move, the release first."""
        return (*((self.release,) if self.release else ()), *self.bases, *self.images)


def changes(hub: Hub) -> Changes:
    """Return what moved from the hub repository's commit to its files."""
    return changes_between(hub.as_committed(), hub)


def changes_between(before: Hub, hub: Hub) -> Changes:
    """Return what moved from one state of the hub repository to another."""
    old_version = _or_none(lambda: before.requirement.version)
    requirement = hub.requirement
    release = Move(f"chart requirement {requirement.name}", old_version, requirement.version, hub.requirement_file)
    return Changes(
        release if release.before != release.after else None,
        tuple(move for move in _bases(before, hub) if move.before != move.after),
        tuple(move for move in _images(before, hub) if move.before != move.after),
    )


def subject(moved: Changes) -> str:
    """Return the first line of the commit's message."""
    if moved.release:
        start = f" from {moved.release.before}" if moved.release.before else ""
        return f"Move z2jh{start} to {moved.release.after}"
    if moved.bases:
        return f"Build the hub image on {moved.bases[0].after.rpartition('/')[2]}"
    if moved.images:
        return f"Use hub image {moved.images[0].after.rpartition(':')[2]}"
    return "Tidy up what hubpress manages"


def message(moved: Changes, known: Sequence[str] = (), links: Sequence[str] = ()) -> str:
    """Return the commit's message.

    Args:
        moved: what moved; each move is a line.
        known: lines on what moves with a release.
        links: what a reviewer may want to read of a release.
    """
    body = [*(move.line for move in moved.moves), *known]
    reading = ["", "Release notes:", *(f"- {link}" for link in links)] if links and moved.release else []
    return "\n".join([subject(moved), "", *body, *reading])


def _bases(before: Hub, after: Hub) -> list[Move]:
    old = {image.dockerfile: str(image.base.reference) for image in _or_none(lambda: before.images) or ()}
    moves = (
        Move("base image", old.get(image.dockerfile), str(image.base.reference), image.dockerfile)
        for image in after.images
    )
    # Several images may be made from one Dockerfile.
    return list(dict.fromkeys(moves))


def _images(before: Hub, after: Hub) -> list[Move]:
    places = dict.fromkeys(place for image in after.images for place in after.values_places(image))
    found = ((place, pinned_at(before, place), pinned_at(after, place)) for place in places)
    return [Move(f"hub image {place.path}", old, new, place.file) for place, old, new in found if new]


def pinned_at(hub: Hub, place: ValuesPlace) -> str | None:
    """Return the image at ``place`` as ``name:tag``; None where none is written there."""
    data = hub.files.read(place.file)
    pinned = _or_none(lambda: image_at(data, place.path, place.file)) if data is not None else None
    return f"{pinned.name}:{pinned.tag}" if pinned and pinned.name and pinned.tag else None


def _or_none(read: Callable[[], T]) -> T | None:
    """Return what ``read`` gives; None where the older state had no such thing, or nothing readable."""
    try:
        return read()
    except Fault:
        return None
