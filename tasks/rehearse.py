"""``rehearse``: run a whole release against a throwaway clone, git remote and registry on this machine."""

from __future__ import annotations

from .core import output
from .core.faults import CLI, Fault
from .core.options import RehearseOptions
from .core.output import Line
from .core.settings import require_like
from .core.visible import one_line
from .run import Run, hub_task

# The release's own plan can be made on the stage only.
INTENTION = f"""\
Plan for {{folder}}
  rehearse * clone {{folder}}, with its uncommitted changes, into a temporary folder (hub, remote.git)
           * serve a registry on 127.0.0.1, which the images are named after
           * release there: see {CLI} --dry release for the plan
           * show the commits, and remove everything"""


@hub_task(RehearseOptions, writes=False)
def rehearse(run: Run, options: RehearseOptions) -> None:
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
    from .rehearsal import stage as rehearsal

    require_like("platform", "--platform linux/amd64", options.platform, several=True)
    if run.dry:
        text = INTENTION.format(folder=one_line(str(run.hub.git.folder)))
        if run.json:
            output.say(text)
        output.show(map(Line, rehearsal.require_possible(run.hub, options).remarks), is_data=False)
        run.present({}, text, changed=True)
        return
    with rehearsal.staged(run.hub, options) as stage:
        output.show(map(Line, stage.remarks), is_data=False)
        # After a fault there is nothing to continue: the stage is gone.
        rehearsed = Run(lambda: stage.hub, dry=False, json=run.json, can_continue=False)
        plan = stage.plan(options)
        rehearsed.show_plan(plan)
        try:
            rehearsed.carry_out(plan, more=lambda: {"steps": plan.step_reports(), **stage.report()})
        except Fault:
            output.show(map(Line, stage.remarks), is_data=False)
            raise
        if not run.json:
            stage.show()
