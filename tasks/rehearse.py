"""``rehearse``: run a whole release against a throwaway clone, git remote and registry on this machine."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .core import output
from .core.faults import DOOR, Fault
from .core.session import JSON_HELP, REPO_HELP, HubTask, present
from .core.settings import BuildOptions, BumpOptions, CommitOptions, require_like
from .core.visible import one_line
from .release import HELP as RELEASE_HELP
from .run import Run, open_run

HELP = {
    **RELEASE_HELP,
    "push": "implied: the branch is always pushed to the throwaway remote",
    "pr": "show the pull request that would be opened",
    "yes": "implied: a rehearsal does not ask",
    "keep": "keep the temporary folder, and print how to look at it",
    "stand-in-base": "use a marked stand-in for the base image even if the real one is available",
}


# The release's own plan can be made on the stage only.
INTENTION = f"""\
Plan for {{folder}}
  rehearse * clone {{folder}} as it stands into a temporary folder (hub, remote.git)
           * serve a registry on 127.0.0.1, and take its address for the images' prefix
           * release there: see {DOOR} --dry release for the plan
           * show the branch that came of it, and remove everything"""


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
    """Rehearse the whole release on this machine.

    Nothing leaves it: uses a throwaway clone, a bare git remote and a registry
    on 127.0.0.1. Reads the real Helm repository and base image if available,
    else uses marked stand-ins. Ends with the diff that a reviewer would see,
    and removes everything; the next rehearsal cleans up after one that was
    killed.

    Examples:
      rehearse                   what release would do
      rehearse --to 4.4.0 --pr   also show the text of the pull request
      rehearse --keep            keep the clone and the image to inspect them
    """
    from .rehearsal import stage as stages

    del push, yes
    require_like("platform", "--platform linux/amd64", *(platform.split(",") if platform is not None else ()))
    bump = BumpOptions(to, pre, dev, major)
    commit = CommitOptions(message, branch, push=True, request=pr)
    with open_run(c, repo=repo, json=json, writes=False) as run:
        if run.dry:
            text = INTENTION.format(folder=one_line(str(run.hub.git.folder)))
            if json:
                output.say(text)
            for note in stages.require_possible(run.hub, bump, builder).remarks:
                output.say(lead=note)
            present({}, text, json=json, changed=True)
            return
        with stages.staged(run.hub, bump, builder, keep=keep, stand_in=stand_in_base) as stage:
            build = BuildOptions(
                tuple(image or ()), not no_push, force, platform, None, no_cache, engine, stage.stand_ins
            )
            for note in (*stage.notes, *stage.remarks):
                output.say(lead=note)
            rehearsed = Run(stage.hub, dry=False, json=json)
            plan = stage.plan(bump, build, commit)
            rehearsed.show_plan(plan)
            # After a fault there is nothing to continue: the stage is gone.
            try:
                plan.perform()
            except Fault:
                for note in (*stage.notes, *stage.remarks):
                    output.say(lead=note)
                raise
            rehearsed.tell(plan, more=lambda: {"steps": plan.step_reports(), **stage.report()})
            if not json:
                stage.show()
