"""What moved between two states of a hub repository, and how a commit tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from ..core.faults import Fault
from ..core.names import Reference
from ..image.proof import Base, prove
from ..releases.index import Index, Release
from ..releases.repository import HelmRepository
from ..repo.hub import Hub, HubImage, ValuesPlace, open_repository
from ..repo.values import image_at
from ..tools import docker
from .upgrades import Finding, UpgradeHere


class Change(NamedTuple):
    """What the index says of one thing that moves with a release.

    Attributes:
        what: what it is: ``JupyterHub``, ``Kubernetes, at least``.
        before: its version before; None where the index does not tell.
        after: its version after; None where the index does not tell.
    """

    what: str
    before: str | None
    after: str | None

    @property
    def is_known(self) -> bool:
        """Whether the index tells of the release that is moved to."""
        return self.after is not None

    @property
    def differs(self) -> bool:
        """Whether it is not known to be as before."""
        return self.is_known and self.before != self.after

    def __str__(self) -> str:
        """Return it as one line for people: ``JupyterHub: 4.0.2 -> 4.1.6``."""
        return f"{self.what}: {f'{self.before} -> ' if self.before and self.differs else ''}{self.after}"


def facts(before: Release | None, after: Release) -> tuple[Change, Change]:
    """Return JupyterHub's version and the oldest Kubernetes, before and after."""
    return (
        Change("JupyterHub", before.app_version if before else None, after.app_version),
        Change("Kubernetes, at least", before.oldest_kubernetes if before else None, after.oldest_kubernetes),
    )


def asked(hub: Hub, before: str | None, after: str) -> tuple[Release | None, Release]:
    """Return two releases as the Helm repository describes them; bare where it gives no answer."""
    return _described(lambda repository: repository.index(), hub, before, after)


def kept(hub: Hub, before: str | None, after: str) -> tuple[Release | None, Release]:
    """Return two releases as the index describes them that was fetched last; nobody is asked."""
    return _described(lambda repository: repository.kept_index(), hub, before, after)


def _described(
    read: Callable[[HelmRepository], Index | None], hub: Hub, before: str | None, after: str
) -> tuple[Release | None, Release]:
    try:
        index = hub.index or read(open_repository(hub))
    except Fault:
        index = None
    releases = index.releases if index else {}
    old = releases.get(before, Release(before)) if before else None
    return old, releases.get(after, Release(after))


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


MOST_SHOWN = 10


def needs(here: UpgradeHere) -> Iterator[str]:
    """Yield what an upgrade moves by itself: JupyterHub's major version, the oldest Kubernetes."""
    if here.upgrade.jupyterhub:
        yield "JupyterHub {} to {}.".format(*here.upgrade.jupyterhub)
    if here.upgrade.kubernetes:
        yield f"Kubernetes {here.upgrade.kubernetes} or newer."


def upgrade_warnings(upgrades: Sequence[UpgradeHere]) -> tuple[str, ...]:
    """Return the warnings of a plan: each upgrade with its guide, then its notes with the values that they concern."""
    return tuple(line for here in upgrades for line in _warnings(here))


def upgrade_paragraph(upgrades: Sequence[UpgradeHere]) -> list[str]:
    """Return the lines of a commit's message: what is crossed, and the values to look at; none where nothing is."""
    crossed = [f"Crosses {' '.join((f'{here.upgrade.title}.', *needs(here)))}" for here in upgrades if any(needs(here))]
    found = sorted({one for here in upgrades for note in here.notes for one in note.findings})
    heading = ["Values to look at:"] if found else []
    return [*crossed, *heading, *(f"- {line}" for line in shown(found))]


def shown(findings: Sequence[Finding], most: int = MOST_SHOWN) -> Iterator[str]:
    """Yield the first ``most`` of ``findings`` as text, and how many more there are."""
    yield from map(str, findings[:most])
    if len(findings) > most:
        yield f"and {len(findings) - most} more"


def _warnings(here: UpgradeHere) -> Iterator[str]:
    yield " ".join((f"{here.upgrade.title}:", *needs(here), here.upgrade.guide))
    for note in here.notes:
        where = f" See {', '.join(shown(note.findings))}." if note.findings else ""
        yield f"- {note.text}{where}"


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
