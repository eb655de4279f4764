"""``check``: fail when the hub repository is inconsistent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.exceptions import Exit
from invoke.tasks import task

from .core import github_actions
from .core.faults import REFUSED
from .core.session import JSON_HELP, REPO_HELP, HubTask, present
from .run import open_run

if TYPE_CHECKING:
    from invoke.context import Context


HELP = {"offline": "use files and git alone: for pre-commit"}


@task(klass=HubTask, auto_shortflags=False, help={**HELP, **REPO_HELP, **JSON_HELP})
def check(c: Context, offline: bool = False, repo: str | None = None, json: bool = False) -> None:
    """Fail when the hub repository is inconsistent.

    For CI and pre-commit. Reads alone: the files and git, and unless --offline
    the Helm repository and the image's registry. Exit code 1 where it found
    something; each kind has a code that does not change.

    Examples:
      check --offline            in a pre-commit hook
      check                      on a pull request
      check --json               what it found, for scripts
    """
    from .checks.world import find_problems

    with open_run(c, repo=repo, json=json, writes=False) as run:
        problems = find_problems(run.hub, offline=offline)
        found = [problem.report() for problem in problems]
        text = "\n".join(map(str, problems)) or "Everything is consistent."
        present({"ok": not problems, "problems": found}, text, lambda: github_actions.of_check(found), json=json)
        if problems:
            raise Exit(code=REFUSED)
