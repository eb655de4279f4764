"""Inconsistencies of the files: between them, with git, and with the pinned chart's values."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain

from ..core.faults import CLI, Refused
from ..core.names import Reference
from ..core.output import first_of
from ..core.problems import MOST_NAMED, Code, Finding, Findings, Problem, Severity, Unchecked
from ..core.settings import CHARTPRESS
from ..core.yaml_tree import Data, Malformed, child, text_under
from ..image.inputs import counted_paths, filled_in, uncounted_contexts
from ..image.tag import name_image, names_commit, tells_images_apart
from ..image.tree import Tree
from ..releases.versions import allows, is_range, parse_version
from ..repo.deployments import (
    NamedImage,
    faulty_files,
    how_to_move,
    other_charts,
    staying_installations,
    unmoved_images,
    unused_images,
)
from ..repo.edits import archives, to_commit
from ..repo.files import is_below, join
from ..repo.hub import Hub, HubImage, without_effect
from ..repo.pins import Lock
from ..repo.values import TAG_KEY
from ..tools.git import HEAD

# chartpress ends a tag in `.h<commit>`, in older versions after `n<commits>`.
_COMMIT = r"(?:\.|-n\d+\.)h(?P<commit>[0-9a-f]{6,40})$"
# What may be a commit in a tag of any template.
_HEXADECIMAL = r"[0-9a-f]{6,64}"


def find_problems_offline(hub: Hub) -> Findings:
    """Return the problems that the files and git show."""
    version = parse_version(hub.version)
    # Only the index has a development build's base image.
    is_stable = version is not None and not version.prerelease and not is_range(hub.version)
    bases = base_problems(hub, hub.version if is_stable and hub.layout.folder is not None else None)
    return Findings.of((*bases, *file_problems(hub)), hub.settings.accept)


def file_problems(hub: Hub, labelled: Collection[str] = ()) -> Iterator[Finding]:
    """Yield the problems in the files, and between them and git's history.

    Tags of the images with the keys ``labelled`` are not compared: their labels contain their inputs.
    """
    for found in (*without_effect(hub), *uncounted_contexts(hub)):
        yield Problem(Code.NO_EFFECT, *found, Severity.WARNING)
    yield from _image_file_problems(hub)
    # Other places are compared only if all requirements have the same version.
    yield from list(_requirement_problems(hub)) or (*_pin_problems(hub), *_staying_problems(hub))
    inputs = [path for image in hub.images for path in hub.paths_of(image)]
    uncommitted = hub.git.changed([*inputs, *hub.managed])
    for image in hub.images:
        yield from _values_problems(hub, image, uncommitted, compares=image.spec.key not in labelled)
    for key, path in unused_images(hub, hub.images).items():
        setting = f"valuesPath: {path}" if hub.layout.charts else f"values: [{path}]"
        message, hint = f"no values file uses {key}", f"add {setting} to {key} there"
        yield Problem(Code.VALUES_EMPTY, hub.layout.file, message, hint, Severity.WARNING)
    yield from _unmoved_problems(hub)
    for one in faulty_files(hub):
        if isinstance(one, Malformed):
            yield Problem(Code.NOT_YAML, str(one.where), one.what, one.hint)
        else:
            yield Unchecked(f"the images in {one.where}: {one.what}", one.hint)
    counted = (*(inputs if names_commit(hub.settings.tag) else ()), *hub.managed)
    if changed := [path for path in uncommitted if is_below(path, counted)]:
        message = f"the last commit: {first_of(changed, MOST_NAMED)} {'differ' if changed[1:] else 'differs'} from it"
        yield Unchecked(message, f"{to_commit(hub, changed)}; then check again")


def base_problems(hub: Hub, released: str | None) -> Iterator[Problem]:
    """Yield the base images whose tag is not ``released`` or, if that is unknown, not the first one's."""
    bases = [(image, image.base.reference) for image in hub.images]
    tagged = [(image, base, base.tag or "latest") for image, base in bases if base.tag or not base.digest]
    for image, base, tag in tagged:
        first, other, wanted = tagged[0]
        code, why, hint = Code.BASES_DIFFER, f"{first.dockerfile} has {other}", f"{CLI} bump --to {hub.version}"
        if released:
            code, wanted, why = Code.BASE, released, f"{hub.requirement.name} {hub.resolved_version} uses {released}"
            hint = f"{CLI} bump" if is_range(hub.resolved_version) else hint
        if tag != wanted:
            message = f"the base image is {base}, but {why}"
            yield Problem(code, f"{image.dockerfile}:{image.base.line}", message, hint)


def _image_file_problems(hub: Hub) -> Iterator[Problem]:
    """Yield the missing build contexts, and the Dockerfiles that use images of different releases."""
    file, key = hub.layout.file, "contextPath" if hub.layout.charts else "context"
    for spec in (image.spec for image in hub.images):
        place = join(hub.layout.root, spec.context)
        is_sparse = any(is_below(one, [place]) for one in hub.listing.absent)
        if not is_sparse and not os.path.lexists(hub.git.folder / place):
            message = f"{spec.key}: the build context {spec.context} does not exist"
            yield Problem(Code.CONTEXT_MISSING, file, message, f"correct {key} in {file}")
    for dockerfile, base in {image.dockerfile: image.base for image in hub.images}.items():
        if base.other:
            message = f"{base.other.reference} is used here, but line {base.line} has {base.reference}"
            where = f"{dockerfile}:{base.other.line}"
            yield Problem(Code.BASES_DIFFER, where, message, f"{CLI} bump --to {hub.version}")


def override_problems(hub: Hub, named: Iterable[NamedImage], chart_values: Data) -> Iterator[Problem]:
    """Yield the tags in the hub chart's values file that differ from those in z2jh's for the same image."""
    written = {place.path for place in hub.places}
    for one in named:
        prefix, *keys = one.path.split(".")
        if one.file != hub.values_file or one.path in written or prefix != hub.requirement.key:
            continue
        default = reduce(child, keys, chart_values)
        name, tag = text_under(default, "name"), text_under(default, TAG_KEY)
        if name and tag and one.reference.tag != tag and one.reference.same_repository(Reference(name)):
            chart = f"{hub.requirement.name} {hub.version}"
            message = f"{one.path}.{TAG_KEY} is {one.reference.tag}, but {chart} has {tag}"
            hint = f"remove it, or set {tag}; {Code.OVERRIDE.how_to_accept}"
            yield Problem(Code.OVERRIDE, one.where, message, hint, Severity.WARNING)


def _values_problems(hub: Hub, image: HubImage, uncommitted: Sequence[str], *, compares: bool) -> Iterator[Finding]:
    """Yield the problems with an image in the values: missing, another image, several tags, or a stale one."""
    pinned: dict[str, Reference] = {}
    for place, found in hub.pinned(image).items():
        if found.image is None:
            message, hint, severity = f"{place.path} names no image", hub.pushing("build"), Severity.FAULT
            if changed := [path for path in uncommitted if is_below(path, hub.paths_of(image))]:
                message += " yet: its files are not committed"
                hint, severity = f"{to_commit(hub, changed)}; then {hint}", Severity.WARNING
            yield Problem(Code.VALUES_EMPTY, found.where, message, hint, severity)
        elif not found.image.same_repository(Reference(image.spec.name)):
            message = f"{place.path} names {found.image.name}, but {hub.layout.file} says {image.spec.name}"
            yield Problem(Code.VALUES_NAME, found.where, message, hub.pushing("build"))
        else:
            pinned[found.where] = found.image
    if not pinned:
        return
    first, *more = pinned
    differing = [where for where in reversed(more) if _differ(pinned[where], pinned[first])]
    if differing:
        here, *also = differing
        tags = f"{_version(pinned[here])} here and to {_version(pinned[first])} elsewhere"
        message = f"{image.spec.key} is pinned to {tags}"
        yield Problem(Code.VALUES_DIFFER, here, message, hub.pushing("build"), also=tuple(also))
    elif compares:
        for finding in _tag_problems(hub, image, first, pinned[first]):
            yield finding._replace(also=tuple(more)) if isinstance(finding, Problem) else finding


def _unmoved_problems(hub: Hub) -> Iterator[Finding]:
    """Yield the places that no build writes, and that name a hub image with another or a stale tag."""
    unmoved = unmoved_images(hub)
    hint = f"take it out, or {how_to_move(hub, chain.from_iterable(unmoved.values()))}"
    for image in (image for image in hub.images if image.spec.key in unmoved):
        key, pinned = image.spec.key, [one.written.tag for one in hub.pinned(image).values()]
        for one in unmoved[key]:
            here = _version(one.reference)
            if not pinned:
                for found in _tag_problems(hub, image, one.where, one.reference):
                    what = found.message if isinstance(found, Problem) else f"the tag is {here}"
                    message = f"{what}; no build writes {key} here"
                    yield Problem(Code.VALUES_DIFFER, one.where, message, hint, Severity.WARNING)
            elif pinned[0] not in (None, one.reference.tag):
                message = f"{key} is pinned to {here} here and to {pinned[0]} elsewhere"
                yield Problem(Code.VALUES_DIFFER, one.where, message, hint, Severity.WARNING)


def _differ(one: Reference, other: Reference) -> bool:
    pairs = zip(one[1:], other[1:], strict=True)
    return any(first != second for first, second in pairs if first and second)


def _version(pinned: Reference) -> str:
    return "@".join(filter(None, (pinned.tag, pinned.digest)))


def _requirement_problems(hub: Hub) -> Iterator[Problem]:
    first = hub.requirement.version
    for one in (one for one in hub.requirements if one.version != first):
        message = f"{one.name} is at {one.version} here and at {first} above"
        where = f"{hub.requirement_file}:{one.line}"
        yield Problem(Code.REQUIREMENTS_DIFFER, where, message, "give all of them the same version")


def _pin_problems(hub: Hub) -> Iterator[Problem]:
    required = hub.requirement.version
    for pin in (*hub.pins, *hub.held_pins):
        found = pin.read(hub.files)
        where = f"{pin.file}:{found.line}"
        if isinstance(pin, Lock):
            of_chart = pin.chart.read(hub.files).text
            if not allows(of_chart, found.text):
                message = f"the lock has {pin.name} {found.text}, the requirement {of_chart}"
                yield Problem(Code.LOCK, where, message, pin.how_to_refresh(hub.files))
        elif pin.accepted_as and found.text != required and not allows(found.text, hub.version):
            message = f"{pin.name} is at {found.text} here, and at {required} in {hub.requirement_file}"
            yield Problem(pin.accepted_as, where, message, f"{CLI} bump --to {hub.version}")
    for path in archives(hub):
        version = path.rpartition(f"/{hub.requirement.name}-")[2].removesuffix(".tgz")
        if path.endswith(".tgz") and not allows(required, version):
            message = f"the archive is {hub.requirement.name} {version}, the requirement {required}"
            yield Problem(Code.LOCK, path, message, f"helm dependency update {hub.layout.folder}")


def _staying_problems(hub: Hub) -> Iterator[Problem]:
    """Yield the charts and installations of z2jh that a release does not move."""
    required = hub.requirement.version
    for one in other_charts(hub):
        if not allows(str(one.option), hub.version):
            message = f"{one.chart} is at {one.option} here, and a release does not move it"
            yield Problem(Code.PIN_STAYS, f"{one.file}:{one.line}", message, one.setting, Severity.WARNING)
    for one in staying_installations(hub):
        deployed = one.version or one.option or "whatever is the newest"
        where, message = f"{one.file}:{one.line}", f"helm deploys {hub.requirement.name} {deployed} here, and "
        if one.version and not allows(one.version, hub.version):
            message += f"{hub.requirement_file} has {required}"
            yield Problem(Code.PIN, where, message, f"to move both: {one.setting}")
        else:
            message += "a release does not move it"
            yield Problem(Code.PIN_STAYS, where, message, one.setting, Severity.WARNING)


def _tag_problems(hub: Hub, image: HubImage, where: str, pinned: Reference) -> Iterator[Finding]:
    if not names_commit(hub.settings.tag):
        return
    tag, what = pinned.tag, f"whether {image.spec.key}:{pinned.tag} is current"
    if tag is None:
        yield Unchecked(f"whether {image.spec.key}@{pinned.digest} is current: it has no tag", hub.pushing("build"))
        return
    try:
        computed = name_image(hub, image)
    except Refused as fault:
        yield Unchecked(f"{what}: {fault.what}", fault.hint)
        return
    if tag == computed.tag:
        if hub.settings.tag != CHARTPRESS and not tells_images_apart(computed):
            yield Unchecked(f"{what}: hub.tag has neither {{commit}} nor {{content}}", f"{CLI} --dry build")
        return
    if any(_has_the_same_files(hub, image, commit, tag) for commit in re.findall(_HEXADECIMAL, tag)):
        return
    named = re.search(_COMMIT, tag)
    if named and not hub.git.contains(HEAD, named["commit"]):
        message = f"the tag {tag} names a commit that is not in the history"
        hint = f"{hub.pushing('build')}, then {CLI} commit"
        gone = Problem(Code.COMMIT_GONE, where, message, hint)
        # A clone that still has the commit has compared it already.
        is_stale = hub.git.commit_at(named["commit"]) is not None or _has_changed_since(hub, image, tag, where)
        accepting = f"{hint}; {Code.COMMIT_GONE.how_to_accept}"
        yield gone if is_stale else gone._replace(hint=accepting, severity=Severity.WARNING)
    elif named or hub.settings.tag != CHARTPRESS or hub.git.ask("rev-parse", "--verify", f"refs/tags/{tag}").ok:
        yield stale_problem(hub, where, tag, computed.tag)
    else:
        yield Unchecked(f"{what}: the tag names no commit", hub.pushing("build"))


def _has_changed_since(hub: Hub, image: HubImage, tag: str, where: str) -> bool:
    """Whether a file of ``image`` may have changed since ``tag`` came into the values file that ``where`` is in."""
    searched = ("log", "--reverse", "--pretty=format:%H", f"-S{tag}", HEAD, "--", where.rpartition(":")[0])
    since = [f"{commit}..{HEAD}" for commit in hub.git.ask(*searched).text.split()[:1]]
    return not since or bool(hub.git.ask("rev-list", "--max-count=1", *since, "--", *hub.paths_of(image)).text)


def _has_the_same_files(hub: Hub, image: HubImage, commit: str, tag: str) -> bool:
    """Whether a build of ``commit``, with the tag ``tag``, has the current files, as after a squash or rebase."""
    if hub.git.commit_at(commit) is None:
        return False
    called = name_image(hub, image)
    if filled_in(hub, image, called) != filled_in(hub, image, called._replace(tag=tag, commit=commit)):
        return False
    paths = (*counted_paths(hub, image), *hub.paths_of(image))
    then, now = Tree(hub.git, commit), Tree(hub.git, called.revision or HEAD)
    return then.written_as(paths) == now.written_as(paths)


def stale_problem(hub: Hub, where: str, tag: str, computed: str) -> Problem:
    """Return the problem of a tag that differs from the one ``computed`` from the image's current files."""
    message = f"the tag is {tag}, but the image's files make {computed}"
    return Problem(Code.TAG_STALE, where, message, f"{hub.pushing('build')}, then {CLI} commit")
