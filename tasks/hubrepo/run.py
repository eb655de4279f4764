"""One task's run in a hub repository: opened, alone in it where it writes, and what its plan does told in the end."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import ci, show
from ..settings import read_settings
from ..sources import FILE, SECTION, section_of
from ..tools.git import Git
from ..tools.one_run import one_run_at_a_time
from .layout import Hub, open_hub
from .leftovers import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from invoke.context import Context

    from ..plan import Plan


class Run(NamedTuple):
    """One task's run.

    Attributes:
        hub: the hub repository, as it is.
        dry: whether the plan is only shown: Invoke's own ``--dry``.
        json: whether standard output holds one JSON object.
    """

    hub: Hub
    dry: bool
    json: bool

    def carry_out(self, plan: Plan, more: Callable[[], Mapping[str, Any]] = dict) -> None:
        """Show the plan when dry, else perform it; then say what was done.

        Args:
            plan: the run's plan.
            more: what the JSON report holds besides what the steps report.
        """
        if self.dry:
            self.show_plan(plan)
        else:
            plan.perform()
        self._tell(plan, more)

    def show_plan(self, plan: Plan) -> None:
        """Print the plan: on standard output in a dry run, which it is the data of, else on standard error."""
        text = "\n".join((f"Plan for {self.hub.git.folder}", *plan.lines()))
        (show.data if self.dry and not self.json else show.say)(text)

    def _tell(self, plan: Plan, more: Callable[[], Mapping[str, Any]]) -> None:
        """Print the report: JSON where it was asked for, else the summary of what was done; and tell CI."""
        if ci.is_listening():
            ci.tell(ci.of_plan(plan.report(), changed=plan.changes_something, dry=self.dry))
        if self.json:
            show.report({**plan.report(), **more()})
        elif not self.dry:
            lines = [line for step in plan.steps for line in step.summary()]
            show.data("\n".join(lines) or "Nothing to do.")


@contextlib.contextmanager
def open_run(context: Context, *, repo: str | None, json: bool, writes: bool = True) -> Iterator[Run]:
    """Read the settings and open the hub repository for one task, alone in it where it writes and is not dry.

    Raises:
        Unusable: the settings are wrong, or there is no hub repository.
        Refused: another run is under way in it.
    """
    configured = section_of({SECTION: context.config.get(SECTION)})
    git = Git.around(Path(read_settings(configured, repo=repo).repo or ".").expanduser())
    hub = open_hub(read_settings(configured, git.folder / FILE, repo=repo), git)
    run = Run(hub, dry=bool(context.config.run.dry), json=json)
    with contextlib.nullcontext() if run.dry or not writes else one_run_at_a_time(hub.git.git_dir) as stopped:
        if stopped:
            sweep(hub.git)
        yield run
