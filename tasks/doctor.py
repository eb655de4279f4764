"""``doctor``: check that this machine can run a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .core import output
from .core.faults import ProgramFailed, Refused, Unusable
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


def _text(findings: list[MachineFinding]) -> str:
    rows: list[tuple[str, ...]] = [
        (one.mark, one.name, one.version or ("" if one.is_fault else one.hint) or "-") for one in findings
    ]
    hints = dict.fromkeys(f"hint: {one.name}: {one.hint}" for one in findings if one.is_fault and one.hint)
    return "\n".join((output.table(rows), *hints))
