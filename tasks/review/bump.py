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
from ..repo.chart import require_movable
from ..repo.edits import base_for, lock_edit, locked_action, release_edits
from ..repo.hub import Hub, helm_repository, open_repository, pinned_release
from ..tools.git_facts import standing
from .message import known_facts
from .upgrades import upgrade_warnings, upgrades_here


def plan_bump(hub: Hub, options: BumpOptions) -> tuple[Step, Hub]:
    """Plan the move to a release, and return it with the repository as it will leave it.

    The base image's tag is read from the release, never derived from the chart's version.
    """
    relies = standing(hub.git, hub.branch)
    if hub.chart_folder is not None:
        require_movable(hub.require(hub.requirement_file), hub.requirement.name, hub.requirement_file)
    repository = open_repository(hub)
    with output.waiting(f"asking {helm_repository(hub)}"):
        index = repository.index()
    pinned = pinned_release(hub, index)
    before = pinned.version if pinned else hub.requirement.version
    choice = choose(index, before, to=options.to, pre=options.pre, dev=options.dev, major=options.major)
    release, newer = choice.release, choice.newer_major
    released = repository.hub_image(release)
    wanted = [(image, base_for(image, released, hub.settings.base)) for image in hub.images]
    bases = [(image, with_digest(image.base.reference, base)) for image, base in wanted]
    edits = release_edits(hub, release.version, bases)
    lock = lock_edit(hub, release.version)
    touched = (*edits, lock) if lock else edits
    why = "; ".join((f"{release.version} is {choice.reason}", *known_facts(index.releases.get(before), release)))
    image, base = bases[0]
    step = Step(
        "bump",
        actions=(locked_action(hub, edits, lock, why, relies),),
        report=lambda _: {
            "chart": {
                "name": hub.requirement.name,
                "before": before,
                "after": release.version,
                "app_version": release.app_version,
                "repository": helm_repository(hub),
            },
            "base": {"image_before": str(image.base.reference), "image_after": str(base)},
            "files": [edit.path for edit in touched if edit.changes],
            "newer_major": newer.version if newer else None,
            "notes": list(release_links(release)),
        },
        summary=lambda _: [f"{edit.path}: {edit.summary if edit.changes else 'unchanged'}" for edit in touched],
        warnings=tuple(_warnings(hub, choice, repository)),
    )
    return step, hub.edited(touched).with_index(index)


def _warnings(hub: Hub, choice: Choice, repository: HelmRepository) -> Iterator[str]:
    before, after = hub.requirement.version, choice.release.version
    if repository.is_plain:
        yield "the Helm repository is asked over plain http: whoever is on the way can change what it says"
    yield from security_news(before, after)
    yield from upgrade_warnings(upgrades_here(hub, before, after))
    if choice.newer_major:
        newer = f"{choice.newer_major.version} is there too, a newer major version than {before}"
        yield f"{newer}: read its upgrade guide, then: {DOOR} bump --major"
