"""``build``: build and push the hub image, prove what was pushed, write it into the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.tasks import task

from .core.plan import Action, Fact, Plan, Step, Values
from .core.session import JSON_HELP, REPO_HELP, HubTask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from invoke.context import Context

    from .image.build import Build
    from .image.definition import BuildOptions
    from .image.proof import ImageJob
    from .repo.edits import PinnedPlace
    from .repo.files import FileEdit
    from .repo.hub import Hub
    from .tools.docker import Builder

HELP = {
    "image": "an image to build, by its key in chartpress.yaml (repeatable; default: those that inherit from k8s-hub)",
    "no-push": "only build, into the engine's local store; the values stay as they are",
    "force": "build and push even over a tag that exists",
    "platform": "build for this platform, whatever the host (default: see hub.platform)",
    "builder": "build on this buildx builder (default: hub.builder, else Docker's current one)",
    "no-cache": "run every step of the Dockerfile anew",
    "engine": "buildx, or chartpress: the runbook's own commands",
}


@task(klass=HubTask, auto_shortflags=False, iterable=["image"], help={**HELP, **REPO_HELP, **JSON_HELP})
def build(
    c: Context,
    image: list[str] | None = None,
    no_push: bool = False,
    force: bool = False,
    platform: str | None = None,
    builder: str | None = None,
    no_cache: bool = False,
    engine: str = "buildx",
    repo: str | None = None,
    json: bool = False,
) -> None:
    """Build, push and prove the hub image; set it in the values.

    Its tag names the last commit that touched its files, as chartpress's does.
    What the registry has already is proved and not built again. Writes the
    chart's values only after the registry has answered for digest, platform
    and base. Files of the image that are not committed stop it.

    Examples:
      build                      every image that inherits from z2jh's
      build --image hub          one of them
      build --builder cluster    on a builder that is not this machine's
      build --no-push            into the engine here, the values stay

    Afterwards: commit.
    """
    from .image.definition import BuildOptions
    from .repo.run import open_run

    wish = BuildOptions(tuple(image or ()), not no_push, force, platform, builder, no_cache, engine)
    with open_run(c, repo=repo, json=json) as run:
        step, _ = plan_build(run.hub, wish)
        run.carry_out(Plan((step,)))


def plan_build(hub: Hub, wish: BuildOptions, builder: Future[Builder] | None = None) -> tuple[Step, Hub]:
    """Plan the build of the images that the registry does not have, and the values that name them.

    Args:
        hub: the hub repository as it will be when the build begins.
        wish: how the build is wanted.
        builder: the builder, where it was asked for already.

    Returns:
        The step, and the repository as it will leave it.
    """
    from .image.planning import plan_images
    from .repo.edits import image_edits
    from .tools.git_facts import standing

    relies = standing(hub.git, hub.branch)
    planned = plan_images(hub, wish, builder)
    edits = image_edits(hub, _pins(hub, planned.jobs)) if planned.pushes else ()
    actions = [
        *_right_actions(planned),
        *_retag_actions(planned, relies),
        _build_action(planned, relies),
        *([_values_action(hub, planned, edits, relies)] if planned.pushes else []),
    ]
    step = Step(
        "build",
        actions=tuple(actions),
        report=lambda _: {
            "images": planned.report(),
            "values": {"path": hub.values_file, "changed": any(edit.changes for edit in edits)},
        },
        summary=lambda _: planned.summary(),
        warnings=planned.warnings,
    )
    return step, hub.edited(edits)


def _right_actions(planned: Build) -> list[Action]:
    """Return the actions that prove the right to push, before minutes of building are spent on it."""
    from .core.names import Reference
    from .tools.registry import require_push_right

    jobs = (*planned.to_build, *planned.to_retag)
    repositories = [Reference(job.image.spec.name) for job in jobs if planned.pushes]

    def asking(one: Reference) -> Action:
        return Action(f"ask {one.host} whether {one.path} may be pushed to", do=lambda _: require_push_right(one))

    return [asking(one) for one in dict.fromkeys(repositories)]


def _retag_actions(planned: Build, relies: Sequence[Fact]) -> list[Action]:
    """Return the action that gives images of the same inputs their tag of today, without a build."""
    from .image.proof import image_fact, tag_fact

    jobs = planned.to_retag
    if not jobs:
        return []
    sources = dict.fromkeys(job.source for job in jobs if job.source)
    named = ", ".join(f"{job.source} the tag {job.tag}" for job in jobs)
    return [
        Action(
            f"give {named}",
            "it was built from the same files, arguments and base",
            lambda _: planned.retag(),
            relies=(*relies, *map(image_fact, sources), *(tag_fact(job.reference) for job in jobs)),
        )
    ]


def _build_action(planned: Build, relies: Sequence[Fact]) -> Action:
    from .image.proof import tag_fact

    jobs = planned.to_build
    if not jobs:
        there = [str(job.reference) for job in planned.jobs if job not in planned.to_retag]
        return Action(f"{', '.join(there)}: in the registry already, proved" if there else "nothing to build")
    verb = "build and push" if planned.pushes else "build"
    return Action(
        f"{verb} {', '.join(str(job.reference) for job in jobs)}",
        planned.why,
        lambda _: planned.run(),
        planned.details(),
        (*relies, *(tag_fact(job.reference) for job in planned.tags_to_take)),
    )


def _values_action(hub: Hub, planned: Build, edits: Sequence[FileEdit], relies: Sequence[Fact]) -> Action:
    """Return the action that writes the images into the values: last, once the registry has answered for them."""
    from .repo.edits import image_edits
    from .repo.files import WorkingTree, edit_action

    expected = edit_action(hub.git.folder, edits, "the registry has what they name", relies)
    if expected.do is None:
        return expected

    def write(values: Values) -> Values:
        # The tag of a commit that was only planned is known now.
        now = hub.holding({edit.path: values[edit.path] for edit in edits})
        return WorkingTree(hub.git.folder).replace(image_edits(now, _pins(now, planned.jobs)))

    return expected._replace(do=write)


def _pins(hub: Hub, jobs: Sequence[ImageJob]) -> list[PinnedPlace]:
    from .image.proof import SKIPPED
    from .repo.edits import PinnedPlace

    wanted = [job for job in jobs if job.status != SKIPPED]
    return [PinnedPlace(place, job.reference.name, job.tag) for job in wanted for place in hub.values_places(job.image)]
