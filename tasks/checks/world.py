"""What was seen outside of a hub repository: the Helm repository, the registries, the engine, helm."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..core.faults import DOOR, Fault, Refused, Unreachable, Unusable
from ..core.names import Reference, platforms_left
from ..core.problems import Problem
from ..image.build import LABEL, base_of, inputs_label
from ..image.inputs import inputs_hash, source_tree
from ..image.tag import depends_on, name_image, names_commit, tells_images_apart
from ..releases.index import Index, Release, choose, newest
from ..releases.repository import HelmRepository
from ..releases.versions import parse_version
from ..repo.deployments import has_deployments
from ..repo.hub import Hub, HubImage
from ..review.rendering import refused_values
from ..tools.process import Pool, answer_of
from ..tools.registry import FoundImage, ImageAnswer, inspect_all


@dataclass(frozen=True)
class SeenImage:
    """What was seen of one of the hub's images.

    Attributes:
        named: the image that the values name.
        unplaced: where no values name it, the image as a build would call it now.
        digests: the places in the values that pin it by digest: file and line, and the image.
        answers: the registries' to all that was asked for.
    """

    hub: Hub
    image: HubImage
    named: Reference | None
    unplaced: Reference | None
    digests: list[tuple[str, Reference]]
    answers: Mapping[Reference, ImageAnswer] = field(repr=False)

    @property
    def own(self) -> Reference | None:
        """The image that the values name; None where they name none of its repository."""
        return self.named if self.named and self.named.same_repository(Reference(self.image.spec.name)) else None

    @property
    def in_registry(self) -> bool | None:
        """Whether its registry has what the values name, else a build made; None where that is not known."""
        asked = self.named or self.unplaced
        answer = self.answers[asked] if asked else None
        return None if asked is None or isinstance(answer, Fault) else answer is not None

    @cached_property
    def computed_tag(self) -> str | None:
        """The tag that a build would give it now; None where that cannot be told."""
        hub, image, content = self.hub, self.image, ""
        try:
            if not names_commit(hub.settings.tag):
                base = base_of(image, self.answers[image.base.reference], stored=False)
                platform = platforms_left(hub.settings.platform, image.spec.skip_platforms)
                with source_tree(hub, [image]) as tree:
                    content = inputs_hash(hub, image, tree, base.identity, platform)
            return name_image(hub, image, content).tag
        except (Refused, Unreachable):
            return None

    @cached_property
    def is_current(self) -> bool:
        """Whether the image's label names the inputs that a build would take now, whatever commit its tag names."""
        hub, image, found = self.hub, self.image, self._found
        if found is None or not names_commit(hub.settings.tag):
            return False
        # The base that it was built on: that its tag has moved since does not make the image another one.
        base = {one.labels.get(f"{LABEL}base.digest", "") for one in found.platforms.values()}
        platform = platforms_left(hub.settings.platform, image.spec.skip_platforms)
        try:
            called = name_image(hub, image)
            with source_tree(hub, [image], called.revision) as tree:
                return inputs_label(found) == inputs_hash(hub, image, tree, "".join(base), platform, called)
        except (Refused, Unusable):
            return False

    @property
    def has_other_files(self) -> bool:
        """Whether the image under a tag that stays the same for other files has other ones than a build would take."""
        is_fixed = not tells_images_apart(self.hub.settings.tag)
        return is_fixed and self._found is not None and not self.is_current

    @property
    def is_up_to_date(self) -> bool | None:
        """Whether a build would leave the image as it is; None where that cannot be told."""
        own = self.own or self.unplaced
        if own is None or self.answers[own] is None or depends_on(self.hub, self.image, self.hub.changed):
            return False
        if self.has_other_files:
            return False
        if own.tag is None:
            return self.is_current
        # Of an image that no values name only its registry knows.
        if (not self.own and not self.in_registry) or self.computed_tag is None:
            return None
        return self.computed_tag == own.tag

    @property
    def _found(self) -> FoundImage | None:
        """The image that the values name, if the registry has it with the hash of its inputs."""
        found = self.answers[self.own] if self.own else None
        return found if isinstance(found, FoundImage) and inputs_label(found) else None


@dataclass(frozen=True)
class World:
    """What was seen outside of the hub repository.

    Attributes:
        index: the Helm repository's; where that gave no answer (``fault``), the one that it gave last.
        refused: what the pinned chart refuses of the values, or why that is not known, with the deployments.
    """

    hub: Hub
    repository: HelmRepository | None
    index: Index | None
    fault: Fault | None
    images: tuple[SeenImage, ...]
    answers: Mapping[Reference, ImageAnswer] = field(repr=False)
    refused: Mapping[Problem | Fault, tuple[str, ...]] = field(repr=False)

    @property
    def release(self) -> Release | None:
        """The pinned release; None where the index does not have it, or is not known."""
        return self.hub.release_in(self.index) if self.index else None

    @property
    def released_base(self) -> Reference | None:
        """The hub image that the pinned release uses; None where that is not known."""
        try:
            return self.repository.hub_image(self.release) if self.repository and self.release else None
        except Unreachable:
            return None

    def newest(self, *, pre: bool = False) -> str | None:
        """Return the newest stable version, or with ``pre`` also of alpha, beta and release candidates."""
        release = newest(self.index, pre=pre) if self.index else None
        return release.version if release else None

    def newest_here(self) -> str | None:
        """Return the newest stable version of the pinned one's major, which may be itself; else of all."""
        pinned = parse_version(self.hub.version)
        if self.release or self.next():
            return self.next() or self.hub.version
        majors = [range(pinned.major, pinned.major + 1)] if pinned else []
        release = newest(self.index, *majors) if self.index else None
        return release.version if release else None

    def next(self) -> str | None:
        """Return the version that a release would move to; None where it would stay, or that is not known."""
        pinned = self.hub.version
        try:
            version = choose(self.index, pinned).release.version if self.index else pinned
        except Refused:
            return None
        return version if version != pinned else None

    def to_do(self) -> list[str]:
        """Return what a release would do here, a clause for each step that has something to do."""
        hub, version = self.hub, self.next()
        stale = [one for one in self._usual if version or one.is_up_to_date is False]
        same = [one for one in stale if not version and not hub.changed and one.is_current]
        clauses = {
            "move": [f"{hub.requirement.name} from {hub.version} to {version}"] if version else [],
            "commit": hub.changed,
            "build": [one.image.spec.key for one in stale if one not in same],
            "retag": [one.image.spec.key for one in same],
        }
        return [f"{verb} {', '.join(what)}" for verb, what in clauses.items() if what]

    def unknown(self) -> list[str]:
        """Return what a release might also do, a clause for each thing that cannot be told."""
        moves = [] if self.index else [f"move {self.hub.requirement.name}"]
        return [*moves, *(f"build {one.image.spec.key}" for one in self._usual if one.is_up_to_date is None)]

    def require_answers(self) -> None:
        """Raise the fault of the Helm repository, or of a registry of the hub's own images, that gave no answer."""
        for fault in (self.fault, *(self.answers[one.own] for one in self.images if one.own)):
            if isinstance(fault, Fault):
                hint = f"{fault.hint}; or compare only files and git: {DOOR} check --offline"
                raise type(fault)(fault.what, where=fault.where, hint=hint)

    @property
    def _usual(self) -> list[SeenImage]:
        """Those of the images that a release builds."""
        return [one for one in self.images if one.image in self.hub.usual_images]


def look(hub: Hub) -> World:
    """Look at the Helm repository and the registries, side by side."""
    images = [(image, *_named(hub, image)) for image in hub.images]
    asked = [
        one
        for image, named, unplaced, digests in images
        for one in (named, unplaced, *(pinned for _, pinned in digests), image.base.reference)
        if one is not None
    ]
    with Pool() as pool:
        asking = pool.submit(inspect_all, asked)
        repository, index, silent = _ask_repository(hub)
        rendered = pool.submit(_refused, hub, index)
        refused = answer_of(rendered)
    answers = answer_of(asking)
    seen = tuple(SeenImage(hub, *one, answers) for one in images)
    return World(hub, repository, index, silent, seen, answers, refused)


def _named(hub: Hub, image: HubImage) -> tuple[Reference | None, Reference | None, list[tuple[str, Reference]]]:
    """Return the image that the values name, else as a build would call it, and the places that pin it by digest."""
    read = ((place.file, found) for place, found in hub.pinned(image).items())
    named = [(f"{file}:{found.line}", one) for file, found in read if (one := found.reference(file))]
    if named:
        # The first one that has a tag, by that alone, else the first one.
        first = next((one._replace(digest=None) for _, one in named if one.tag), named[0][1])
        return first, None, [(where, one) for where, one in named if one.digest and one.same_repository(first)]
    if not hub.values_places(image) and image.spec.named is not None and names_commit(hub.settings.tag):
        with suppress(Refused):
            return None, Reference(image.spec.named, name_image(hub, image).tag), []
    return None, None, []


def _ask_repository(hub: Hub) -> tuple[HelmRepository | None, Index | None, Fault | None]:
    repository = None
    try:
        repository = HelmRepository.of(hub.settings, hub.helm_repository)
        return repository, repository.index(), None
    except Fault as silent:
        with suppress(Fault):
            return repository, repository.kept_index() if repository else None, silent
        return repository, None, silent


def _refused(hub: Hub, index: Index | None) -> Mapping[Problem | Fault, tuple[str, ...]]:
    if not hub.settings.preview or not has_deployments(hub) or not index or not hub.release_in(index):
        return {}
    try:
        return refused_values(replace(hub, index=index))
    except Fault as fault:
        return {fault: ()}
