"""``check``: fail if the hub repository is inconsistent."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .core.session import JSON_HELP, REPO_HELP, HubTask, present
from .run import open_run

HELP = {"offline": "use only files and git, for pre-commit"}


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def check(c: Context, offline: bool = False, repo: str | None = None, json: bool = False) -> None:
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
    if offline:
        from .checks.files import find_problems_offline as find_problems
    else:
        from .checks.outside import find_problems

    with open_run(c, repo=repo, json=json, writes=False) as run:
        findings = find_problems(run.hub)
        content = {"ok": findings.ok, **findings.report()}
        text = findings.text("Files and git are consistent." if offline else "Everything is consistent.")
        present(content, text, json=json, ok=findings.ok)
