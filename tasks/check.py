"""``check``: fail if the hub repository is inconsistent."""

from __future__ import annotations

from .core.options import CheckOptions
from .run import Run, hub_task


@hub_task(CheckOptions, writes=False)
def check(run: Run, options: CheckOptions) -> None:
    """Fail if the hub repository is inconsistent.

    For CI and pre-commit. Read-only: reads the files and git, and unless
    --offline the Helm repository and the registries. Exit code 1 if it finds a
    fault; warnings, and problems that hub.accept names, do not fail. Names
    what it could not check. Problem codes do not change.

    Examples:
      check --offline            in a pre-commit hook
      check                      on a pull request
      check --json               for scripts
    """
    # What asks registries takes longer to import than files take to check.
    if options.offline:
        from .checks.files import find_problems_offline as find_problems
    else:
        from .checks.outside import find_problems

    findings = find_problems(run.hub)
    text = findings.text("Files and git are consistent." if options.offline else "Everything is consistent.", run.way)
    run.present({"ok": findings.ok, **findings.report()}, text, ok=findings.ok)
