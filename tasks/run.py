"""One task's run: flags read, the hub repository opened, the plan shown or carried out, a fault turned into an exit."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser import Argument
from invoke.tasks import Task

from .core import faults, output
from .core.faults import CLI, Refused
from .core.options import CommitOptions, CommonOptions, flags_of, read_options
from .core.plan import Plan
from .core.safe_files import expand_home, one_run_at_a_time
from .core.settings import FILE, read_settings

if TYPE_CHECKING:
    from .repo.hub import Hub
    from .review.branches import Start

log = logging.getLogger("hubpress")


@dataclass
class Run:
    """One run of a task in the hub repository that ``open`` returns.

    Attributes:
        dry: only show the plan.
        json: print the report as JSON.
        can_continue: running the same command again continues after a fault.
        planned: the repositories as the dry runs of a chain would leave them, by the clone's folder. The next task of
            the chain plans from there.
    """

    open: Callable[[], Hub]
    dry: bool
    json: bool
    can_continue: bool = True
    planned: dict[Path, Hub] = field(default_factory=dict)

    @cached_property
    def hub(self) -> Hub:
        """The hub repository, opened on first use."""
        return self.open()

    @property
    def way(self) -> str:
        """What comes before a hint, whose commands and paths are for the repository's top; empty if that is here."""
        top = self.hub.git.folder if "hub" in vars(self) else Path()
        # Invoke finds its tasks in the current folder.
        runs_there = CLI != "invoke" or (top / "tasks.py").exists()
        return "" if top.samefile(os.curdir) or not runs_there else f"cd {shlex.quote(str(top))} && "

    def carry_out(self, plan: Plan, hub_after: Hub | None = None, more: Callable[[], Mapping[str, Any]] = dict) -> None:
        """Show the plan in a dry run, else perform it; then report. ``hub_after`` is the repository after the plan."""
        if self.dry:
            self.show_plan(plan)
            plan.require_possible()
            self.planned[self.hub.git.folder] = hub_after or self.hub
        else:
            self._perform(plan)
        report = plan.report()
        lines = [f"{lead}{text}" for lead, text, _ in plan.lines(whole=False)] if self.dry else plan.summary()
        summary = "\n".join(lines) or "Nothing to do."
        changes = any(step.to_do for step in plan.steps if step.changes)
        output.report_to_ci(report, summary, changed=changes)
        if self.json:
            output.report({**report, **more()})
        elif not self.dry:
            output.data(summary)

    def plan_and_agree(
        self,
        options: CommitOptions,
        plan_from: Callable[[Start], tuple[Plan, Hub]],
        agree: Callable[[Plan], None],
        *,
        ask: bool = False,
    ) -> tuple[Plan, Hub]:
        """Plan from where feature branches start; in a real run, call ``agree``, which accepts the plan or raises.

        A real run then goes there, plans the rest again, and calls ``agree`` again if that differs. From here on,
        ``hub`` is the repository there. With ``ask``, the remotes are asked even if nothing is pushed.

        Returns:
            The plan, and the repository as it will be after it.
        """
        from .review.branches import begin

        start = begin(self.hub, options, ask=ask)
        rest, hub_after = plan_from(start)
        tells = start.step.actions or any(start.step.warnings())
        plan = Plan((*([start.step] if tells else []), *rest.steps))
        if not self.dry:
            agree(plan)
        if not self.dry and start.step.to_do:
            going, accepted = Plan((start.step,)), [action.what for step in rest.steps for action in step.actions]
            self._perform(going)
            output.say("\n".join(going.summary()))
            start = start._replace(hub=self.hub.again())
            rest, hub_after = plan_from(start)
            plan = replace(rest, before=going.step_reports())
            if accepted != [action.what for step in rest.steps for action in step.actions]:
                agree(plan)
        self.hub = start.hub
        return plan, hub_after

    def show_plan(self, plan: Plan, *, whole: bool = False) -> None:
        """Print the plan: whole and on standard output in a dry run, else on one screen of standard error."""
        lines = (output.Line(f"Plan for {self.hub.git.folder}"), *plan.lines(whole=whole or self.dry))
        output.show(lines, is_data=self.dry and not self.json)

    def present(self, content: Mapping[str, Any], text: str, *, ok: bool = True, changed: bool | None = None) -> None:
        """Print a read-only task's findings, ``content`` as JSON or ``text``, and report them to CI.

        Raises:
            Exit: with code 1 if not ``ok``.
        """
        output.report_to_ci(content, text, changed=changed)
        output.annotate(content.get("problems", ()))
        if self.json:
            output.report(content)
        else:
            output.data(text)
        if not ok:
            raise Exit(code=Refused.code)

    def _perform(self, plan: Plan) -> None:
        """Perform the plan; if that fails, say what is done so far and how to continue."""
        try:
            plan.perform()
        except BaseException:
            if self.can_continue and (done := plan.done_so_far()):
                again = shlex.join((CLI, *sys.argv[1:]))
                output.say("\n".join(("Done so far:", *(f"  {line}" for line in done), f"To continue, run: {again}")))
            raise


class HubTask(Task):  # type: ignore[type-arg]
    """A task that turns every fault into an exit code; ``options`` is the record of its own flags."""

    def __init__(self, body: Callable[..., None], options: type[Any] | None, *, writes: bool) -> None:
        super().__init__(body, positional=())
        self.records = (*((options,) if options else ()), CommonOptions)
        self.writes = writes

    def __eq__(self, other: object) -> bool:
        """Return False: Invoke drops a call that equals an earlier one, and a chain may commit twice."""
        return False

    __hash__ = Task.__hash__

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the task's flags."""
        del ignore_unknown_help
        return [flag for record in self.records for flag in flags_of(record)]

    def __call__(self, context: Context, **given: Any) -> None:  # noqa: ANN401 - what flags are given
        """Run the task's body, and turn faults into Invoke's exit."""
        *options, common = (read_options(record, given) for record in self.records)
        with exits(json=common.json):
            try:
                faults.let_signals_interrupt()
                output.require_ci_files()
                self._run(context.config, common, options)
            except KeyboardInterrupt:
                hint = "run the same command again, it goes on where it stopped"
                raise faults.Interrupted("interrupted", hint=hint) from None
            except (Exit, faults.Fault):
                raise
            except Exception as err:
                # It may be the number of an open file.
                if isinstance(err, OSError) and err.filename and not isinstance(err.filename, int):
                    # No file can have that name, or the folder is not accessible.
                    file = Path(os.fsdecode(err.filename))
                    hint = f"correct the name, or what keeps you out: ls -ld {shlex.quote(str(file.parent))}"
                    raise faults.Unusable(f"cannot use the file: {err.strerror}", where=file, hint=hint) from err
                hint = f"run it with --debug and report what it prints: {CLI} --debug {self.name}"
                raise faults.Refused(f"unexpected {type(err).__name__}: {err}", hint=hint) from err

    def _run(self, config: Config, common: CommonOptions, options: Sequence[object]) -> None:
        from .repo import hub

        dry = bool(config.run.dry)
        # All tasks of a chain get the same configuration object.
        planned: dict[Path, hub.Hub] = vars(config).setdefault("hubpress_planned", {})

        def opened() -> hub.Hub:
            read = partial(read_settings, {}, repo=common.repo, config=config)
            found = hub.open_hub_around(expand_home(read().repo or "."), lambda top: read(top / FILE))
            return planned.get(found.git.folder, found) if dry and self.writes else found

        run = Run(opened, dry, common.json, planned=planned)
        with contextlib.ExitStack() as locked:
            if self.writes and not dry and locked.enter_context(one_run_at_a_time(run.hub.git.clone.git_dir)):
                hub.sweep(run.hub.git)
            try:
                self.body(run, *options)
            except faults.Fault as fault:
                fault.hint = f"{run.way}{fault.hint}"
                raise


def hub_task(options: type[Any] | None = None, *, writes: bool = True) -> Callable[[Callable[..., None]], HubTask]:
    """Return a decorator that makes a task of a function of the :class:`Run` and, if the task has flags, its options.

    In a clone, only one task that ``writes`` runs at a time.
    """
    return lambda body: HubTask(body, options, writes=writes)


@contextlib.contextmanager
def exits(*, json: bool) -> Iterator[None]:
    """Turn a fault in the block into Invoke's exit; with ``json``, also report it on standard output."""
    try:
        yield
    except faults.Fault as fault:
        log.debug("the fault's traceback", exc_info=True)
        # A fault of the CI file would hide this one.
        with contextlib.suppress(faults.Fault):
            output.report_to_ci({}, str(fault))
        if json:
            output.report(fault.report())
        raise Exit(str(fault), fault.code) from None
