"""``release``: auth, bump, commit, build and commit as one plan; ``rehearse``: the same on this machine alone."""

from __future__ import annotations

import sys
from dataclasses import replace

from .core import output
from .core.faults import DOOR, Fault, Refused
from .core.options import RehearseOptions, ReleaseOptions
from .core.plan import Plan
from .core.settings import require_like
from .core.visible import one_line
from .run import Call, Run, hub_task

# The release's own plan can be made on the stage only.
INTENTION = f"""\
Plan for {{folder}}
  rehearse * clone {{folder}} as it stands into a temporary folder (hub, remote.git)
           * serve a registry on 127.0.0.1, and take its address for the images' prefix
           * release there: see {DOOR} --dry release for the plan
           * show the branch that came of it, and remove everything"""


@hub_task(ReleaseOptions)
def release(call: Call, options: ReleaseOptions) -> None:
    """Move to a z2jh release, build its hub image, commit both.

    Runs auth, bump, commit, build and commit as one plan: shows it, asks, and
    carries it out. Nothing is done twice: to continue a release that was
    stopped, run the same command again.

    Examples:
      release --dry              the plan and every command
      release                    the newest of this major version
      release --to 4.4.0 --push  exactly this one, and push the branch
      release --yes --pr         do not ask, open the pull request

    Afterwards: the next steps that it prints.
    """
    from .review.release import plan_release

    with call.opened() as opened:
        run, plan, _ = opened.from_base(
            options.commit,
            lambda at: (plan_release(at.hub, replace(options, commit=at.options), at.review), at.hub),
            lambda whole: _agree(opened, whole, yes=options.agreed),
            ask=True,
        )
        run.carry_out(plan, more=lambda: {"steps": plan.step_reports()})
        if not run.dry:
            steps = [f"- {step}" for step in plan.report()["next_steps"]]
            done = "Nothing to do." if plan.nothing_to_do else f"Done in {output.duration(sum(plan.times))}."
            output.say("\n".join((done, *(["Next steps:", *steps] if steps else []))))


@hub_task(RehearseOptions)
def rehearse(call: Call, options: RehearseOptions) -> None:
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
    from .rehearsal.stage import require_possible, staged

    platform = options.build.platform
    require_like("platform", "--platform linux/amd64", *(platform.split(",") if platform is not None else ()))
    with call.opened(writes=False) as run:
        if run.dry:
            text = INTENTION.format(folder=one_line(str(run.hub.git.folder)))
            if call.json:
                output.say(text)
            for note in require_possible(run.hub, options).remarks:
                output.say(lead=note)
            call.present({}, text, changed=True)
            return
        with staged(run.hub, options) as stage:
            for note in (*stage.notes, *stage.remarks):
                output.say(lead=note)
            rehearsed = Run(stage.hub, dry=False, json=call.json)
            plan = stage.plan(options)
            rehearsed.show_plan(plan)
            # After a fault there is nothing to continue: the stage is gone.
            try:
                plan.perform()
            except Fault:
                for note in (*stage.notes, *stage.remarks):
                    output.say(lead=note)
                raise
            rehearsed.tell(plan, more=lambda: {"steps": plan.step_reports(), **stage.report()})
            if not call.json:
                stage.show()


def _agree(run: Run, plan: Plan, *, yes: bool) -> None:
    if plan.nothing_to_do:
        return
    run.hub.git.require_unlocked()
    run.show_plan(plan)
    plan.require_possible()
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("confirmation needed, but there is no terminal", hint="look at the plan, then add --yes")
    if not output.confirm("Go on?"):
        raise Refused("cancelled, nothing was changed", hint=f"{DOOR} release --dry, for the whole plan")
