"""``status``: show every pinned version, what the newest is, and what ``release`` would do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .core import output
from .core.faults import CLI
from .core.visible import one_line
from .run import Run, hub_task

if TYPE_CHECKING:
    from .checks.outside import Releases, Survey, World

UNKNOWN = "unknown"
_ANSWERS = {True: "in the registry", False: "not in the registry", None: "no answer from its registry"}


@hub_task(writes=False)
def status(run: Run) -> None:
    """Show the pinned versions, and what a release would do.

    Read-only: reads the files, git, the Helm repository and the registry, and
    names the one that does not answer. Exit code 0 whatever it finds; to fail
    on an inconsistency, use check.

    Examples:
      status                     this repository
      status --repo ../other     another repository
      status --json              the same for scripts
    """
    from .checks.outside import survey

    found = survey(run.hub)
    world = found.world
    findings = found.findings.text("Everything is consistent.", run.way)
    lines = (
        *(*_release_words(found, run.way), ""),
        *("Release", output.table(_release_rows(world.hub.version, world.releases), "  "), ""),
        *("Images", output.table(_image_rows(world), "  "), ""),
        *(("Problems", textwrap.indent(findings, "  ")) if found.findings.problems else (findings,)),
    )
    run.present(_content(found), "\n".join(lines))


def _content(found: Survey) -> dict[str, Any]:
    hub, releases, images, *_ = found.world
    return {
        "chart": {
            "pinned": hub.version,
            "newest": releases.newest,
            "newest_pre": releases.newest_pre,
            "next": releases.next,
        },
        "base": {
            "dockerfile": str(hub.images[0].base.reference),
            "chart": str(releases.base) if releases.base else None,
        },
        "images": [
            {
                "name": one.image.spec.key,
                "pinned_tag": one.pinned_tag,
                "computed_tag": one.tag,
                "in_registry": one.in_registry,
            }
            for one in images
        ],
        **found.findings.report(),
    }


def _release_words(found: Survey, way: str) -> Iterator[str]:
    hub, releases, images, *_ = found.world
    name, to, edits, changed = hub.requirement.name, releases.next, found.edits, found.changed
    usual = [one for one in images if one.image in hub.usual_images]
    stale = [one for one in usual if to or one.is_up_to_date is False or found.moves_files_of(one.image)]
    same = [one for one in stale if one.same_inputs and not (to or edits or changed)]
    clauses = {
        "move": [f"{name} from {hub.version} to {to}"] if to else [],
        "edit": [] if to else edits,
        "commit": changed,
        "build": [one.image.spec.key for one in stale if one not in same],
        "retag": [one.image.spec.key for one in same],
    }
    moves = (action.what for action in found.begin.step.to_do)
    to_do = [*moves, *(f"{verb} {', '.join(what)}" for verb, what in clauses.items() if what)]
    unknown = [] if releases.index else [f"move {name}"]
    unknown += [f"build {one.image.spec.key}" for one in usual if one.is_up_to_date is None and one not in stale]
    if to_do:
        yield f"{CLI} release would {', then '.join(to_do)}."
    elif not unknown and not found.refusal:
        yield f"{CLI} release has nothing to do."
    if unknown:
        yield f"Cannot tell whether {CLI} release would {' or '.join(unknown)}."
    yield from map(one_line, found.begin.step.warnings())
    if found.refusal:
        yield f"{CLI} release is refused as things are: {one_line(found.refusal.text)}"
        yield f"  hint: {one_line(way + found.refusal.hint)}"


def _release_rows(current: str, found: Releases) -> list[tuple[str, ...]]:
    here, newest, pre = found.here, found.newest, found.newest_pre
    to = "" if here in {None, current} else f"{CLI} release" if here == found.next else f"{CLI} release --to {here}"
    rows: list[tuple[str, ...]] = [
        ("current", current, ""),
        ("newest of this major version", here or UNKNOWN, to),
        ("newest", newest or UNKNOWN, f"{CLI} release --major" if newest not in {None, here} else ""),
    ]
    return [*rows, ("newest pre-release", pre, f"{CLI} release --major --pre")] if pre and pre != newest else rows


def _image_rows(world: World) -> list[tuple[str, ...]]:
    hub, base, spare = world.hub, world.releases.base, world.hub.spare_images
    released = f"the release uses {base}" if base else "which one the release uses is not known"
    rows: list[tuple[str, ...]] = [("base image", str(hub.images[0].base.reference), released)]
    for one in world.images:
        name, pinned, built = one.image.spec.key, one.pinned_tag, one.tag or UNKNOWN
        if name in spare:
            state = f"the values name {spare[name].image}"
        elif pinned is None:
            state = f"{built} is in the registry" if one.in_registry else f"would be {built}"
        else:
            state = f"{_ANSWERS[one.in_registry]}, {'current' if pinned == one.tag else f'would be {built}'}"
        rows.append((name, pinned or "(none)", state))
    return rows
