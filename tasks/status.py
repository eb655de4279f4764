"""``status``: show the pinned versions, the newest, problems, and what a release would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from .core import github_actions, output
from .core.faults import DOOR
from .core.session import JSON_HELP, REPO_HELP, HubTask, present
from .run import open_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoke.context import Context

    from .checks.problems import Findings
    from .checks.world import World
    from .core.names import Reference
    from .repo.hub import HubImage


@task(klass=HubTask, auto_shortflags=False, help={**REPO_HELP, **JSON_HELP})
def status(c: Context, repo: str | None = None, json: bool = False) -> None:
    """Show the pinned versions, and what a release would do.

    Reads the files, git, the Helm repository and the image's registry. Exits
    with code 0 even if it finds problems; check fails on them. If one of these
    does not answer, names it and shows the rest.

    Examples:
      status                     this hub repository
      status --repo ../other     another one
      status --json              for scripts
    """
    from .checks.world import look

    with open_run(c, repo=repo, json=json, writes=False) as run:
        world = look(run.hub)
        findings = world.findings()
        content = _content(world, findings)
        present(content, _text(world, content, findings), lambda: github_actions.of_status(content), json=json)


def _content(world: World, findings: Findings) -> dict[str, Any]:
    hub, base = world.hub, world.released_base
    return {
        "chart": {
            "pinned": hub.version,
            "newest": world.newest(),
            "newest_pre": world.newest(pre=True),
            "next": world.next(),
        },
        "base": {"dockerfile": str(hub.images[0].base.reference), "chart": str(base) if base else None},
        "images": [_image(world, image, world.images.get(image.spec.key)) for image in hub.images],
        **findings.report(),
    }


def _image(world: World, image: HubImage, pinned: Reference | None) -> dict[str, Any]:
    return {
        "name": image.spec.key,
        "pinned_tag": pinned.tag if pinned else None,
        "computed_tag": world.current_tag(image),
        "in_registry": world.has(pinned) if pinned else None,
    }


def _text(world: World, content: dict[str, Any], findings: Findings) -> str:
    chart, base = content["chart"], content["base"]
    rows: list[tuple[str, ...]] = [
        ("chart", chart["pinned"], f"newest {chart['newest'] or '-'}, with pre-releases {chart['newest_pre'] or '-'}"),
        ("base image", base["dockerfile"], f"the release uses {base['chart'] or '-'}"),
    ]
    spare = world.hub.spare_images
    rows += [
        (
            f"image {image['name']}",
            image["pinned_tag"] or "(none)",
            f"the values name {spare[image['name']].image}" if image["name"] in spare else _registry_words(image),
        )
        for image in content["images"]
    ]
    lines = (output.table(rows), *_release_words(world), "", findings.text("Everything is consistent."))
    return "\n".join(lines)


def _release_words(world: World) -> Iterator[str]:
    """Yield the lines that tell what a release would do."""
    to_do, unknown = world.to_do(), world.unknown()
    if to_do or not unknown:
        yield f"{DOOR} release would {', then '.join(to_do)}." if to_do else f"{DOOR} release has nothing to do."
    if unknown:
        yield f"Whether {DOOR} release would {' or '.join(unknown)} is not known."


def _registry_words(image: dict[str, Any]) -> str:
    if image["pinned_tag"] is None:
        return f"now {image['computed_tag'] or 'unknown'}"
    words = {True: "in the registry", False: "not in the registry", None: "no answer from its registry"}
    current = "current" if image["pinned_tag"] == image["computed_tag"] else f"now {image['computed_tag'] or 'unknown'}"
    return f"{words[image['in_registry']]}, {current}"
