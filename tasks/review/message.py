"""What moved between two states of a hub repository, and the message of the commit that moves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ..core.faults import Fault
from ..releases.index import Release
from ..releases.notes import release_links, security_news, upgrade_links
from ..repo.hub import Hub, open_repository
from ..repo.values import ValuesPlace, image_at
from .upgrades import upgrade_paragraph, upgrades_here

T = TypeVar("T")
NOTHING = "(none)"


class ReleaseFact(NamedTuple):
    """A version that moves with a release, before and after; None where the index does not tell."""

    what: str
    before: str | None
    after: str | None

    @property
    def differs(self) -> bool:
        """Whether the index gives a version that is not known to be the one before."""
        return self.after is not None and self.before != self.after

    def __str__(self) -> str:
        """Return one line for people: ``JupyterHub: 4.0.2 -> 4.1.6``."""
        return f"{self.what}: {f'{self.before} -> ' if self.before and self.differs else ''}{self.after}"


class Move(NamedTuple):
    """A version, tag or image name that moved in a file; ``before`` is None where the file did not have it."""

    what: str
    before: str | None
    after: str
    file: str

    @property
    def line(self) -> str:
        """The move as one line of a commit's message."""
        return f"- {self.what}: {self.before or NOTHING} -> {self.after} ({self.file})"


class Changes(NamedTuple):
    """What moved: the release and where it is pinned, the base images by Dockerfile, the images in values files."""

    release: Move | None
    bases: tuple[Move, ...]
    images: tuple[Move, ...]

    @property
    def moves(self) -> tuple[Move, ...]:
        """Every move, the release first where it is not pinned by a base image alone."""
        bases = {move.file for move in self.bases}
        release = (self.release,) if self.release and self.release.file not in bases else ()
        return (*release, *self.bases, *self.images)

    @property
    def subject(self) -> str:
        """The first line of the commit's message."""
        if self.release:
            start = f" from {self.release.before}" if self.release.before else ""
            return f"Move z2jh{start} to {self.release.after}"
        if self.bases:
            return f"Build the hub image on {self.bases[0].after.rpartition('/')[2]}"
        if self.images:
            return f"Use hub image {self.images[0].after.rpartition(':')[2]}"
        return "Update the files that hubpress manages"


def commit_message(hub: Hub) -> str:
    """Return the message for what moved since HEAD: each move, the release's notes, and what an upgrade asks for.

    It reads the index that was fetched last, and asks no server.
    """
    moved = changes_between(hub.as_committed(), hub)
    lines = [moved.subject, "", *(move.line for move in moved.moves)]
    if moved.release is None:
        return "\n".join(lines)
    before, after = moved.release.before, moved.release.after
    old, new = read_releases(hub, before, after, ask=False)
    lines += [f"- {fact}" for fact in known_facts(old, new)]
    links = (*release_links(new), *(upgrade_links(before, after) if before else ()))
    if links:
        lines += ["", "Release notes:", *(f"- {link}" for link in links)]
    paragraph = [*security_news(before, after), *upgrade_paragraph(upgrades_here(hub, before, after))]
    return "\n".join([*lines, "", *paragraph] if paragraph else lines)


def changes_between(before: Hub, after: Hub) -> Changes:
    """Return what moved from one state of the hub repository to another."""
    name, version = after.requirement.name, after.version
    old_version = _or_none(lambda: before.version)
    release = Move(f"chart requirement {name}", old_version, version, after.requirement_file)
    old_bases = {image.dockerfile: str(image.base.reference) for image in _or_none(lambda: before.images) or ()}
    bases = [
        Move("base image", old_bases.get(image.dockerfile), str(image.base.reference), image.dockerfile)
        for image in after.images
    ]
    places = [place for image in after.images for place in after.values_places(image)]
    pins = [(place, pinned_at(before, place), pinned_at(after, place)) for place in places]
    images = [Move(f"hub image {place.path}", old, new, place.file) for place, old, new in pins if new]
    # Several images may be made from one Dockerfile, or written to one place.
    return Changes(
        release if release.before != release.after else None,
        tuple(move for move in dict.fromkeys(bases) if move.before != move.after),
        tuple(move for move in dict.fromkeys(images) if move.before != move.after),
    )


def read_releases(hub: Hub, before: str | None, after: str, *, ask: bool) -> tuple[Release | None, Release]:
    """Return two releases as the Helm repository, or the index that was fetched last, describes them.

    Where that gives no answer they have nothing but their versions.
    """
    index = hub.index
    if index is None:
        try:
            repository = open_repository(hub)
            index = repository.index() if ask else repository.kept_index()
        except Fault:
            index = None
    releases = index.releases if index else {}
    old = releases.get(before, Release(before)) if before else None
    return old, releases.get(after, Release(after))


def release_facts(before: Release | None, after: Release) -> tuple[ReleaseFact, ReleaseFact]:
    """Return JupyterHub's version and the oldest Kubernetes, before and after."""
    return (
        ReleaseFact("JupyterHub", before.app_version if before else None, after.app_version),
        ReleaseFact("minimum Kubernetes", before.oldest_kubernetes if before else None, after.oldest_kubernetes),
    )


def known_facts(before: Release | None, after: Release) -> list[str]:
    """Return a line for each fact that the index gives of the newer release."""
    return [str(fact) for fact in release_facts(before, after) if fact.after is not None]


def pinned_at(hub: Hub, place: ValuesPlace) -> str | None:
    """Return the image at ``place`` as ``name:tag``; None where the file names none."""
    data = hub.files.read(place.file)
    pinned = _or_none(lambda: image_at(data, place.path, place.file)) if data is not None else None
    return f"{pinned.name}:{pinned.tag}" if pinned and pinned.name and pinned.tag else None


def _or_none(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Fault:
        return None
