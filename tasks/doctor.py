"""``doctor``: check that this machine can run a release."""

from __future__ import annotations

from .core.faults import ProgramFailed, Refused, Unusable
from .run import Run, hub_task


@hub_task(writes=False)
def doctor(run: Run) -> None:
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
        findings = machine.examine(run.hub)
    except (ProgramFailed, Refused, Unusable) as fault:
        findings = [*machine.examine(None), machine.MachineFinding("hub repository", fault.what, fault.hint)]
    ok = not any(finding.is_fault for finding in findings)
    run.present({"ok": ok, "tools": [finding.report() for finding in findings]}, machine.text_of(findings), ok=ok)
