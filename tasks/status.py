"""``status``: show every pinned version, what the newest is, and what is inconsistent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from .core import github_actions, output
from .core.session import JSON_HELP, REPO_HELP, HubTask, present
from .run import open_run

if TYPE_CHECKING:
    from invoke.context import Context

    from .checks.files import Problem
    from .checks.world import World
    from .core.names import Reference
    from .repo.hub import HubImage


@task(klass=HubTask, auto_shortflags=False, help={**REPO_HELP, **JSON_HELP})
def status(c: Context, repo: str | None = None, json: bool = False) -> None:
    """Show every pinned version, the newest, every inconsistency.

    Reads alone: the files, git, the Helm repository and the image's registry.
    Ends with exit code 0 whatever it finds: to fail on an inconsistency there
    is check. What a registry gives no answer for is left open, and named in
    the end.

    Examples:
      status                     where this hub repository stands
      status --repo ../other     where that one does
      status --json              the same for scripts
    """
    from .checks.world import look

    with open_run(c, repo=repo, json=json, writes=False) as run:
        world = look(run.hub)
        problems = world.problems()
        content = _content(world, problems)
        present(content, _text(content, problems), lambda: github_actions.of_status(content), json=json)
        world.require_answers()


def _content(world: World, problems: list[Problem]) -> dict[str, Any]:
    hub = world.hub
    base = world.repository.hub_image(world.release) if world.release else None
    return {
        "chart": {
            "pinned": hub.version,
            "newest": world.newest(),
            "newest_pre": world.newest(pre=True),
        },
        "base": {"dockerfile": str(hub.images[0].base.reference), "chart": str(base) if base else None},
        "images": [_image(world, image, world.images.get(image.spec.key)) for image in hub.images],
        "problems": [problem.report() for problem in problems],
    }


def _image(world: World, image: HubImage, pinned: Reference | None) -> dict[str, Any]:
    return {
        "name": image.spec.key,
        "pinned_tag": pinned.tag if pinned else None,
        "computed_tag": world.current_tag(image),
        "in_registry": world.has(pinned) if pinned else None,
    }


def _text(content: dict[str, Any], problems: list[Problem]) -> str:
    chart, base = content["chart"], content["base"]
    rows: list[tuple[str, ...]] = [
        ("chart", chart["pinned"], f"newest {chart['newest'] or '-'}, with pre-releases {chart['newest_pre'] or '-'}"),
        ("base image", base["dockerfile"], f"the release's own is {base['chart'] or 'unknown'}"),
    ]
    rows += [
        (f"image {image['name']}", image["pinned_tag"] or "(none)", _registry_words(image))
        for image in content["images"]
    ]
    answered = all(image["in_registry"] is not None for image in content["images"] if image["pinned_tag"])
    fine = "Everything is consistent." if answered else "Nothing inconsistent, as far as the registries answered."
    return f"{output.table(rows)}\n\n{chr(10).join(map(str, problems)) or fine}"


def _registry_words(image: dict[str, Any]) -> str:
    if image["pinned_tag"] is None:
        return f"now {image['computed_tag'] or 'unknown'}"
    words = {True: "in the registry", False: "not in the registry", None: "no answer from its registry"}
    current = "current" if image["pinned_tag"] == image["computed_tag"] else f"now {image['computed_tag'] or 'unknown'}"
    return f"{words[image['in_registry']]}, {current}"
