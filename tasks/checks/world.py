"""What is inconsistent between a hub repository and the Helm repository, the registries and the base image."""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..core import output
from ..core.faults import DOOR, Fault, Refused, Unreachable, Unusable
from ..core.names import Reference, platforms_left, short_platform
from ..core.yaml_tree import Data, Text, parse
from ..image.build import arguments_of
from ..image.inputs import inputs_hash, working_files
from ..image.proof import LABEL, base_of, inputs_label, is_out_of_reach
from ..image.tag import HEAD, history_of, name_image, names_commit
from ..image.tree import Tree
from ..releases.choose import newest
from ..releases.index import Index, Release
from ..releases.repository import HelmRepository
from ..repo.dockerfile_reader import instructions
from ..repo.files import join
from ..repo.hub import Hub, HubImage, open_repository, pinned_release
from ..repo.values import image_at
from ..repo.yaml_edit import reach, text_at
from ..tools import docker
from ..tools.process import Pool, TooSlow
from ..tools.registry import FoundImage
from .files import (
    Code,
    Problem,
    base_problem,
    differing_base_problems,
    file_problems,
    known_base_problems,
    stale_problem,
)

NAME, TAG = "name", "tag"
_DEEPEST = 12
_EXACT = ("==", "===")


@dataclass(frozen=True)
class World:
    """What was seen outside of the hub repository.

    Attributes:
        hub: the hub repository.
        repository: the Helm repository.
        index: what it offers.
        release: the pinned release; None where the index does not have it.
        images: the images that the values name, by the keys of the hub's images.
        answers: the registries' answers for those images, and for the base images.
        stored: the base images that the engine has in its own store.
    """

    hub: Hub
    repository: HelmRepository
    index: Index
    release: Release | None
    images: dict[str, Reference]
    answers: dict[Reference, docker.Answer] = field(repr=False)
    stored: dict[Reference, FoundImage]

    def own(self, image: HubImage) -> Reference | None:
        """Return the image that the values name for ``image``; None where they name none of its repository."""
        pinned = self.images.get(image.spec.key)
        return pinned if pinned is not None and pinned.same_repository(Reference(image.spec.name)) else None

    def has(self, image: Reference) -> bool | None:
        """Whether the registry has ``image``; None where it gave no answer."""
        answer = self.answers.get(image)
        return None if isinstance(answer, Fault) else answer is not None

    def newest(self, *, pre: bool = False) -> str | None:
        """Return the newest stable version, or with ``pre`` also of alpha, beta and release candidates."""
        release = newest(self.index, pre=pre)
        return release.version if release else None

    def current_tag(self, image: HubImage) -> str | None:
        """Return the tag that a build of ``image`` would have now; None where that cannot be told."""
        hub, reference = self.hub, image.base.reference
        try:
            if names_commit(hub.settings.tag):
                return name_image(hub, history_of(hub), image).tag
            answer = self.answers[reference]
            base = base_of(reference, answer, self.stored.get(reference) if is_out_of_reach(answer) else None)
            platform = platforms_left(hub.settings.platform, image.spec.skip_platforms)
            with working_files(hub, [image]) as tree:
                content = inputs_hash(hub, image, tree, base.identity, platform)
        except (Refused, Unreachable):
            return None
        return name_image(hub, history_of(hub), image, content).tag

    def is_current(self, image: HubImage) -> bool:
        """Whether the image's label names the inputs that a build would take now, whatever commit its tag names."""
        own = self.own(image)
        found = self.answers.get(own) if own else None
        if not isinstance(found, FoundImage) or not inputs_label(found) or not names_commit(self.hub.settings.tag):
            return False
        # The base that it was built on: that its tag has moved since does not make the image another one.
        base = {one.labels.get(f"{LABEL}base.digest", "") for one in found.platforms.values()}
        platform = platforms_left(self.hub.settings.platform, image.spec.skip_platforms)
        try:
            called = name_image(self.hub, history_of(self.hub), image)
            tree = Tree(self.hub.git, called.revision or HEAD)
            arguments = arguments_of(self.hub, image, called)
            return inputs_label(found) == inputs_hash(self.hub, image, tree, "".join(base), platform, arguments)
        except (Refused, Unusable):
            return False

    def require_answers(self) -> None:
        """Raise the fault of a registry that gave no answer for one of the hub's own images."""
        for own in filter(None, map(self.own, self.hub.images)):
            answer = self.answers[own]
            if isinstance(answer, Fault):
                raise answer

    def problems(self) -> list[Problem]:
        """Return every inconsistency as far as the world answered, once where several images share it."""
        current = [image.spec.key for image in self.hub.images if self.is_current(image)]
        return list(dict.fromkeys((*file_problems(self.hub, current), *self._outside_problems())))

    def _outside_problems(self) -> Iterator[Problem]:
        yield from self._release_problems()
        shipped = docker.packages_in(list(self.stored))
        for image in self.hub.images:
            yield from self._image_problems(image)
            yield from pin_problems(self.hub, image, shipped.get(image.base.reference, {}))

    def _release_problems(self) -> Iterator[Problem]:
        requirement = self.hub.requirement
        if self.release is None:
            yield Problem(
                Code.RELEASE_UNKNOWN,
                f"{self.hub.requirement_file}:{requirement.line}",
                f"the Helm repository has no {requirement.name} {requirement.version}",
                f"{DOOR} bump",
            )
            yield from differing_base_problems(self.hub)
            return
        released = self.repository.hub_image(self.release)
        for image in self.hub.images:
            if image.base.reference.tag not in (None, released.tag):
                yield base_problem(self.hub, image, str(released.tag))
        try:
            chart_values = self.repository.values(self.release)
        except Unreachable:
            return
        yield from override_problems(self.hub, chart_values)

    def _image_problems(self, image: HubImage) -> Iterator[Problem]:
        pinned = self.own(image)
        answer = self.answers[pinned] if pinned else None
        if pinned is None or isinstance(answer, Fault):
            return
        place = self.hub.values_places(image)[0]
        where = f"{place.file}:{image_at(self.hub.require(place.file), place.path, place.file).line}"
        if answer is None:
            message = f"the registry does not have {pinned}"
            yield Problem(Code.NOT_IN_REGISTRY, where, message, f"{DOOR} build")
            return
        wanted = {short_platform(one) for one in self.hub.settings.platform.split(",")} - image.spec.skip_platforms
        missing = sorted(wanted - set(answer.platforms))
        if missing:
            message = f"{pinned} is for {', '.join(answer.platforms)}, not for {missing[0]}"
            yield Problem(Code.PLATFORM, where, message, f"{DOOR} build --force")
        elif not _is_built_on(answer, image, self.answers.get(image.base.reference)):
            message = f"{pinned} is not built on {image.base.reference}, which {image.dockerfile} names"
            yield Problem(Code.WRONG_BASE, where, message, f"{DOOR} build, then {DOOR} commit")
        elif not names_commit(self.hub.settings.tag):
            # Files alone do not tell that a tag names other content than today's: the base image belongs to it.
            current = self.current_tag(image)
            if current not in (None, pinned.tag):
                yield stale_problem(where, str(pinned.tag), str(current))


def find_problems(hub: Hub, *, offline: bool) -> list[Problem]:
    """Return every inconsistency; raise a fault where the world outside gives no answer."""
    if offline:
        return list(dict.fromkeys((*known_base_problems(hub), *file_problems(hub))))
    world = look(hub)
    world.require_answers()
    return world.problems()


def look(hub: Hub) -> World:
    """Look at the Helm repository and the registries, side by side."""
    pinned = {image.spec.key: _pinned(hub, image) for image in hub.images}
    images = {key: reference for key, reference in pinned.items() if reference}
    bases = list(dict.fromkeys(image.base.reference for image in hub.images))
    asked = list(dict.fromkeys((*images.values(), *bases)))
    with Pool() as pool:
        answers = pool.submit(docker.inspect_all, asked)
        repository = open_repository(hub)
        index = repository.index()
        release = pinned_release(hub, index)
        stored = _stored(bases)
        return World(hub, repository, index, release, images, dict(zip(asked, answers.result(), strict=True)), stored)


def override_problems(hub: Hub, chart_values: Data) -> Iterator[Problem]:
    """Yield the tags in the hub's values that differ from those in the pinned chart's values, for the same image."""
    file = hub.values_file
    data = None if file is None else hub.files.read(file)
    if file is None or data is None:
        return
    document = parse(data, file)
    prefix = hub.requirement.alias or hub.requirement.name
    ours = {tuple(place.path.split(".")) for image in hub.images for place in hub.values_places(image)}
    for path, name, tag in _images(chart_values):
        here = (prefix, *path)
        set_tag = text_at(document, (*here, TAG)) if here not in ours else None
        set_name = text_at(document, (*here, NAME)) if set_tag else None
        if set_tag is None or set_tag == tag or set_name not in (None, name):
            continue
        key = reach(document, (*here, TAG)).key
        yield Problem(
            Code.OVERRIDE,
            f"{file}:{key.line}" if key else file,
            f"{'.'.join((*here, TAG))} is {set_tag}, but {hub.requirement.name} {hub.requirement.version} has {tag}",
            f"take it out, or set {tag}",
        )


def pin_problems(hub: Hub, image: HubImage, shipped: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the pins of ``image`` that are older than the versions that its base image ships, given by name.

    Its Dockerfile's ``pip install`` lines and the requirements files in its context are read.
    """
    versions = {canonicalize_name(name): version for name, version in shipped.items()}
    for where, requirement in _pins(hub, image):
        theirs = versions.get(canonicalize_name(requirement.name))
        ours = next((one.version for one in requirement.specifier if one.operator in _EXACT), None)
        if theirs and ours and _is_older(ours, theirs):
            yield Problem(
                Code.OLD_PIN,
                where,
                f"{requirement.name} is pinned to {ours}, but {image.base.reference} ships {theirs}",
                f"take the pin out, or pin {theirs}",
            )


def _stored(bases: Sequence[Reference]) -> dict[Reference, FoundImage]:
    """Return the base images that the engine has; it has none, and that is shown, where it hangs."""
    try:
        return docker.local_all(bases)
    except TooSlow as slow:
        output.say(
            f"The Docker engine does not answer ({slow.what}): pins are not compared with the base image's packages"
        )
        return {}


def _images(tree: Data, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield every mapping with the texts ``name`` and ``tag``, by its path."""
    if not isinstance(tree, dict) or len(path) > _DEEPEST:
        return
    name, tag = tree.get(NAME), tree.get(TAG)
    if isinstance(name, str) and isinstance(tag, str) and name and tag:
        yield path, name, tag
    for key, value in tree.items():
        if key is not None:
            yield from _images(value, (*path, key))


def _pins(hub: Hub, image: HubImage) -> Iterator[tuple[str, Requirement]]:
    """Yield every requirement that the image installs, with its file and line."""
    data = hub.require(image.dockerfile)
    for instruction in instructions(Text.decode(data, image.dockerfile)):
        if instruction.keyword != "RUN" or "pip" not in instruction.arguments:
            continue
        for word in _words(instruction.arguments):
            yield from _requirement(f"{image.dockerfile}:{instruction.line}", word)
    listed = hub.git.names("ls-files", "-z", "--", join(hub.root, image.spec.context))
    for path in listed:
        name = posixpath.basename(path)
        if not name.endswith(".txt") or "requirements" not in name or hub.files.read(path) is None:
            continue
        lines = hub.require(path).decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, start=1):
            yield from _requirement(f"{path}:{number}", line.split(" #")[0].strip())


def _words(arguments: str) -> list[str]:
    """Split what ``RUN`` is given, in its shell form or its exec form (a JSON list)."""
    try:
        if arguments.lstrip().startswith("["):
            return [str(word) for word in json.loads(arguments)]
        return shlex.split(arguments, comments=True)
    except (ValueError, RecursionError):
        return arguments.split()


def _requirement(where: str, text: str) -> Iterator[tuple[str, Requirement]]:
    if "==" not in text:
        return
    try:
        yield where, Requirement(text.rstrip(";&|"))
    except InvalidRequirement:
        return


def _is_older(ours: str, theirs: str) -> bool:
    try:
        return Version(ours) < Version(theirs)
    except InvalidVersion:
        return False


def _is_built_on(found: FoundImage, image: HubImage, base: docker.Answer) -> bool:
    """Whether an image's label and layers are of the base that its Dockerfile names, as far as the registries tell."""
    reference = image.base.reference
    wanted = f"{reference.host}/{reference.path}:{reference.tag}"
    for platform, ours in found.platforms.items():
        named = ours.labels.get(f"{LABEL}base.name")
        if named is not None and named != wanted:
            return False
        theirs = base.platforms.get(platform) if isinstance(base, FoundImage) else None
        if theirs is not None and ours.layers[: len(theirs.layers)] != theirs.layers:
            return False
    return True


def _pinned(hub: Hub, image: HubImage) -> Reference | None:
    """Return the image that the values name; None where they name none."""
    for place in hub.values_places(image):
        found = image_at(hub.require(place.file), place.path, place.file)
        if found.name and found.tag:
            return Reference.parse(f"{found.name}:{found.tag}", f"{place.file}:{found.line}")
    return None
