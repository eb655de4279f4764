"""Setting up: ``doctor`` checks the machine, ``init`` adds what a repository is missing for its hub image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .core import output
from .core.faults import DOOR, ProgramFailed, Refused, Unusable
from .core.options import InitOptions
from .core.plan import Plan
from .run import Call, hub_task

if TYPE_CHECKING:
    from .checks.machine import MachineFinding


@hub_task()
def doctor(call: Call) -> None:
    """Check that this machine can run a release.

    Checks each tool and its version, the engine, the builder, the sign-in, the
    registry and the git remotes, and names one fix for each fault. Marks with -
    what fails and is not needed here, or only for --push or --pr. Outside a hub
    repository it checks only the tools. Read-only. Exit code 1 if a release
    could not run.

    Examples:
      doctor                     before the first release on a machine
      doctor --json              for scripts
    """
    from .checks import machine

    try:
        with call.opened(writes=False) as run:
            findings = machine.examine(run.hub)
    except (ProgramFailed, Refused, Unusable) as fault:
        findings = [
            *machine.examine(None),
            machine.MachineFinding("hub repository", fault.what, ok=False, hint=fault.hint),
        ]
    ok = not any(finding.is_fault for finding in findings)
    tools = [finding._asdict() for finding in findings]
    call.present({"ok": ok, "tools": tools}, _text(findings), ok=ok)


@hub_task(InitOptions)
def init(call: Call, options: InitOptions) -> None:
    """Add what a repository is missing; overwrite nothing.

    Adopts the hub image if there is one: Dockerfile, name, values path.
    Without one it writes a Dockerfile for the pinned release, and without any
    chart a chart for the newest release. Adds chartpress.yaml, values keys,
    Makefile targets and .gitignore lines if they are missing. Shows the plan
    first, and says what to add by hand.

    Examples:
      init --dry                 look first
      init                       the image goes to ghcr.io/OWNER/
      init --prefix HOST/PATH/   push it to this registry
      init --docs docs/          add a page for your team's documentation

    Afterwards: git add, git commit, release.
    """
    from .review.team import plan_setup

    with call.opened() as run:
        plan = Plan(plan_setup(run.hub, options.prefix, options.docs))
        writes = not run.dry and not plan.nothing_to_do
        if writes:
            run.show_plan(plan, whole=True)
        run.carry_out(plan)
        if writes:
            output.say(f"Look at it, commit it, then: {DOOR} release")


def _text(findings: list[MachineFinding]) -> str:
    rows: list[tuple[str, ...]] = [
        (one.mark, one.name, one.version or ("" if one.is_fault else one.hint) or "-") for one in findings
    ]
    hints = dict.fromkeys(f"hint: {one.name}: {one.hint}" for one in findings if one.is_fault and one.hint)
    return "\n".join((output.table(rows), *hints))
