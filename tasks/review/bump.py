"""Plan the move of a hub repository to a z2jh release: one look at the index decides base image and requirement."""

from __future__ import annotations

from collections.abc import Iterator

from ..core import output
from ..core.faults import DOOR
from ..core.options import BumpOptions
from ..core.plan import Step
from ..image.proof import with_digest
from ..releases.choose import Choice, choose
from ..releases.notes import release_links, security_news
from ..releases.repository import HelmRepository
from ..releases.versions import allows, is_range, respelled
from ..repo.edits import base_for, moving_action, release_edits
from ..repo.hub import Hub, helm_repository, open_repository, release_of
from ..repo.pins import Pin
from ..tools.git_facts import standing
from .message import known_facts
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
    why = "; ".join((f"{release.version} is {choice.reason}", *known_facts(index.find(before), release)))
    image, base = hub.images[0], bases[0]
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
        warnings=tuple(_warnings(hub, choice, repository)),
    )
    return step, hub.edited(edits).with_index(index)


def _warnings(hub: Hub, choice: Choice, repository: HelmRepository) -> Iterator[str]:
    before, after, required = hub.version, choice.release.version, hub.requirement.version
    if repository.is_plain:
        yield "the Helm repository is read over plain http: anyone on the network path can change it"
    if is_range(required) and allows(required, after):
        yield f"{hub.requirement_file}: the range {required} allows {after} already, and stays"
    if choice.beyond:
        beyond = choice.beyond.version
        yield f"{beyond} is also available, outside of {required}: {DOOR} bump --to {beyond}"
    yield from security_news(before, after)
    yield from upgrade_warnings(upgrades_here(hub, before, after))
    if choice.newer_major:
        newer = f"{choice.newer_major.version} (new major version) is also available"
        yield f"{newer}: read its upgrade guide, then: {DOOR} bump --major"
