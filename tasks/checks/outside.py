"""Inconsistencies between a hub repository and the Helm repository, the registries and the base image."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..core.faults import CLI, Fault, ProgramFailed, Refused, Unreachable, Unusable
from ..core.names import Reference, platforms_left, short_platform
from ..core.options import ReleaseOptions
from ..core.problems import Code, Finding, Findings, Problem, Severity, Unchecked
from ..core.settings import Settings
from ..core.yaml_tree import Data
from ..image.build import LABEL, Answers, base_label, base_of, is_of_another_commit, label_of
from ..image.inputs import inputs_hash, source_tree
from ..image.tag import ImageName, depends_on, name_image, names_commit
from ..releases.index import Index, Release, choose, newest
from ..releases.notes import CHANGELOG, fixes_between, known
from ..releases.repository import HelmRepository
from ..releases.versions import order, parse_version
from ..repo.deployments import NamedImage, has_deployments, named_images
from ..repo.hub import Hub, HubImage
from ..review.branches import Start, expected_start
from ..review.release import expected_release
from ..review.rendering import refused_values
from ..tools.cosign import PROGRAM, Signature, require_public_key, signature_of
from ..tools.process import Pool, require_installed, result_of
from ..tools.registry import FoundImage, ImageAnswer, inspect_all
from .files import base_problems, file_problems, override_problems, stale_problem
from .packages import package_problems


@dataclass(frozen=True)
class Releases:
    """The Helm repository's data on the pinned release and newer ones; None if unknown.

    Attributes:
        index: its index, or the last one that was fetched if it does not answer (``fault``).
        pinned, base, values: the pinned release, its hub image, and its chart's values or why they cannot be read.
        newest, newest_pre: the newest stable version; the same including alphas, betas and release candidates.
        next: the version that a release would move to; None also if it would stay.
        here: the newest stable version of the pinned major version, maybe the pinned one; else of all.
    """

    index: Index | None
    fault: Fault | None
    pinned: Release | None = None
    base: Reference | None = None
    values: Data | Unreachable = None
    newest: str | None = None
    newest_pre: str | None = None
    next: str | None = None
    here: str | None = None


class SeenImage(NamedTuple):
    """The state of one of the hub's images, and what a build would do with it now.

    Attributes:
        pinned_tag: the tag that the values name, else the digest.
        own: the image that the values name, if it is in the image's repository.
        digests: the images that the values pin by digest, by file and line.
        in_registry: whether its registry has the image in the values, else the one of a build; None if unknown.
        tag: the tag of a build now; None if unknown.
        same_inputs: whether its label has the inputs of a build now, whatever its tag; None without a label, and if
            other inputs would change the tag.
        is_up_to_date: whether a build would leave it as it is; None if unknown.
    """

    image: HubImage
    pinned_tag: str | None
    own: Reference | None
    digests: Mapping[str, Reference]
    in_registry: bool | None
    tag: str | None
    same_inputs: bool | None
    is_up_to_date: bool | None


class World(NamedTuple):
    """The state outside the hub repository.

    Attributes:
        answers: the registries' answers about the hub's images and their base images.
        refused: the problems of the pinned chart with the values, or why they are unknown, with the deployments.
    """

    hub: Hub
    releases: Releases
    images: tuple[SeenImage, ...]
    answers: Answers
    refused: Mapping[Problem | Fault, tuple[str, ...]]


class Survey(NamedTuple):
    """Where a release would start, the world there, the findings, changed files, its bump's edits, and its refusal."""

    begin: Start
    world: World
    findings: Findings
    changed: tuple[str, ...]
    edits: list[str]
    refusal: Fault | None

    def moves_files_of(self, image: HubImage) -> bool:
        """Whether the bump would edit files that ``image`` is built from."""
        return depends_on(self.world.hub, image, self.edits)


def find_problems(hub: Hub) -> Findings:
    """Return all findings; raise the fault if the Helm repository or a registry of the hub's images fails."""
    world = _read_world(hub)
    for fault in (world.releases.fault, *(world.answers[one.own] for one in world.images if one.own)):
        if isinstance(fault, Fault):
            hint = f"{fault.hint}; or compare only files and git: {CLI} check --offline"
            raise type(fault)(fault.what, where=fault.where, hint=hint)
    return _findings(world)


def survey(hub: Hub) -> Survey:
    """Return the survey of where a release would start, as far as servers answer."""
    begin = expected_start(hub)
    world = _read_world(begin.hub)
    moved, refusal = expected_release(begin, world.releases.index, ReleaseOptions())
    changed = world.hub.changed
    edits = [path for path in moved.changed if path not in changed]
    return Survey(begin, world, _findings(world), changed, edits, refusal)


def _read_world(hub: Hub) -> World:
    """Ask the Helm repository and the registries in parallel."""
    read = [(image, *_named(hub, image)) for image in hub.images]
    references = [one for image in hub.images for one in (image.base.reference, _tagged(image))]
    for _, named, digests in read:
        references += [*filter(None, [named]), *digests.values()]
    with Pool() as pool:
        inspecting = pool.submit(inspect_all, references)
        releases = _read_releases(hub)
        refused = _refused(hub, releases)
        answers = result_of(inspecting)
    return World(hub, releases, tuple(_seen(hub, *one, answers) for one in read), answers, refused)


def _read_releases(hub: Hub) -> Releases:
    repository, index, fault, version = None, None, None, hub.version
    try:
        repository = HelmRepository.of(hub.settings, hub.helm_repository)
        index = repository.index()
    except Fault as silent:
        fault = silent
        with suppress(Fault):
            index = repository.kept_index() if repository else None
    if repository is None or index is None:
        return Releases(None, fault)
    values: Data | Unreachable = None
    pinned, base = hub.release_in(index), None
    if pinned:
        with suppress(Unreachable):
            base = repository.base_image(pinned)
        try:
            values = repository.values(pinned)
        except Unreachable as unanswered:
            values = unanswered
    parsed = parse_version(version)
    majors = range(parsed.major, parsed.major + 1) if parsed else range(sys.maxsize)
    stable, pre, near = (
        found and found.version for found in (newest(index), newest(index, pre=True), newest(index, majors))
    )
    to, here = version, version if pinned else near
    with suppress(Refused):
        choice = choose(index, hub.required_in(index))
        to, here = choice.release.version, (choice.beyond or choice.release).version
    return Releases(index, fault, pinned, base, values, stable, pre, None if to == version else to, here)


def _refused(hub: Hub, releases: Releases) -> Mapping[Problem | Fault, tuple[str, ...]]:
    if not hub.settings.preview or not has_deployments(hub) or not releases.pinned:
        return {}
    try:
        return refused_values(replace(hub, index=releases.index))
    except Fault as fault:
        return {fault: ()}


def _named(hub: Hub, image: HubImage) -> tuple[Reference | None, dict[str, Reference]]:
    """Return the image that the values name, and those that they pin by digest, by file and line.

    If no values file can name it, return the image that a build would make.
    """
    read = [one for one in hub.pinned(image).values() if one.image]
    named = [(one.where, Reference.parse(str(one.image), one.where)) for one in read]
    if named:
        # The first one with a tag, without its digest, else the first one.
        first = next((one._replace(digest=None) for _, one in named if one.tag), named[0][1])
        return first, {where: one for where, one in named if one.digest and one.same_repository(first)}
    if not hub.values_places(image) and image.spec.named is not None and names_commit(hub.settings.tag):
        with suppress(Refused, Unusable):
            return Reference(image.spec.named, name_image(hub, image).tag), {}
    return None, {}


def _seen(
    hub: Hub, image: HubImage, asked: Reference | None, digests: dict[str, Reference], answers: Answers
) -> SeenImage:
    """Return the state of an image, given the reference that its registry was ``asked`` for.

    The inputs are compared on the base that the image was built on: one whose tag has moved since does not change them.
    """
    named = asked if hub.values_places(image) else None
    own = asked if asked and asked.same_repository(Reference(image.spec.name)) else None
    answer = answers[asked] if asked else None
    in_registry = None if asked is None or isinstance(answer, Fault) else answer is not None
    found = answer if own and named and isinstance(answer, FoundImage) and label_of(answer) else None
    base, name, inputs, same_inputs = answers[image.base.reference], None, None, None
    with suppress(Refused, Unreachable, Unusable):
        if names_commit(hub.settings.tag):
            name = name_image(hub, image)
            if found:
                bases = {one.labels.get(f"{LABEL}base.digest", "") for one in found.platforms.values()}
                inputs = _inputs(hub, image, "".join(bases), name)
        else:
            identity = base_of(image, base, stored=False).identity
            name = name_image(hub, image, _inputs(hub, image, identity))
    tag = name.tag if name else None
    if found and label_of(found) == inputs:
        same_inputs = True
    elif found and name and own and own.tag == tag:
        same_inputs = False if is_of_another_commit(hub, found, name, base) else None
    is_up_to_date: bool | None = tag == own.tag if own else False
    if own is None or answer is None or same_inputs is False or depends_on(hub, image, hub.changed):
        is_up_to_date = False
    elif own.tag is None:
        is_up_to_date = bool(same_inputs)
    # If no values name the image, only its registry shows whether it was built.
    elif tag is None or (named is None and not in_registry):
        is_up_to_date = None
    pinned, own = (named.tag or named.digest, own) if named else (None, None)
    return SeenImage(image, pinned, own, digests, in_registry, tag, same_inputs, is_up_to_date)


def _inputs(hub: Hub, image: HubImage, base: str, name: ImageName | None = None) -> str:
    """Return the hash of a build's inputs on ``base``; ``name`` is for a tag that contains a commit."""
    platform = platforms_left(hub.settings.platform, image.spec.skip_platforms)
    with source_tree(hub, [image], name and name.revision) as tree:
        return inputs_hash(hub, image, tree, base, platform, name)


def _findings(world: World) -> Findings:
    hub = world.hub
    # The labels of these images show more than files and git do.
    labelled = [one.image.spec.key for one in world.images if one.same_inputs is not None]
    return Findings.of((*file_problems(hub, labelled), *_outside(world)), hub.settings.accept)


def _outside(world: World) -> Iterator[Finding]:
    hub, releases = world.hub, world.releases
    if releases.fault:
        yield _unanswered("the chart's releases", releases.fault)
    chart_values = None if isinstance(releases.values, Fault) else releases.values
    named = [*dict.fromkeys(named_images(hub, chart_values))]
    if releases.index:
        yield from _release_problems(world, named)
        yield from security_problems(hub, releases.index)
    for seen in world.images:
        answer = world.answers[seen.own] if seen.own else None
        if isinstance(answer, Fault):
            yield _unanswered(str(seen.own), answer)
        elif seen.own:
            yield from _image_problems(world, seen, seen.own, answer)
    yield from _other_image_problems(hub, named, world.answers)
    yield from package_problems(hub, world.answers)


def _release_problems(world: World, named: Sequence[NamedImage]) -> Iterator[Finding]:
    hub, releases, requirement = world.hub, world.releases, world.hub.requirement
    chart, where = f"{requirement.name} {hub.version}", f"{hub.requirement_file}:{requirement.line}"
    if releases.pinned is None:
        to = "" if releases.next or not releases.here else f" --to {releases.here}"
        yield Problem(Code.RELEASE_UNKNOWN, where, f"the Helm repository has no {chart}", f"{CLI} bump{to}")
        yield from base_problems(hub, None)
        return
    if releases.base:
        yield from base_problems(hub, releases.base.tag)
    if isinstance(releases.values, Unreachable):
        yield _unanswered(f"the images of {chart}", releases.values)
        return
    yield from override_problems(hub, named, releases.values)
    for refusal, names in world.refused.items():
        values = f"the values of {', '.join(names)}" if names else "the values"
        if isinstance(refusal, Fault):
            yield _unanswered(f"whether {chart} takes {values}", refusal)
        elif refusal.code is Code.INVALID:
            yield refusal._replace(message=f"{chart} refuses {values}: {refusal.message}")
        else:
            yield refusal


def security_problems(hub: Hub, index: Index) -> Iterator[Finding]:
    """Yield the security fixes of z2jh that the pinned release lacks and releases in ``index`` have."""
    found, top = hub.release_in(index), newest(index)
    here = found.version if found else hub.version
    pinned = parse_version(here)
    if hub.requirement.name != Settings().dependency or not pinned or not top or not top.semver:
        return
    near = newest(index, range(pinned.major, pinned.major + 1))
    reached = near.semver if near and near.semver and order(near.semver) > order(pinned) else pinned
    same_major = fixes_between(pinned, reached)
    further = [fix for fix in fixes_between(reached, top.semver) if fix not in same_major]
    where, date = f"{hub.requirement_file}:{hub.requirement.line}", known().date
    for fixes, version, flag in (
        (same_major, f"{reached}", f"--to {reached}"),
        (further, f"{top.version}, a newer major version", "--major"),
    ):
        if fixes:
            lacks = f"lacks security fixes of {version}: {', '.join(fixes)} (known as of {date})"
            message = f"{hub.requirement.name} {here} {lacks}"
            yield Problem(Code.SECURITY, where, message, f"{CLI} bump {flag}", Severity.WARNING)
    published = (top.created or "")[: len(date)]
    if published > date and order(top.semver) > order(pinned):
        what = f"whether {top.version}, of {published}, fixes vulnerabilities"
        message = f"{what} is not known: the list of fixes is of {date}"
        yield Unchecked(message, f"read {CHANGELOG}, or install a newer hubpress")


def _image_problems(world: World, seen: SeenImage, own: Reference, found: FoundImage | None) -> Iterator[Finding]:
    hub, image = world.hub, seen.image
    where, *also = (one.where for one in hub.pinned(image).values())
    if found is None:
        message = f"the registry does not have {own}"
        yield Problem(Code.NOT_IN_REGISTRY, where, message, hub.pushing("build"), also=tuple(also))
        return
    for place, pinned in seen.digests.items():
        answer = world.answers[pinned]
        if isinstance(answer, Fault):
            yield _unanswered(str(pinned), answer)
        elif answer is None:
            message = f"the registry does not have {pinned._replace(tag=None)}"
            yield Problem(Code.NOT_IN_REGISTRY, place, message, hub.pushing("build"))
        elif own.tag and any(found.platforms.get(name) != one for name, one in answer.platforms.items()):
            message = f"{pinned.digest} is pinned, but the registry has {found.digest} as {own.tag}"
            yield Problem(Code.DIGEST, place, message, f"{hub.pushing('build')}, then {CLI} commit")
    if hub.settings.verify is not None:
        yield from _signature_problems(hub, hub.settings.verify, own, found, where)
    wanted = {short_platform(one) for one in hub.settings.platform.split(",")} - image.spec.skip_platforms
    missing = sorted(wanted - set(found.platforms))
    if missing:
        message = f"{own} is for {', '.join(found.platforms)}, not for {missing[0]}"
        yield Problem(Code.PLATFORM, where, message, hub.pushing("build --force"))
    else:
        yield from _base_problems(world, seen, own, found, where)
    if seen.same_inputs is False and own.tag == seen.tag:
        message = f"{own} was built from other files, and today's have the same tag"
        hint = f"give today's files another tag, or overwrite it: {hub.pushing('build --force')}"
        yield Problem(Code.TAG_STALE, where, message, hint)
    # The base image is part of the content in a tag: files alone do not show that such a tag is stale.
    by_content = not missing and own.tag and not names_commit(hub.settings.tag)
    if by_content and seen.tag not in (None, own.tag):
        yield stale_problem(hub, where, str(own.tag), str(seen.tag))


def _tagged(image: HubImage) -> Reference:
    base = image.base.reference
    return base._replace(digest=None) if base.tag else base


def _base_problems(world: World, seen: SeenImage, own: Reference, found: FoundImage, where: str) -> Iterator[Finding]:
    hub, image = world.hub, seen.image
    wanted, base, tagged = image.base.reference, world.answers[image.base.reference], world.answers[_tagged(image)]
    # The base image's digest that FROM pins, or at the time of the build, by the label.
    labels = [one.labels for one in found.platforms.values()]
    digests = [one.get(f"{LABEL}base.digest") for one in labels if one.get(f"{LABEL}base.name") == base_label(wanted)]
    digest = wanted.digest or next(filter(None, digests), None)
    now = tagged.digests if isinstance(tagged, FoundImage) and tagged.digest else ()
    if digest and now and digest not in now and (wanted.digest is None or _is_built_on(found, image, base)):
        pins = f"{image.dockerfile} pins" if wanted.digest else f"{own} was built on"
        message = f"{_tagged(image)} is {now[0]} now, and {pins} {digest}"
        # A tag that contains the content changes with the base image.
        force = " --force" if names_commit(hub.settings.tag) else ""
        hint = f"{CLI} bump --to {hub.version}" if wanted.digest else hub.pushing(f"build{force}")
        yield Problem(Code.BASE_MOVED, f"{image.dockerfile}:{image.base.line}", message, hint, Severity.WARNING)
    elif not _is_built_on(found, image, base):
        message = f"{own} is not built on {wanted}, which {image.dockerfile} names"
        # A tag that stays the same exists already.
        hint = hub.pushing("build --force") if own.tag == seen.tag else f"{hub.pushing('build')}, then {CLI} commit"
        yield Problem(Code.WRONG_BASE, where, message, hint)
    elif base is None:
        message = f"whether {own} is built on {wanted}: the registry does not have that"
        yield Unchecked(message, f"{CLI} bump, or fix {image.dockerfile}")
    elif isinstance(base, Fault):
        yield _unanswered(f"whether {own} is built on {wanted}", base)


def _is_built_on(found: FoundImage, image: HubImage, base: ImageAnswer) -> bool:
    """Whether an image's label and layers match the base in its Dockerfile, as far as the registries answer."""
    wanted = base_label(image.base.reference)
    for platform, built in found.platforms.items():
        under = base.platforms.get(platform) if isinstance(base, FoundImage) else None
        layers = under.layers if under else ()
        if built.labels.get(f"{LABEL}base.name", wanted) != wanted or built.layers[: len(layers)] != layers:
            return False
    return True


def _signature_problems(hub: Hub, key: str, own: Reference, found: FoundImage, where: str) -> Iterator[Finding]:
    public = require_public_key(key, hub.git.folder)
    try:
        require_installed(PROGRAM)
        signature = signature_of(own.name, found.digests, public, hub.git.folder, log=hub.settings.public_log)
    except ProgramFailed as fault:
        yield Unchecked(f"the signature of {own}: {fault.what}", fault.hint)
        return
    sign = hub.pushing("build") if hub.settings.sign else f"cosign sign --recursive --key KEY {own.name}@{found.digest}"
    if signature is Signature.MISSING:
        yield Problem(Code.UNSIGNED, where, f"{own} is not signed", sign)
    if signature is Signature.OF_ANOTHER_KEY:
        message = f"{own} has no signature that {key} verifies"
        yield Problem(Code.WRONG_SIGNATURE, where, message, f"find out who signed it, then: {sign}")


def _other_image_problems(hub: Hub, named: Sequence[NamedImage], known: Answers) -> Iterator[Finding]:
    """Yield the missing images among those that the values name, except the hub's and the ``known`` ones."""
    own = {one.where for image in hub.images for one in hub.pinned(image).values()}
    others = [one for one in named if one.where not in own and one.reference not in known]
    answers = inspect_all(other.reference for other in others)
    for other in others:
        answer = answers[other.reference]
        # Other faults are about images that exist, like an index with duplicate platforms.
        if isinstance(answer, Unreachable):
            yield _unanswered(str(other.reference), answer)
        elif answer is None:
            message = f"{other.path} names {other.reference}, which its registry does not have"
            command = f"docker buildx imagetools inspect {other.reference}"
            yield Problem(Code.IMAGE_MISSING, other.where, message, f"push it, or name an existing one; {command}")


def _unanswered(what: str, fault: Fault) -> Unchecked:
    return Unchecked(what, fault.hint, fault.text)
