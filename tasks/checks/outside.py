"""What is inconsistent between a hub repository and the Helm repository, the registries and the base image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..core.faults import DOOR, Denied, Fault, ProgramFailed, Unreachable
from ..core.names import Reference, short_platform
from ..core.options import ReleaseOptions
from ..core.problems import Code, Findings, Problem, Severity, Unchecked
from ..core.settings import Settings
from ..core.yaml_tree import Data
from ..image.proof import LABEL, base_label, is_out_of_reach
from ..image.tag import names_commit
from ..releases.index import Index, newest
from ..releases.notes import CHANGELOG, fixes_between, known
from ..releases.versions import order, parse_version
from ..repo.hub import Hub, HubImage
from ..repo.named_images import NamedImage, lines_of, named_images
from ..review.branches import Outlook
from ..review.release import foreseen_refusal
from ..tools.cosign import PROGRAM, Signature, require_public_key, signature_of
from ..tools.process import require_installed
from ..tools.registry import FoundImage, ImageAnswer, inspect_all
from .files import (
    base_problem,
    differing_base_problems,
    file_problems,
    override_problems,
    stale_problem,
)
from .packages import package_problems
from .world import SeenImage, World, look


def find_problems(hub: Hub) -> Findings:
    """Return every inconsistency; raise the fault of the Helm repository or a registry of ours that does not answer."""
    world = look(hub)
    world.require_answers()
    return _findings(world)


class Survey(NamedTuple):
    """Where a release would begin, the world there, what is inconsistent, and what a release is refused for."""

    begin: Outlook
    world: World
    findings: Findings
    refusal: Fault | None


def survey(hub: Hub) -> Survey:
    """Look at the world outside where a release would begin, as far as it answers."""
    begin = Outlook.of(hub)
    world = look(begin.hub)
    return Survey(begin, world, _findings(world), foreseen_refusal(begin, world.index, ReleaseOptions()))


def _findings(world: World) -> Findings:
    hub = world.hub
    # Of these the image's label tells more than files and git.
    current = [one.image.spec.key for one in world.images if one.is_current or one.has_other_files]
    return Findings.of((*file_problems(hub, current), *_outside(world)), hub.settings.accept)


def security_problems(hub: Hub, index: Index) -> Iterator[Problem | Unchecked]:
    """Yield the security fixes that the pinned release lacks, of those of z2jh that ``index`` offers."""
    pinned, top = parse_version(hub.version), newest(index)
    if hub.requirement.name != Settings().dependency or not pinned or not top or not top.semver:
        return
    near = newest(index, range(pinned.major, pinned.major + 1))
    reached = near.semver if near and near.semver and order(near.semver) > order(pinned) else pinned
    ours, beyond = fixes_between(pinned, reached), fixes_between(reached, top.semver)
    where, what = f"{hub.requirement_file}:{hub.requirement.line}", f"{hub.requirement.name} {hub.version}"
    date = known().date
    further = [fix for fix in beyond if fix not in ours]
    for fixes, version, flag in (
        (ours, f"{reached}", f"--to {reached}"),
        (further, f"{top.version}, a newer major version", "--major"),
    ):
        if fixes:
            message = f"{what} lacks security fixes of {version}: {', '.join(fixes)} (known as of {date})"
            yield Problem(Code.SECURITY, where, message, f"{DOOR} bump {flag}", Severity.WARNING)
    published = (top.created or "")[: len(date)]
    if published > date and order(top.semver) > order(pinned):
        what = f"whether {top.version}, of {published}, fixes vulnerabilities"
        message = f"{what} is not known: the list of fixes is of {date}"
        yield Unchecked(message, f"read {CHANGELOG}, or install a newer hubpress")


def _outside(world: World) -> Iterator[Problem | Unchecked]:
    hub = world.hub
    if world.fault:
        yield _unanswered("the chart's releases", world.fault)
    chart_values: Data | Unreachable = None
    try:
        if world.repository and world.release:
            chart_values = world.repository.values(world.release)
    except Unreachable as unanswered:
        chart_values = unanswered
    named = [*dict.fromkeys(named_images(hub, None if isinstance(chart_values, Fault) else chart_values))]
    if world.index:
        yield from _release_problems(world, chart_values, named)
        yield from security_problems(hub, world.index)
    for seen in world.images:
        yield from _image_problems(seen)
    yield from _other_image_problems(hub, named, world.answers)
    yield from package_problems(hub, world.answers)


def _release_problems(
    world: World, chart_values: Data | Unreachable, named: Sequence[NamedImage]
) -> Iterator[Problem | Unchecked]:
    hub = world.hub
    requirement = hub.requirement
    if world.release is None:
        here, where = world.newest_here(), f"{hub.requirement_file}:{requirement.line}"
        to = "" if world.next() or not here else f" --to {here}"
        message = f"the Helm repository has no {requirement.name} {hub.version}"
        yield Problem(Code.RELEASE_UNKNOWN, where, message, f"{DOOR} bump{to}")
        yield from differing_base_problems(hub)
        return
    released = world.released_base
    for image in hub.images:
        if released and image.base.reference.tag not in (None, released.tag):
            yield base_problem(hub, image, str(released.tag))
    if isinstance(chart_values, Unreachable):
        yield _unanswered(f"the images of {requirement.name} {hub.version}", chart_values)
        return
    yield from override_problems(hub, named, chart_values)
    for refusal, names in world.refused.items():
        values = f"the values of {', '.join(names)}" if names else "the values"
        if isinstance(refusal, Fault):
            yield _unanswered(f"whether {requirement.name} {hub.version} takes {values}", refusal)
        elif refusal.code is Code.INVALID:
            yield refusal._replace(message=f"{requirement.name} {hub.version} refuses {values}: {refusal.message}")
        else:
            yield refusal


def _image_problems(seen: SeenImage) -> Iterator[Problem | Unchecked]:
    hub, image, pinned = seen.hub, seen.image, seen.own
    if pinned is None:
        return
    answer = seen.answers[pinned]
    if isinstance(answer, Fault):
        yield _unanswered(str(pinned), answer)
        return
    where, *also = lines_of(hub, image)
    if answer is None:
        message = f"the registry does not have {pinned}"
        yield Problem(Code.NOT_IN_REGISTRY, where, message, f"{DOOR} build", also=tuple(also))
        return
    yield from _digest_problems(seen, pinned, answer)
    yield from _signature_problems(hub, pinned, answer, where)
    wanted = {short_platform(one) for one in hub.settings.platform.split(",")} - image.spec.skip_platforms
    missing = sorted(wanted - set(answer.platforms))
    if missing:
        message = f"{pinned} is for {', '.join(answer.platforms)}, not for {missing[0]}"
        yield Problem(Code.PLATFORM, where, message, f"{DOOR} build --force")
    else:
        yield from _base_problems(seen, pinned, answer, where)
    if seen.has_other_files and pinned.tag == seen.computed_tag:
        message = f"{pinned} was built from other files, and hub.tag gives today's the same tag"
        hint = f"put {{commit}} into hub.tag, or overwrite it: {DOOR} build --force"
        yield Problem(Code.TAG_STALE, where, message, hint)
    # Files alone do not tell that a tag names other content than today's: the base image belongs to it.
    by_content = not missing and pinned.tag and not names_commit(hub.settings.tag)
    if by_content and seen.computed_tag not in (None, pinned.tag):
        yield stale_problem(where, str(pinned.tag), str(seen.computed_tag))


def _other_image_problems(
    hub: Hub, named: Sequence[NamedImage], known: Mapping[Reference, ImageAnswer]
) -> Iterator[Problem | Unchecked]:
    """Yield the missing ones among the images that the values name, other than the hub's own and ``known`` ones."""
    own = {line for image in hub.images for line in lines_of(hub, image)}
    others = [one for one in named if one.where not in own and one.reference not in known]
    answers = _ask(dict.fromkeys(other.reference for other in others))
    for other in others:
        answer = answers[other.reference]
        # What cannot be used as a hub image, like an index with doubled platforms, is there all the same.
        if isinstance(answer, Fault) and (is_out_of_reach(answer) or isinstance(answer, Denied)):
            yield _unanswered(str(other.reference), answer)
        elif answer is None:
            message = f"{other.path} names {other.reference}, which its registry does not have"
            look = f"docker buildx imagetools inspect {other.reference}"
            yield Problem(Code.IMAGE_MISSING, other.where, message, f"push it, or name an existing one; {look}")


def _ask(references: Iterable[Reference]) -> dict[Reference, ImageAnswer]:
    """Ask the registries side by side; of one that is out of reach for its first image no other is asked for."""
    wanted = list(references)
    firsts = {one.host: one for one in reversed(wanted)}
    answers = inspect_all(firsts.values())
    away = {one.host: answer for one, answer in answers.items() if is_out_of_reach(answer)}
    answers.update(inspect_all(one for one in wanted if one not in answers and one.host not in away))
    return {one: answers[one] if one in answers else away[one.host] for one in wanted}


def _digest_problems(seen: SeenImage, own: Reference, tagged: FoundImage) -> Iterator[Problem | Unchecked]:
    for where, pinned in seen.digests:
        answer = seen.answers[pinned]
        if isinstance(answer, Fault):
            yield _unanswered(str(pinned), answer)
        elif answer is None:
            message = f"the registry does not have {pinned._replace(tag=None)}"
            yield Problem(Code.NOT_IN_REGISTRY, where, message, f"{DOOR} build")
        elif own.tag and any(tagged.platforms.get(name) != one for name, one in answer.platforms.items()):
            message = f"{pinned.digest} is pinned, but the registry has {tagged.digest} as {own.tag}"
            yield Problem(Code.DIGEST, where, message, f"{DOOR} build, then {DOOR} commit")


def _base_problems(seen: SeenImage, pinned: Reference, found: FoundImage, where: str) -> Iterator[Problem | Unchecked]:
    image = seen.image
    wanted = image.base.reference
    # The digest that the base's tag had then, by the image's label; none where FROM pins one.
    labels = [one.labels for one in found.platforms.values() if wanted.digest is None]
    digests = [one.get(f"{LABEL}base.digest") for one in labels if one.get(f"{LABEL}base.name") == base_label(wanted)]
    digest = next(filter(None, digests), None)
    base = seen.answers[wanted]
    if isinstance(base, FoundImage) and digest and base.digest not in (None, digest):
        message = f"{wanted} is {base.digest} now, and {pinned} was built on {digest}"
        # A tag that names the content is another one on another base.
        force = " --force" if names_commit(seen.hub.settings.tag) else ""
        at = f"{image.dockerfile}:{image.base.line}"
        yield Problem(Code.BASE_MOVED, at, message, f"{DOOR} build{force}", Severity.WARNING)
    elif not _is_built_on(found, image, base):
        message = f"{pinned} is not built on {wanted}, which {image.dockerfile} names"
        # A tag that stays is there already.
        hint = f"{DOOR} build --force" if pinned.tag == seen.computed_tag else f"{DOOR} build, then {DOOR} commit"
        yield Problem(Code.WRONG_BASE, where, message, hint)
    elif base is None:
        message = f"whether {pinned} is built on {wanted}: the registry does not have that"
        yield Unchecked(message, f"{DOOR} bump, or fix {image.dockerfile}")
    elif isinstance(base, Fault):
        yield _unanswered(f"whether {pinned} is built on {wanted}", base)


def _signature_problems(hub: Hub, pinned: Reference, found: FoundImage, where: str) -> Iterator[Problem | Unchecked]:
    key = hub.settings.verify
    if key is None:
        return
    public = require_public_key(key, hub.git.folder)
    try:
        require_installed(PROGRAM)
        signature = signature_of(pinned.name, found.digests, public, hub.git.folder, log=hub.settings.public_log)
    except ProgramFailed as fault:
        yield Unchecked(f"the signature of {pinned}: {fault.what}", fault.hint)
        return
    sign = f"{DOOR} build" if hub.settings.sign else f"cosign sign --recursive --key KEY {pinned.name}@{found.digest}"
    if signature is Signature.MISSING:
        yield Problem(Code.UNSIGNED, where, f"{pinned} is not signed", sign)
    if signature is Signature.OF_ANOTHER_KEY:
        message = f"{pinned} has no signature that {key} verifies"
        yield Problem(Code.WRONG_SIGNATURE, where, message, f"find out who signed it, then: {sign}")


def _unanswered(what: str, fault: Fault) -> Unchecked:
    return Unchecked(what, fault.hint, fault.told)


def _is_built_on(found: FoundImage, image: HubImage, base: ImageAnswer) -> bool:
    """Whether an image's label and layers are of the base that its Dockerfile names, as far as the registries tell."""
    wanted = base_label(image.base.reference)
    for platform, ours in found.platforms.items():
        named = ours.labels.get(f"{LABEL}base.name")
        if named is not None and named != wanted:
            return False
        theirs = base.platforms.get(platform) if isinstance(base, FoundImage) else None
        if theirs is not None and ours.layers[: len(theirs.layers)] != theirs.layers:
            return False
    return True
