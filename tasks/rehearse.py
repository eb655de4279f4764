"""``rehearse``: run the whole release against a throwaway clone, git remote and registry on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from .bump import BumpOptions, plan_bump
from .commit import CommitOptions
from .core import output
from .core.faults import DOOR
from .core.plan import Action, Plan, Step, Values
from .core.session import JSON_HELP, REPO_HELP, HubTask
from .release import HELP as RELEASE_HELP
from .release import plan_release

if TYPE_CHECKING:
    from pathlib import Path

    from invoke.context import Context

    from .core.names import Reference
    from .image.definition import BuildOptions
    from .rehearsal.stage import Stage
    from .repo.hub import Hub
    from .repo.run import Run

HELP = {
    **RELEASE_HELP,
    "push": "goes without saying: the branch is always pushed to the throwaway remote",
    "pr": "show the pull request that would be opened",
    "yes": "goes without saying: a rehearsal does not ask",
    "keep": "keep the temporary folder, and say how to look at it",
    "stand-in-base": "take a marked stand-in for the base image, even where the real one can be reached",
}


@task(klass=HubTask, auto_shortflags=False, iterable=["image"], help={**HELP, **REPO_HELP, **JSON_HELP})
def rehearse(
    c: Context,
    to: str | None = None,
    pre: bool = False,
    dev: bool = False,
    major: bool = False,
    image: list[str] | None = None,
    no_push: bool = False,
    force: bool = False,
    platform: str | None = None,
    builder: str | None = None,
    no_cache: bool = False,
    engine: str = "buildx",
    message: str | None = None,
    branch: str | None = None,
    push: bool = True,
    pr: bool = False,
    yes: bool = True,
    keep: bool = False,
    stand_in_base: bool = False,
    repo: str | None = None,
    json: bool = False,
) -> None:
    """Rehearse the whole release on this machine alone.

    Nothing leaves it: a throwaway clone as the working tree stands, a bare git
    remote, a registry on 127.0.0.1. The real Helm repository and base image
    where they can be reached, marked stand-ins where not. Ends with the diff
    that a reviewer would see. All of it goes away; after one that was killed,
    the next rehearsal clears up.

    Examples:
      rehearse                   what release would do
      rehearse --to 4.4.0 --pr   with the text of the pull request
      rehearse --keep            to look at the clone and the image afterwards
    """
    from .image.definition import BuildOptions
    from .rehearsal.cleanup import rehearsal_folder
    from .repo.run import open_run

    del push, yes
    bump = BumpOptions(to, pre, dev, major)
    build = BuildOptions(tuple(image or ()), not no_push, force, platform, builder, no_cache, engine)
    commit = CommitOptions(message, branch, push=True, request=pr)
    with open_run(c, repo=repo, json=json, writes=False) as run:
        if run.dry:
            run.carry_out(Plan((_intention(run.hub),)))
            return
        with rehearsal_folder(keep=keep) as place:
            try:
                _perform(run, place, bump, build, commit, stand_in=stand_in_base)
            finally:
                if keep:
                    output.say(_ways_to_look(place))


def _perform(
    run: Run, place: Path, bump: BumpOptions, build: BuildOptions, commit: CommitOptions, *, stand_in: bool
) -> None:
    from .core.faults import Refused
    from .rehearsal.stage import require_local_engine, staged
    from .repo.run import Run

    if build.builder not in {None, require_local_engine()}:
        raise Refused(
            "a rehearsal builds on this machine's engine only", where=f"--builder {build.builder}", hint="leave it out"
        )

    def target(hub: Hub) -> list[Reference]:
        return [image.base.reference for image in plan_bump(hub, bump)[1].images]

    with staged(run.hub, place, target, stand_in=stand_in) as stage:
        for note in (*stage.unused, *stage.notes):
            output.say(lead=note)
        rehearsed = Run(stage.hub, dry=False, json=run.json)
        plan = plan_release(stage.hub, bump, build._replace(builder=None, stand_ins=stage.stand_ins), commit)
        rehearsed.show_plan(plan)
        rehearsed.carry_out(plan, lambda: {"steps": plan.step_reports(), **_report(stage)})
        if not run.json:
            _show_result(stage, plan.report()["pull_request"])


def _ways_to_look(place: Path) -> str:
    """Return how to look at a rehearsal that is kept."""
    from .rehearsal.cleanup import Record
    from .rehearsal.registry import serving_again
    from .rehearsal.stage import CLONE, REGISTRY, REMOTE_NAME

    record = Record.read(place)
    images = (("its images", str(serving_again(place / REGISTRY, record.port))),) if record else ()
    rows = [
        ("its commits", f"git -C {place / CLONE} log --patch {REMOTE_NAME}/HEAD.."),
        *images,
        ("remove it", f"rm -r {place}"),
    ]
    return f"Kept: {place}\n{output.table(rows, '  ')}"


def _intention(hub: Hub) -> Step:
    """Return what a rehearsal would do; the release's own plan can be made on its stage alone."""
    from .rehearsal.stage import CLONE, REMOTE

    return Step(
        "rehearse",
        (
            Action(f"clone {hub.git.folder} as it stands into a temporary folder ({CLONE}, {REMOTE})", "", _nothing),
            Action("serve a registry on 127.0.0.1, and take its address for the images' prefix", "", _nothing),
            Action(f"release there: see {DOOR} --dry release for the plan", "", _nothing),
            Action("show the branch that came of it, and remove everything", "", _nothing),
        ),
    )


def _nothing(_: Values) -> None:
    """Stand for what only a real rehearsal does."""


def _report(stage: Stage) -> dict[str, Any]:
    base, branch = _branches(stage)
    return {
        "folder": str(stage.folder),
        "registry": stage.address,
        "stand_ins": list(stage.notes),
        "diff": stage.remote.read("diff", f"{base}...{branch}"),
    }


def _branches(stage: Stage) -> tuple[str, str]:
    """Return the throwaway remote's default branch, and the branch that the release pushed."""
    default = str(stage.hub.settings.base_branch)
    return default, stage.hub.git.branch() or default


def _show_result(stage: Stage, request: dict[str, Any] | None) -> None:
    """Show what a reviewer would see: the commits in the throwaway remote, their diff, the pull request's text."""
    base, branch = _branches(stage)
    commits = stage.remote.read("log", "--oneline", f"{base}..{branch}")
    output.data(f"\nCommits on {branch}, in the throwaway remote:\n{commits}\n")
    output.diff(stage.remote.read("diff", f"{base}...{branch}"))
    if request:
        output.data(f"\nThe pull request would say:\n\n{request['title']}\n\n{request['body']}")
    output.data("\n".join(("\nNothing left this machine.", *stage.unused, *stage.notes)))
