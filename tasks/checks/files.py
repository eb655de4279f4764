"""What is inconsistent in the files, and between them and git: fit for a pre-commit hook."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import Enum
from typing import NamedTuple

from ..core.faults import DOOR, Refused
from ..core.names import Reference
from ..core.visible import one_line
from ..image.build import arguments_of
from ..image.inputs import sources_of
from ..image.tag import HEAD, history_of, name_image, names_commit
from ..image.tree import Tree
from ..releases.versions import allows, is_range, parse_version
from ..repo.chart import requirements
from ..repo.files import join
from ..repo.hub import Hub, HubImage, ValuesPlace
from ..repo.pins import Kind, Lock
from ..repo.values import image_at


class Code(str, Enum):
    """The kinds of problems; their values are what scripts rely on."""

    BASE = "base-not-of-release"
    BASES_DIFFER = "base-images-differ"
    REQUIREMENTS_DIFFER = "requirements-differ"
    RELEASE_UNKNOWN = "release-unknown"
    LOCK = "lock-differs"
    COPIES = "chart-copies-differ"
    PIN = "pin-differs"
    VALUES_EMPTY = "values-empty"
    VALUES_NAME = "values-name-differs"
    VALUES_DIFFER = "values-differ"
    TAG_STALE = "values-tag-stale"
    COMMIT_GONE = "values-commit-gone"
    NOT_IN_REGISTRY = "tag-not-in-registry"
    PLATFORM = "wrong-platform"
    WRONG_BASE = "wrong-base"
    OVERRIDE = "image-override"
    OLD_PIN = "pin-older-than-base"


class Problem(NamedTuple):
    """One inconsistency.

    Attributes:
        code: its kind.
        path: the file to fix, relative to the repository's top; ``path:line`` where a line is known.
        message: what is wrong, in one clause.
        hint: how to fix it.
    """

    code: Code
    path: str
    message: str
    hint: str

    def report(self) -> dict[str, str]:
        """Return its part of the JSON report."""
        return {**self._asdict(), "code": self.code.value}

    def __str__(self) -> str:
        return f"{one_line(f'{self.path}: {self.message}')} [{self.code.value}]\n  hint: {one_line(self.hint)}"


_CODES = {Kind.COPY: Code.COPIES, Kind.PIN: Code.PIN}
# chartpress ends a tag in `.h<commit>`, in older versions after `n<commits>`.
_COMMIT = re.compile(r"(?:\.|-n\d+\.)h(?P<commit>[0-9a-f]{6,40})$")
# What may be a commit in a tag of any template.
_HEXADECIMAL = re.compile(r"[0-9a-f]{6,64}")


def file_problems(hub: Hub, current: Collection[str] = ()) -> Iterator[Problem]:
    """Yield what is inconsistent in the files, and between them and git's history.

    Args:
        hub: the hub repository.
        current: the keys of the images whose labels name the inputs of HEAD, whatever commit their tags name.
    """
    yield from _requirement_problems(hub)
    yield from _pin_problems(hub)
    yield from _values_problems(hub, current)


def known_base_problems(hub: Hub) -> Iterator[Problem]:
    """Yield the base images that are not their release's, as far as that is known without the index.

    A stable release's hub image has the release's tag. A development build's mostly has another, which only the index
    knows: there the images are compared with each other.
    """
    version = parse_version(hub.version)
    if version is None or version.prerelease or is_range(hub.version):
        yield from differing_base_problems(hub)
        return
    for image in hub.images:
        if image.base.reference.tag not in (None, hub.version):
            yield base_problem(hub, image, hub.version)


def differing_base_problems(hub: Hub) -> Iterator[Problem]:
    """Yield the base images whose tag is not that of the first one."""
    tagged = [image for image in hub.images if image.base.reference.tag is not None]
    for image in tagged[1:]:
        if image.base.reference.tag != tagged[0].base.reference.tag:
            yield Problem(
                Code.BASES_DIFFER,
                f"{image.dockerfile}:{image.base.line}",
                f"the base image is {image.base.reference}, but {tagged[0].dockerfile} has {tagged[0].base.reference}",
                f"{DOOR} bump --to {hub.version}",
            )


def base_problem(hub: Hub, image: HubImage, wanted: str) -> Problem:
    """Return the problem of a base image whose tag is not ``wanted``, the release's own."""
    requirement = f"{hub.requirement.name} {hub.decided}"
    return Problem(
        Code.BASE,
        f"{image.dockerfile}:{image.base.line}",
        f"the base image is {image.base.reference}, but {requirement} uses {wanted}",
        f"{DOOR} bump" if is_range(hub.decided) else f"{DOOR} bump --to {hub.version}",
    )


def _values_problems(hub: Hub, current: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with the images that the values name."""
    for image in hub.images:
        pinned: dict[str, str] = {}
        for place in hub.values_places(image):
            found = image_at(hub.require(place.file), place.path, place.file)
            where = f"{place.file}:{found.line}"
            if found.name is None or found.tag is None:
                yield from _empty_problem(hub, image, place, where)
                continue
            if not Reference(found.name).same_repository(Reference(image.spec.name)):
                message = f"{place.path} names {found.name}, but chartpress.yaml says {image.spec.name}"
                yield Problem(Code.VALUES_NAME, where, message, f"{DOOR} build")
                continue
            pinned[where] = found.tag
        if len(set(pinned.values())) > 1:
            where, tag = list(pinned.items())[-1]
            message = f"{image.spec.key} is pinned to {tag} here and to {next(iter(pinned.values()))} elsewhere"
            yield Problem(Code.VALUES_DIFFER, where, message, f"{DOOR} build")
        elif pinned and image.spec.key not in current:
            yield from _tag_problems(hub, image, *next(iter(pinned.items())))


def _empty_problem(hub: Hub, image: HubImage, place: ValuesPlace, where: str) -> Iterator[Problem]:
    """Yield the problem of values that name no image.

    Files of the image that wait to be committed make it none: the build comes after that commit, a hook before it.
    """
    if not hub.git.changed([join(hub.root, path) for path in image.spec.paths]):
        yield Problem(Code.VALUES_EMPTY, where, f"{place.path} names no image", f"{DOOR} build")


def _requirement_problems(hub: Hub) -> Iterator[Problem]:
    entries = [
        one
        for one in requirements(hub.require(hub.requirement_file), hub.requirement_file)
        if one.name == hub.requirement.name
    ]
    for entry in entries:
        if entry.version != entries[0].version:
            yield Problem(
                Code.REQUIREMENTS_DIFFER,
                f"{hub.requirement_file}:{entry.line}",
                f"{entry.name} stands at {entry.version} here and at {entries[0].version} above",
                "give all of them the same version",
            )


def _pin_problems(hub: Hub) -> Iterator[Problem]:
    """Yield the locks that their charts do not allow, and the other places that the hub's release does not fit."""
    for pin in hub.pins:
        found = pin.read(hub.files)
        where = f"{pin.files[0]}:{found.line}"
        if isinstance(pin, Lock):
            required = pin.chart.read(hub.files).text
            if not allows(required, found.text):
                message = f"the lock has {pin.name} {found.text}, the requirement {required}"
                yield Problem(Code.LOCK, where, message, pin.how_to_refresh(hub.files))
        elif pin.kind in _CODES and found.text != hub.requirement.version and not allows(found.text, hub.version):
            message = f"{pin.name} is at {found.text} here, and at {hub.requirement.version} in {hub.requirement_file}"
            yield Problem(_CODES[pin.kind], where, message, f"{DOOR} bump --to {hub.version}")


def _tag_problems(hub: Hub, image: HubImage, where: str, tag: str) -> Iterator[Problem]:
    if not names_commit(hub.settings.tag):
        return
    try:
        computed = name_image(hub, history_of(hub), image).tag
    except Refused as fault:
        yield Problem(Code.TAG_STALE, where, f"whether {tag} is current cannot be told: {fault.what}", fault.hint)
        return
    if tag == computed:
        return
    if any(_has_the_same_files(hub, image, commit, tag) for commit in _HEXADECIMAL.findall(tag)):
        return
    named = _COMMIT.search(tag)
    if named and not hub.git.ask("merge-base", "--is-ancestor", named["commit"], "HEAD").ok:
        message = f"the tag {tag} names a commit that is not in the history any more"
        yield Problem(Code.COMMIT_GONE, where, message, f"{DOOR} build, then {DOOR} commit")
        return
    yield stale_problem(where, tag, computed)


def _has_the_same_files(hub: Hub, image: HubImage, commit: str, tag: str) -> bool:
    """Whether a build of ``commit``, which ``tag`` names, has today's files too, as after a squash or rebase."""
    if not hub.git.ask("cat-file", "-e", f"{commit}^{{commit}}").ok:
        return False
    called = name_image(hub, history_of(hub), image)
    if arguments_of(hub, image, called) != arguments_of(hub, image, called._replace(tag=tag, commit=commit)):
        return False
    paths = (*sources_of(hub, image).all, hub.config_file)
    then, now = Tree(hub.git, commit), Tree(hub.git, called.revision or HEAD)
    return (then.objects(paths), then.attributes(paths)) == (now.objects(paths), now.attributes(paths))


def stale_problem(where: str, tag: str, computed: str) -> Problem:
    """Return the problem of a tag that the image's files do not make any more."""
    message = f"the tag is {tag}, but the image's files make {computed}"
    return Problem(Code.TAG_STALE, where, message, f"{DOOR} build, then {DOOR} commit")
