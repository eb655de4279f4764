"""What was seen outside of a hub repository: the Helm repository, the registries, the engine, helm."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..core.faults import DOOR, Fault, Refused, Unreachable, Unusable
from ..core.names import Reference, platforms_left
from ..core.problems import Problem
from ..image.inputs import inputs_hash, working_files
from ..image.proof import LABEL, base_of, inputs_label
from ..image.tag import HEAD, depends_on, history_of, name_image, names_commit, tells_images_apart
from ..image.tree import Tree
from ..releases.index import Index, Release, choose, newest
from ..releases.repository import HelmRepository
from ..releases.versions import parse_version
from ..repo.deployments import has_deployments
from ..repo.hub import Hub, HubImage
from ..review.rendering import refused_values
from ..tools.process import Pool, answer_of
from ..tools.registry import FoundImage, ImageAnswer, inspect_all


@dataclass(frozen=True)
class World:
    """What was seen outside of the hub repository.

    Attributes:
        index: the Helm repository's; where that gave no answer (``fault``), the one that it gave last.
        images: the images that the values name, by the keys of the hub's images.
        unplaced: those that no values name, as a build would call them now.
        digests: the places in the values that pin an image by digest: file and line, and the image.
        refused: what the pinned chart refuses of the values, or why that is not known, with the deployments.
    """

    hub: Hub
    repository: HelmRepository | None
    index: Index | None
    fault: Fault | None
    images: dict[str, Reference]
    unplaced: dict[str, Reference]
    digests: dict[str, list[tuple[str, Reference]]]
    answers: dict[Reference, ImageAnswer] = field(repr=False)
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

    def own(self, image: HubImage) -> Reference | None:
        """Return the image that the values name for ``image``; None where they name none of its repository."""
        pinned = self.images.get(image.spec.key)
        return pinned if pinned is not None and pinned.same_repository(Reference(image.spec.name)) else None

    def has(self, image: Reference) -> bool | None:
        """Whether the registry has ``image``, one of those that were asked for; None where it gave no answer."""
        answer = self.answers.get(image)
        return None if isinstance(answer, Fault) else answer is not None

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
        stale = [one for one in hub.usual_images if version or self._is_up_to_date(one) is False]
        same = [one for one in stale if not version and not hub.changed and self.is_current(one)]
        clauses = {
            "move": [f"{hub.requirement.name} from {hub.version} to {version}"] if version else [],
            "commit": hub.changed,
            "build": [one.spec.key for one in stale if one not in same],
            "retag": [one.spec.key for one in same],
        }
        return [f"{verb} {', '.join(what)}" for verb, what in clauses.items() if what]

    def unknown(self) -> list[str]:
        """Return what a release might also do, a clause for each thing that cannot be told."""
        moves = [] if self.index else [f"move {self.hub.requirement.name}"]
        unclear = (one for one in self.hub.usual_images if self._is_up_to_date(one) is None)
        return [*moves, *(f"build {one.spec.key}" for one in unclear)]

    def current_tag(self, image: HubImage) -> str | None:
        """Return the tag that a build of ``image`` would have now; None where that cannot be told."""
        hub, reference, content = self.hub, image.base.reference, ""
        try:
            if not names_commit(hub.settings.tag):
                base = base_of(reference, self.answers[reference], None)
                platform = platforms_left(hub.settings.platform, image.spec.skip_platforms)
                with working_files(hub, [image]) as tree:
                    content = inputs_hash(hub, image, tree, base.identity, platform)
            return name_image(hub, history_of(hub), image, content).tag
        except (Refused, Unreachable):
            return None

    def is_current(self, image: HubImage) -> bool:
        """Whether the image's label names the inputs that a build would take now, whatever commit its tag names."""
        found = self._found(image)
        if found is None or not names_commit(self.hub.settings.tag):
            return False
        # The base that it was built on: that its tag has moved since does not make the image another one.
        base = {one.labels.get(f"{LABEL}base.digest", "") for one in found.platforms.values()}
        platform = platforms_left(self.hub.settings.platform, image.spec.skip_platforms)
        try:
            called = name_image(self.hub, history_of(self.hub), image)
            tree = Tree(self.hub.git, called.revision or HEAD)
            return inputs_label(found) == inputs_hash(self.hub, image, tree, "".join(base), platform, called)
        except (Refused, Unusable):
            return False

    def has_other_files(self, image: HubImage) -> bool:
        """Whether the image under a tag that stays the same for other files has other ones than a build would take."""
        is_fixed = not tells_images_apart(self.hub.settings.tag)
        return is_fixed and self._found(image) is not None and not self.is_current(image)

    def require_answers(self) -> None:
        """Raise the fault of the Helm repository, or of a registry of the hub's own images, that gave no answer."""
        answers = (self.answers[own] for own in map(self.own, self.hub.images) if own)
        for fault in (self.fault, *answers):
            if isinstance(fault, Fault):
                hint = f"{fault.hint}; or compare only files and git: {DOOR} check --offline"
                raise type(fault)(fault.what, where=fault.where, hint=hint)

    def _found(self, image: HubImage) -> FoundImage | None:
        """Return the image that the values name for ``image``, if the registry has it with the hash of its inputs."""
        own = self.own(image)
        found = self.answers.get(own) if own else None
        return found if isinstance(found, FoundImage) and inputs_label(found) else None

    def _is_up_to_date(self, image: HubImage) -> bool | None:
        """Whether a build would leave the image as it is; None where that cannot be told."""
        placed = self.own(image)
        own = placed or self.unplaced.get(image.spec.key)
        if own is None or self.has(own) is False or depends_on(self.hub, image, self.hub.changed):
            return False
        if self.has_other_files(image):
            return False
        if own.tag is None:
            return self.is_current(image)
        # Of an image that no values name only its registry knows.
        current = self.current_tag(image) if placed or self.has(own) else None
        return None if current is None else current == own.tag


def look(hub: Hub) -> World:
    """Look at the Helm repository and the registries, side by side."""
    images: dict[str, Reference] = {}
    digests: dict[str, list[tuple[str, Reference]]] = {}
    for image in hub.images:
        key, read = image.spec.key, ((place.file, found) for place, found in hub.pinned(image).items())
        named = [(f"{file}:{found.line}", one) for file, found in read if (one := found.reference(file))]
        if named:
            # The first one that has a tag, by that alone, else the first one.
            images[key] = next((one._replace(digest=None) for _, one in named if one.tag), named[0][1])
        digests[key] = [(where, one) for where, one in named if one.digest and one.same_repository(images[key])]
    unplaced = {image.spec.key: one for image in hub.images if (one := _unplaced(hub, image))}
    pinned = (one for places in digests.values() for _, one in places)
    bases = (image.base.reference for image in hub.images)
    asked = (*images.values(), *unplaced.values(), *pinned, *bases)
    with Pool() as pool:
        asking = pool.submit(inspect_all, asked)
        repository, index, silent = _ask_repository(hub)
        rendered = pool.submit(_refused, hub, index)
        refused = answer_of(rendered)
    return World(hub, repository, index, silent, images, unplaced, digests, answer_of(asking), refused)


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


def _unplaced(hub: Hub, image: HubImage) -> Reference | None:
    """Return an image that no values file names as a build would call it; None where that is not known."""
    if hub.values_places(image) or image.spec.named is None or not names_commit(hub.settings.tag):
        return None
    try:
        return Reference(image.spec.named, name_image(hub, history_of(hub), image).tag)
    except Refused:
        return None
