"""One task's run in a hub repository: opened, alone in it where it writes, its plan shown or carried out."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from invoke.context import Context

from .core import github_actions, output
from .core.faults import DOOR, Refused, Unusable
from .core.plan import Plan, Step
from .core.safe_files import open_lock, take
from .core.settings import FILE, SECTION, CommitOptions, read_settings, section_of

if TYPE_CHECKING:
    from .repo.hub import Hub
    from .review.branches import Start

LOCK_FILE = "hubpress.lock"
_MOST_DIGITS = 20
# What a chain's dry runs so far would leave of each clone, by its folder: the next one plans on that.
_left: dict[Path, Hub] = {}


def _perform(plan: Plan) -> None:
    """Carry the plan out; where that fails, say where things stand and how to go on."""
    try:
        plan.perform()
    except BaseException:
        if standing := plan.standing():
            again = shlex.join((DOOR, *sys.argv[1:]))
            output.say("\n".join(("Done so far:", *(f"  {line}" for line in standing), f"To continue, run: {again}")))
        raise


class Run(NamedTuple):
    """One task's run in a hub repository; a dry one only shows its plan."""

    hub: Hub
    dry: bool
    json: bool

    def carry_out(self, plan: Plan, leaves: Hub | None = None, more: Callable[[], Mapping[str, Any]] = dict) -> None:
        """Show the plan when dry, else perform it; then report it, with what ``more`` adds to the JSON.

        ``leaves`` is the repository as the plan will leave it, where it changes that.
        """
        if self.dry:
            self.show_plan(plan)
            plan.require_possible()
            _left[self.hub.git.folder] = leaves or self.hub
        else:
            _perform(plan)
        self.tell(plan, more)

    def tell(self, plan: Plan, more: Callable[[], Mapping[str, Any]] = dict) -> None:
        """Report a plan that was shown or performed, with what ``more`` adds to the JSON."""
        report = plan.report()
        lines = [f"{lead}{text}" for lead, text, _ in plan.lines(whole=False)] if self.dry else plan.summary()
        summary = "\n".join(lines) or "Nothing to do."
        github_actions.tell(report, summary, changed=plan.changes_something)
        if self.json:
            output.report({**report, **more()})
        elif not self.dry:
            output.data(summary)

    def from_base(
        self,
        options: CommitOptions,
        plan_from: Callable[[Start], tuple[Plan | Step, Hub]],
        agree: Callable[[Plan], None],
        *,
        ask: bool = False,
    ) -> tuple[Run, Plan, Hub]:
        """Return the run, the plan and what it leaves, planned where feature branches start.

        A real run goes there first, once ``agree`` has had the whole plan agreed to, and plans the rest again there.
        """
        from .review.branches import begin

        def planned(start: Start) -> tuple[Plan, Plan, Hub]:
            rest, leaves = plan_from(start)
            rest = rest if isinstance(rest, Plan) else Plan((rest,))
            return Plan((*start.steps, *rest.steps)), rest, leaves

        start = begin(self.hub, options, ask=ask)
        plan, rest, leaves = planned(start)
        if not self.dry:
            agree(plan)
        if not self.dry and start.step.to_do:
            going, agreed = Plan((start.step,)), [action.what for step in rest.steps for action in step.actions]
            _perform(going)
            output.say("\n".join(going.summary()))
            start = start.there(self.hub.again())
            plan, rest, leaves = planned(start)
            if agreed != [action.what for step in rest.steps for action in step.actions]:
                agree(plan)
        return self._replace(hub=start.hub), plan, leaves

    def show_plan(self, plan: Plan, *, whole: bool = False) -> None:
        """Print the plan: whole and on standard output in a dry run, else on one screen of standard error."""
        lines = (output.Line(f"Plan for {self.hub.git.folder}"), *plan.lines(whole=whole or self.dry))
        output.show(lines, is_data=self.dry and not self.json)


@contextlib.contextmanager
def open_run(context: Context, *, repo: str | None, json: bool, writes: bool = True) -> Iterator[Run]:
    """Read the settings and open the hub repository for one task, alone in it where it writes and is not dry."""
    from .repo import files, hub

    configured = section_of({SECTION: context.config.get(SECTION)})
    inside = Path(read_settings(configured, repo=repo).repo or ".").expanduser()
    found = hub.open_hub_around(inside, lambda top: read_settings(configured, top / FILE, repo=repo))
    dry = bool(context.config.run.dry)
    run = Run(_left.get(found.git.folder, found) if dry and writes else found, dry, json)
    with contextlib.nullcontext() if dry or not writes else one_run_at_a_time(found.git.git_dir) as stopped:
        if stopped:
            files.sweep(found.git)
        yield run


@contextlib.contextmanager
def one_run_at_a_time(git_dir: Path) -> Iterator[bool]:
    """Hold the clone's lock, and yield whether the run before did not end: something of it may be left.

    The file holds the process id of the run under way. Another user's is locked as well, where it may only be read too.
    """
    file = git_dir / LOCK_FILE
    with contextlib.ExitStack() as stack:
        try:
            writes = os.access(file, os.W_OK) or not os.path.lexists(file)
            handle = open_lock(file, os.O_RDWR | os.O_CREAT if writes else os.O_RDONLY, shared=True)
            stack.callback(os.close, handle)
            is_taken = take(handle)
            holder = os.pread(handle, _MOST_DIGITS, 0).decode("ascii", "replace").strip()
            if is_taken and writes:
                # Written over and then cut: a disk that is full takes nothing of what stands there.
                os.ftruncate(handle, os.pwrite(handle, str(os.getpid()).encode(), 0))
        except OSError as err:
            raise _unusable(file, err) from err
        if not is_taken:
            raise _held(file, holder)
        yield bool(holder)
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)


def _held(file: Path, holder: str) -> Refused:
    known = holder.isdecimal()
    look = f"ps -fp {holder}" if known else f"fuser -v {shlex.quote(str(file))}"
    return Refused(
        f"another run is in progress, process {holder if known else 'unknown'}",
        where=file.parent.parent,
        hint=f"wait for it, or look at it: {look}",
    )


def _unusable(file: Path, err: OSError) -> Unusable:
    if err.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS} or not os.path.lexists(file):
        folder = shlex.quote(str(file.parent))
        hint = f"df -h {folder}; ls -ld {folder}"
        return Unusable(f"cannot write to the clone: {err.strerror}", where=file, hint=hint)
    name = shlex.quote(str(file))
    hint = f"ls -ld {name}; if no run is in progress, remove it: rm -r {name}"
    return Unusable(f"the lock file cannot be used: {err.strerror}", where=file, hint=hint)
