"""What the Helm repository, the registries, values and pins tell besides: read only."""

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
from ..image.inputs import files_as_they_lie, inputs_hash
from ..image.proof import LABEL, Base, base_of, inputs_label, is_out_of_reach
from ..image.tag import HEAD, history_of, name_image, names_commit
from ..image.tree import Tree
from ..releases.choose import newest
from ..releases.index import Index, Release
from ..releases.repository import HelmRepository
from ..repo.dockerfile_reader import instructions
from ..repo.files import join
from ..repo.hub import Hub, HubImage, open_repository
from ..repo.values import image_at
from ..repo.yaml_edit import reach, text_at
from ..tools import docker
from ..tools.process import Pool, TooSlow
from ..tools.registry import FoundImage
from .files import Code, Problem, base_problem, differing_base_problems, stale_problem

NAME, TAG = "name", "tag"
_DEEPEST = 12


def override_problems(hub: Hub, chart_values: Data) -> Iterator[Problem]:
    """Yield the tags in the hub's values that differ from the chart's, for the same image.

    Args:
        hub: the hub repository.
        chart_values: the values that the pinned release's chart comes with.
    """
    data = hub.files.read(hub.values_file)
    if data is None:
        return
    document = parse(data, hub.values_file)
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
            f"{hub.values_file}:{key.line}" if key else hub.values_file,
            f"{'.'.join((*here, TAG))} is {set_tag}, but {hub.requirement.name} {hub.requirement.version} has {tag}",
            f"take it out, or set {tag}",
        )


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


_EXACT = ("==", "===")


def pin_problems(hub: Hub, image: HubImage, shipped: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the pins of ``image`` that are older than what its base image ships.

    Args:
        hub: the hub repository.
        image: the image: its Dockerfile's ``pip install`` lines and the requirements files in its context are read.
        shipped: the base image's packages, versions by name.
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


def _pins(hub: Hub, image: HubImage) -> Iterator[tuple[str, Requirement]]:
    """Yield every requirement that the image installs, with the file and line that it stands on."""
    data = hub.require(image.dockerfile)
    for instruction in instructions(Text.decode(data, image.dockerfile)):
        if instruction.keyword != "RUN" or "pip" not in instruction.arguments:
            continue
        for word in _words(instruction.arguments):
            yield from _requirement(f"{image.dockerfile}:{instruction.line}", word)
    for path in _requirements_files(hub, image):
        lines = hub.require(path).decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, start=1):
            yield from _requirement(f"{path}:{number}", line.split(" #")[0].strip())


def _requirements_files(hub: Hub, image: HubImage) -> list[str]:
    """Return the requirements files that lie in the image's context."""
    context = join(hub.root, image.spec.context)
    listed = hub.git.names("ls-files", "-z", "--", context)
    names = (path for path in listed if path.endswith(".txt") and "requirements" in posixpath.basename(path))
    return [path for path in names if hub.files.read(path) is not None]


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


@dataclass(frozen=True)
class World:
    """What was seen outside of the hub repository.

    Attributes:
        repository: the Helm repository.
        index: what it offers.
        release: the pinned release; None where the index has none of that name.
        images: for each hub image the one that the values name, where they name one.
        answers: what the registries said of those images, and of the base images.
        stored: the base images that the engine has in its own store.
    """

    repository: HelmRepository
    index: Index
    release: Release | None
    images: dict[str, Reference]
    answers: dict[Reference, docker.Answer] = field(repr=False)
    stored: dict[Reference, FoundImage]

    @property
    def newest(self) -> Release | None:
        """The newest stable release."""
        return newest(self.index)

    @property
    def newest_pre(self) -> Release | None:
        """The newest release when alpha, beta and release candidates count."""
        return newest(self.index, pre=True)

    def own(self, image: HubImage) -> Reference | None:
        """The image that the values name for ``image``; None where they name none, or one of another repository."""
        pinned = self.images.get(image.spec.key)
        return pinned if pinned is not None and pinned.same_repository(Reference(image.spec.name)) else None

    def current_tag(self, hub: Hub, image: HubImage) -> str | None:
        """The tag that a build of ``image`` would have now; None where that cannot be told."""
        try:
            if names_commit(hub.settings.tag):
                return name_image(hub, history_of(hub), image).tag
            base = self._base(image.base.reference)
            platform = platforms_left(hub.settings.platform, image.spec.skip_platforms)
            with files_as_they_lie(hub, [image]) as tree:
                content = inputs_hash(hub, image, tree, base.identity, platform)
        except (Refused, Unreachable):
            return None
        return name_image(hub, history_of(hub), image, content).tag

    def current(self, hub: Hub) -> list[str]:
        """Return the keys of the images that were built from what a build would take now, as their labels say."""
        if not names_commit(hub.settings.tag):
            return []
        return [image.spec.key for image in hub.images if self._is_of_today(hub, image)]

    def _is_of_today(self, hub: Hub, image: HubImage) -> bool:
        own = self.own(image)
        found = self.answers.get(own) if own else None
        if not isinstance(found, FoundImage) or not inputs_label(found):
            return False
        # The base that it was built on: that its tag has moved since does not make the image another one.
        base = {one.labels.get(f"{LABEL}base.digest", "") for one in found.platforms.values()}
        platform = platforms_left(hub.settings.platform, image.spec.skip_platforms)
        try:
            called = name_image(hub, history_of(hub), image)
            tree = Tree(hub.git, called.revision or HEAD)
            arguments = arguments_of(hub, image, called)
            return inputs_label(found) == inputs_hash(hub, image, tree, "".join(base), platform, arguments)
        except (Refused, Unusable):
            return False

    def _base(self, reference: Reference) -> Base:
        answer = self.answers[reference]
        return base_of(reference, answer, self.stored.get(reference) if is_out_of_reach(answer) else None)

    def require_answers(self, hub: Hub) -> None:
        """Check that the registries answered for the hub's own images.

        Raises:
            Denied: one denied access.
            Unreachable: one gave no answer.
        """
        for image in hub.images:
            own = self.own(image)
            answer = self.answers[own] if own else None
            if isinstance(answer, Fault):
                raise answer

    def has(self, image: Reference) -> bool | None:
        """Whether the registry has ``image``; None where it gave no answer."""
        answer = self.answers.get(image)
        return None if isinstance(answer, Fault) else answer is not None


def look(hub: Hub) -> World:
    """Look at the Helm repository and the registries, side by side.

    Raises:
        Denied: the Helm repository denied access.
        Unreachable: it gave no answer.
    """
    pinned = {image.spec.key: _pinned(hub, image) for image in hub.images}
    images = {key: reference for key, reference in pinned.items() if reference}
    bases = list(dict.fromkeys(image.base.reference for image in hub.images))
    asked = list(dict.fromkeys((*images.values(), *bases)))
    with Pool() as pool:
        answers = pool.submit(docker.inspect_all, asked)
        repository = open_repository(hub)
        index = repository.index()
        release = index.releases.get(hub.requirement.version)
        stored = _stored(bases)
        return World(repository, index, release, images, dict(zip(asked, answers.result(), strict=True)), stored)


def _stored(bases: Sequence[Reference]) -> dict[Reference, FoundImage]:
    """Return what the engine has of the base images; one that hangs has none, and is named."""
    try:
        return docker.local_all(bases)
    except TooSlow as slow:
        output.say(
            f"The Docker engine does not answer ({slow.what}): pins are not compared with the base image's packages"
        )
        return {}


def world_problems(hub: Hub, world: World) -> Iterator[Problem]:
    """Yield what the hub repository and the world outside do not agree on, as far as that answered."""
    yield from _release_problems(hub, world)
    shipped = docker.packages_in(list(world.stored))
    for image in hub.images:
        yield from _image_problems(hub, world, image)
        yield from pin_problems(hub, image, shipped.get(image.base.reference, {}))


def _release_problems(hub: Hub, world: World) -> Iterator[Problem]:
    if world.release is None:
        yield Problem(
            Code.RELEASE_UNKNOWN,
            f"{hub.requirement_file}:{hub.requirement.line}",
            f"the Helm repository has no {hub.requirement.name} {hub.requirement.version}",
            f"{DOOR} bump",
        )
        yield from differing_base_problems(hub)
        return
    released = world.repository.hub_image(world.release)
    for image in hub.images:
        if image.base.reference.tag not in (None, released.tag):
            yield base_problem(hub, image, str(released.tag))
    try:
        chart_values = world.repository.values(world.release)
    except Unreachable:
        return
    yield from override_problems(hub, chart_values)


def _image_problems(hub: Hub, world: World, image: HubImage) -> Iterator[Problem]:
    pinned = world.own(image)
    if pinned is None:
        return
    answer = world.answers[pinned]
    if isinstance(answer, Fault):
        return
    place = hub.values_places(image)[0]
    where = f"{place.file}:{image_at(hub.require(place.file), place.path, place.file).line}"
    if answer is None:
        message = f"the registry does not have {pinned}"
        yield Problem(Code.NOT_IN_REGISTRY, where, message, f"{DOOR} build")
        return
    wanted = {short_platform(one) for one in hub.settings.platform.split(",")} - image.spec.skip_platforms
    missing = sorted(wanted - set(answer.platforms))
    if missing:
        message = f"{pinned} is for {', '.join(answer.platforms)}, not for {missing[0]}"
        yield Problem(Code.PLATFORM, where, message, f"{DOOR} build --force")
    elif not _is_built_on(answer, image, world.answers.get(image.base.reference)):
        message = f"{pinned} is not built on {image.base.reference}, which {image.dockerfile} names"
        yield Problem(Code.WRONG_BASE, where, message, f"{DOOR} build, then {DOOR} commit")
    elif not names_commit(hub.settings.tag):
        yield from _content_problems(hub, world, image, where)


def _content_problems(hub: Hub, world: World, image: HubImage, where: str) -> Iterator[Problem]:
    """Yield that a tag names another content than today's. Files alone do not tell: the base image belongs to it."""
    pinned, current = world.images[image.spec.key].tag, world.current_tag(hub, image)
    if current not in (None, pinned):
        yield stale_problem(where, str(pinned), str(current))


def _is_built_on(found: FoundImage, image: HubImage, base: docker.Answer) -> bool:
    """Whether an image is built on the base that its Dockerfile names: its label tells, and the layers do.

    Where the base's registry gives no answer, an image without that label gets the benefit of the doubt.
    """
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
