"""Where Invoke ends and this program begins: settings in; faults out as an error line, a hint line and a code."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from invoke.exceptions import Exit
from invoke.tasks import Task

from . import faults, show
from .cycles import search_rarely
from .door import DOOR
from .interrupts import asked_to_end_is_ctrl_c
from .settings import read_settings
from .sources import FILE, SECTION, section_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from invoke.context import Context

    from .ci import Told
    from .hubrepo.layout import Hub
    from .plan import Plan

log = logging.getLogger("hubpress")

REPO_HELP = {"repo": "the hub repository (default: the one the current folder lies in)"}
JSON_HELP = {"json": "print one JSON object on standard output and nothing else there"}


@contextlib.contextmanager
def exits() -> Iterator[None]:
    """Turn a fault in the block into Invoke's exit."""
    try:
        yield
    except faults.Fault as fault:
        log.debug("the fault's traceback", exc_info=True)
        _tell_of(fault)
        raise Exit(str(fault), fault.code) from None


class HubTask(Task):  # type: ignore[type-arg]
    """A task that ends as the contract says, whatever happens in it."""

    def __eq__(self, other: object) -> bool:
        """Never be taken for another call's task.

        Invoke drops a call that equals an earlier one, and tells by their tasks: a chain may commit twice.
        """
        return False

    __hash__ = Task.__hash__

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the task's body, and turn faults into Invoke's exit."""
        try:
            with exits(), asked_to_end_is_ctrl_c():
                return super().__call__(*args, **kwargs)
        except KeyboardInterrupt:
            message = "error: interrupted\nhint: run the same command again, it goes on where it stopped"
            raise Exit(message, faults.INTERRUPTED) from None
        except Exception as err:
            if isinstance(err, Exit):
                raise
            log.debug("an unexpected fault's traceback", exc_info=True)
            what = f"unexpected {type(err).__name__}: {err}"
            hint = f"run it with --debug and report what it prints: {DOOR} --debug {self.name}"
            raise Exit(str(faults.Refused(what, hint=hint)), faults.REFUSED) from None


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
        from . import ci  # noqa: PLC0415 - the list of tasks does without

        if ci.is_listening():
            ci.tell(ci.of_plan(plan.report(), changed=plan.changes_something, dry=self.dry))
        if self.json:
            show.report({**plan.report(), **more()})
        elif not self.dry:
            lines = [line for step in plan.steps for line in step.summary()]
            show.data("\n".join(lines) or "Nothing to do.")


def present(content: Mapping[str, Any], text: str, told: Callable[[], Told], *, json: bool) -> None:
    """Print what a look found: ``content`` as JSON where that was asked for, else ``text``; and tell CI."""
    from . import ci  # noqa: PLC0415 - the list of tasks does without

    if ci.is_listening():
        ci.tell(told())
        ci.annotate(content.get("problems", ()))
    if json:
        show.report(content)
    else:
        show.data(text)


@contextlib.contextmanager
def open_run(context: Context, *, repo: str | None, json: bool, writes: bool = True) -> Iterator[Run]:
    """Read the settings and open the hub repository for one task, alone in it where it writes and is not dry.

    Raises:
        Unusable: the settings are wrong, or there is no hub repository.
        Refused: another run is under way in it.
    """
    search_rarely()
    # Only a task that runs pays for them.
    from .hubrepo.layout import open_hub  # noqa: PLC0415
    from .hubrepo.leftovers import sweep  # noqa: PLC0415
    from .tools.git import Git  # noqa: PLC0415
    from .tools.one_run import one_run_at_a_time  # noqa: PLC0415

    configured = section_of({SECTION: context.config.get(SECTION)})
    git = Git.around(Path(read_settings(configured, repo=repo).repo or ".").expanduser())
    hub = open_hub(read_settings(configured, git.folder / FILE, repo=repo), git)
    run = Run(hub, dry=bool(context.config.run.dry), json=json)
    with contextlib.nullcontext() if run.dry or not writes else one_run_at_a_time(hub.git.git_dir) as stopped:
        if stopped:
            sweep(hub.git)
        yield run


def _tell_of(fault: faults.Fault) -> None:
    """Tell CI of a fault; that its file cannot be written would be one too many."""
    from . import ci  # noqa: PLC0415 - the list of tasks does without

    if ci.is_listening():
        with contextlib.suppress(faults.Fault):
            ci.tell(ci.of_fault(str(fault)))
