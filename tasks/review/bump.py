"""Plan the move of a hub repository to a z2jh release: one look at the index decides base image and requirement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core import output
from ..core.faults import DOOR
from ..core.names import Reference
from ..core.options import BumpOptions
from ..core.plan import Step
from ..image.proof import with_digest
from ..releases.choose import Choice, choose
from ..releases.index import Release
from ..releases.notes import release_links, security_fixes, security_news
from ..releases.repository import HelmRepository
from ..releases.versions import allows, is_range, respelled
from ..repo.edits import base_for, moving_action, release_edits
from ..repo.hub import Hub, helm_repository, open_repository, release_of
from ..repo.pins import Pin
from ..tools.git_facts import standing
from .message import release_facts
from .upgrades import upgrade_warnings, upgrades_here


def plan_bump(hub: Hub, options: BumpOptions) -> tuple[Step, Hub]:
    """Plan the move to a release, and return it with the repository as it will leave it.

    The base image's tag is read from the release, never derived from the chart's version.
    """
    relies = standing(hub.git, hub.branch)
    said = {pin: pin.read(hub.files).text for pin in hub.pins}
    repository = open_repository(hub)
    with output.waiting(f"asking {helm_repository(hub)}"):
        index = repository.index()
    pinned = release_of(hub, index)
    required = hub.requirement.version if hub.chart_folder is not None or pinned is None else pinned.version
    before = hub.version if hub.chart_folder is not None else required
    choice = choose(index, required, to=options.to, pre=options.pre, dev=options.dev, major=options.major)
    release, newer = choice.release, choice.newer_major
    released = repository.hub_image(release)
    bases = [with_digest(image.base.reference, base_for(image, released, hub.settings.base)) for image in hub.images]
    moved: dict[Pin, str] = dict(zip(hub.base_pins, map(str, bases), strict=True))
    edits = release_edits(
        hub, {pin: moved.get(pin) or respelled(text, release.version, index.releases) for pin, text in said.items()}
    )
    why = f"{release.version} is {choice.reason}"
    image, base = hub.images[0], bases[0]
    fixes = security_fixes(hub.version, release.version)
    moves = _moves(hub, before, bases, index.find(before), release, fixes)
    step = Step(
        "bump",
        actions=(moving_action(hub, edits, why, relies),),
        report=lambda _: {
            "chart": {
                "name": hub.requirement.name,
                "before": before,
                "after": release.version,
                "app_version": release.app_version,
                "repository": helm_repository(hub),
            },
            "base": {"image_before": str(image.base.reference), "image_after": str(base)},
            "files": [edit.path for edit in edits if edit.changes],
            "newer_major": newer.version if newer else None,
            "notes": list(release_links(release)),
        },
        summary=lambda _: [f"{edit.path}: {edit.summary if edit.changes else 'unchanged'}" for edit in edits],
        warnings=tuple(_warnings(hub, choice, repository, is_safer=bool(fixes))),
        moves=moves if any(edit.changes for edit in edits) else (),
    )
    return step, hub.edited(edits).with_index(index)


def _moves(
    hub: Hub, before: str, bases: Sequence[Reference], old: Release | None, new: Release, fixes: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    rows = [("z2jh", _move(before, new.version))]
    for image, base in dict(zip((one.base.reference for one in hub.images), bases, strict=True)).items():
        after = str(base)
        rows.append(("base image", _move(str(image), after.removeprefix(f"{image.name}:"))))
    hubs, kubernetes = release_facts(old, new)
    if hubs.after:
        rows.append((hubs.what, _move(hubs.before, hubs.after)))
    if kubernetes.after:
        rows.append(("Kubernetes", _move(kubernetes.before, kubernetes.after, ">= ")))
    return (*rows, *(("security", fix) for fix in fixes))


def _move(before: str | None, after: str, sign: str = "") -> str:
    return f"{sign}{after}" if before in (None, after) else f"{sign}{before} -> {sign}{after}"


def _warnings(hub: Hub, choice: Choice, repository: HelmRepository, *, is_safer: bool) -> Iterator[str]:
    before, after, required = hub.version, choice.release.version, hub.requirement.version
    if repository.is_plain:
        yield "the Helm repository is read over plain http: anyone on the network path can change it"
    for pin in hub.held_pins:
        held = pin.read(hub.files).text
        if not allows(held, after):
            yield f"{pin.files[0]}: {pin.name} {held} stays, as hub.accept names {pin.kind.value}"
    if is_range(required) and allows(required, after):
        yield f"{hub.requirement_file}: the range {required} allows {after} already, and stays"
    if choice.beyond:
        beyond = choice.beyond.version
        yield f"{beyond} is also available, outside of {required}: {DOOR} bump --to {beyond}"
    if not is_safer:
        yield from security_news(before, after)
    yield from upgrade_warnings(upgrades_here(hub, before, after))
    if choice.newer_major:
        newer = f"{choice.newer_major.version} (new major version) is also available"
        yield f"{newer}: read its upgrade guide, then: {DOOR} bump --major"
