"""``status``: show every pinned version, what the newest is, and what ``release`` would do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .core import output
from .core.faults import DOOR
from .core.visible import one_line
from .run import Run, hub_task

if TYPE_CHECKING:
    from .checks.outside import Survey
    from .checks.world import SeenImage, World

UNKNOWN = "unknown"


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
    content = _content(found)
    told = found.findings.text("Everything is consistent.")
    lines = (
        *(*_release_words(found), ""),
        *("Release", output.table(_release_rows(found.world, content["chart"]), "  "), ""),
        *("Images", output.table(_image_rows(found.world, content), "  "), ""),
        *(("Problems", textwrap.indent(told, "  ")) if found.findings.problems else (told,)),
    )
    run.present(content, "\n".join(lines))


def _content(found: Survey) -> dict[str, Any]:
    world = found.world
    hub, base = world.hub, world.released_base
    return {
        "chart": {
            "pinned": hub.version,
            "newest": world.newest(),
            "newest_pre": world.newest(pre=True),
            "next": world.next(),
        },
        "base": {"dockerfile": str(hub.images[0].base.reference), "chart": str(base) if base else None},
        "images": [_image(one) for one in world.images],
        **found.findings.report(),
    }


def _image(seen: SeenImage) -> dict[str, Any]:
    return {
        "name": seen.image.spec.key,
        "pinned_tag": (seen.named.tag or seen.named.digest) if seen.named else None,
        "computed_tag": seen.computed_tag,
        "in_registry": seen.in_registry,
    }


def _release_rows(world: World, chart: dict[str, Any]) -> list[tuple[str, ...]]:
    current, newest, pre = chart["pinned"], chart["newest"], chart["newest_pre"]
    here = world.newest_here()
    to = f"{DOOR} release" if chart["next"] else f"{DOOR} release --to {here}" if here != current else ""
    rows: list[tuple[str, ...]] = [
        ("current", current, ""),
        ("newest of this major version", here or UNKNOWN, to if here else ""),
        ("newest", newest or UNKNOWN, f"{DOOR} release --major" if newest not in {None, here} else ""),
    ]
    return [*rows, ("newest pre-release", pre, f"{DOOR} release --major --pre")] if pre != newest else rows


def _image_rows(world: World, content: dict[str, Any]) -> list[tuple[str, ...]]:
    base, spare = content["base"], world.hub.spare_images
    released = f"the release uses {base['chart']}" if base["chart"] else "which one the release uses is not known"
    rows: list[tuple[str, ...]] = [("base image", base["dockerfile"], released)]
    for image in content["images"]:
        name = image["name"]
        state = f"the values name {spare[name].image}" if name in spare else _registry_words(image)
        rows.append((name, image["pinned_tag"] or "(none)", state))
    return rows


def _release_words(found: Survey) -> Iterator[str]:
    to_do, unknown = [*found.begin.moves, *found.world.to_do()], found.world.unknown()
    if to_do:
        yield f"{DOOR} release would {', then '.join(to_do)}."
    elif not unknown and not found.refusal:
        yield f"{DOOR} release has nothing to do."
    if unknown:
        yield f"Cannot tell whether {DOOR} release would {' or '.join(unknown)}."
    yield from map(one_line, found.begin.remarks)
    if found.refusal:
        yield f"{DOOR} release is refused as things are: {one_line(found.refusal.told)}"
        yield f"  hint: {one_line(found.refusal.hint)}"


def _registry_words(image: dict[str, Any]) -> str:
    built = image["computed_tag"] or UNKNOWN
    if image["pinned_tag"] is None:
        return f"{built} is in the registry" if image["in_registry"] else f"would be {built}"
    words = {True: "in the registry", False: "not in the registry", None: "no answer from its registry"}
    state = "current" if image["pinned_tag"] == image["computed_tag"] else f"would be {built}"
    return f"{words[image['in_registry']]}, {state}"
