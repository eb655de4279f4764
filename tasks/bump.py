"""``bump``: move the base image and the chart requirement to a z2jh release."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from invoke.tasks import task

from .core import output
from .core.faults import DOOR
from .core.plan import Plan, Step
from .core.session import JSON_HELP, REPO_HELP, HubTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from invoke.context import Context

    from .core.names import Reference
    from .releases.choose import Choice
    from .releases.index import Index
    from .releases.repository import HelmRepository
    from .repo.files import FileEdit
    from .repo.hub import Hub, HubImage

HELP = {
    "to": "exactly this release: older ones too, and any name that the index has",
    "pre": "alpha, beta and release candidates count",
    "dev": "builds of main count",
    "major": "may cross a major version",
}


class BumpOptions(NamedTuple):
    """Which release is wanted.

    Attributes:
        to: exactly this one, or None for the newest that the others allow.
        pre: alpha, beta and release candidates count.
        dev: builds of main count.
        major: may cross a major version.
    """

    to: str | None = None
    pre: bool = False
    dev: bool = False
    major: bool = False


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def bump(
    c: Context,
    to: str | None = None,
    pre: bool = False,
    dev: bool = False,
    major: bool = False,
    repo: str | None = None,
    json: bool = False,
) -> None:
    """Move the base image and the requirement to a z2jh release.

    Reads the Helm repository's index. Writes the Dockerfile's FROM and the
    chart requirement, with its lock where there is one: all of it, or none.
    Without a flag it is the newest stable release of the pinned major version.

    Examples:
      --dry bump                 look first
      bump                       the newest of this major version
      bump --major               may cross a major version
      bump --to 3.3.7            exactly this one, also back

    Afterwards: commit.
    """
    from .repo.run import open_run

    with open_run(c, repo=repo, json=json) as run:
        step, _ = plan_bump(run.hub, BumpOptions(to, pre, dev, major))
        run.carry_out(Plan((step,)))


def plan_bump(hub: Hub, wish: BumpOptions) -> tuple[Step, Hub]:
    """Plan the move to the release that ``wish`` asks for: one look at the index decides both edits.

    Returns:
        The step, and the repository as it will leave it.
    """
    from .image.proof import with_digests
    from .releases.choose import choose
    from .repo.chart import require_movable
    from .repo.edits import base_for, lock_edit, locked_action, release_edits
    from .repo.hub import helm_repository, open_repository
    from .tools.git_facts import standing

    relies = standing(hub.git, hub.branch)
    require_movable(hub.require(hub.requirement_file), hub.requirement.name, hub.requirement_file)
    repository = open_repository(hub)
    with output.waiting(f"asking {helm_repository(hub)}"):
        index = repository.index()
    choice = choose(index, hub.requirement.version, to=wish.to, pre=wish.pre, dev=wish.dev, major=wish.major)
    version = choice.release.version
    released = repository.hub_image(choice.release)
    bases = with_digests([(image, base_for(image, released, hub.settings.base)) for image in hub.images])
    edits = release_edits(hub, version, bases)
    lock = lock_edit(hub, version)
    touched = (*edits, lock) if lock else edits
    step = Step(
        "bump",
        actions=(locked_action(hub, edits, lock, _reason(index, hub.requirement.version, choice), relies),),
        report=lambda: _report(hub, choice, touched, bases),
        summary=lambda: [f"{edit.path}: {edit.summary if edit.changes else 'unchanged'}" for edit in touched],
        warnings=tuple(_warnings(hub, choice, repository)),
    )
    return step, hub.edited(touched).with_index(index)


def _report(
    hub: Hub, choice: Choice, edits: Sequence[FileEdit], bases: Sequence[tuple[HubImage, Reference]]
) -> dict[str, object]:
    from .releases.notes import release_links
    from .repo.hub import helm_repository

    image, base = bases[0]
    return {
        "chart": {
            "name": hub.requirement.name,
            "before": hub.requirement.version,
            "after": choice.release.version,
            "app_version": choice.release.app_version,
            "repository": helm_repository(hub),
        },
        "base": {"image_before": str(image.base.reference), "image_after": str(base)},
        "files": [edit.path for edit in edits if edit.changes],
        "newer_major": choice.newer_major.version if choice.newer_major else None,
        "notes": list(release_links(choice.release)),
    }


def _reason(index: Index, pinned: str, choice: Choice) -> str:
    """Return why this release, and what moves with it."""
    from .review.message import facts

    known = (str(fact) for fact in facts(index.releases.get(pinned), choice.release) if fact.is_known)
    return "; ".join((f"{choice.release.version} is {choice.reason}", *known))


def _warnings(hub: Hub, choice: Choice, repository: HelmRepository) -> Iterator[str]:
    from .releases.notes import security_news
    from .review.message import upgrade_warnings
    from .review.upgrades import upgrades_here

    before, after = hub.requirement.version, choice.release.version
    if repository.is_plain:
        yield "the Helm repository is asked over plain http: whoever is on the way can change what it says"
    yield from security_news(before, after)
    yield from upgrade_warnings(upgrades_here(hub, before, after))
    if choice.newer_major:
        newer = f"{choice.newer_major.version} is there too, a newer major version than {before}"
        yield f"{newer}: read its upgrade guide, then: {DOOR} bump --major"
