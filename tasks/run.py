"""One task's run in a hub repository: opened, alone in it where it writes, its plan shown or carried out."""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .core import github_actions, output
from .core.faults import Fault, Refused, Unusable
from .core.locks import open_lock, take, temporary_folder
from .core.plan import Plan, refused
from .core.settings import FILE, SECTION, read_settings, section_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from invoke.context import Context

    from .core.options import CommitOptions
    from .core.plan import Step
    from .repo.hub import Hub
    from .repo.remotes import Review

LOCK_FILE = "hubpress.lock"
_MOST_DIGITS = 20
# What a chain's dry runs so far would leave of each clone, by its folder: the next one plans on that.
_left: dict[Path, Hub] = {}
_kept = contextlib.ExitStack()
atexit.register(_kept.close)


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
            plan.perform()
        if github_actions.is_listening():
            github_actions.tell(github_actions.of_plan(plan.report(), changed=plan.changes_something, dry=self.dry))
        if self.json:
            output.report({**plan.report(), **more()})
        elif not self.dry:
            output.data("\n".join(plan.summary()) or "Nothing to do.")

    @contextlib.contextmanager
    def begin(
        self, options: CommitOptions, agree: Callable[[Run, Plan], None] = lambda *_: None, *, ask: bool = False
    ) -> Iterator[tuple[Run, Review, CommitOptions, tuple[Step, ...]]]:
        """Find out where a commit goes, and do what must be done before anything else can be planned.

        That is planned, and agreed to, within the block: where the block fails, the clone is put back. In a dry run
        where the step before cannot be planned, the rest is planned by what the clone knows, without a push.

        Args:
            options: what the user asked for.
            agree: has the plan of that agreed to.
            ask: whether the remotes are asked also where nothing is pushed.

        Yields:
            The run as that leaves it; where a branch is pushed and its pull request goes; the options; and the step as
            it is then, where it has something to say.
        """
        from .repo.remotes import find_review
        from .review import branches

        hub, pushes = self.hub, options.push or options.request
        try:
            review = find_review(hub.git, hub.settings, ask=ask or pushes, push=pushes, request=options.request)
            step = branches.plan_start(hub, review)
        except Fault as fault:
            if not self.dry:
                raise
            try:
                known = find_review(hub.git, hub.settings, ask=False)
            except Fault:
                raise fault from None
            yield self, known, options._replace(push=False, request=False), (refused("fetch", fault),)
            return
        if self.dry or not step.to_do:
            # What a dry run plans may be read until the end.
            at = _kept.enter_context(temporary_folder("hubpress-ahead-")) if step.to_do else None
            run = self._replace(hub=branches.started(hub, review, at)) if at else self
            yield run, review, options, (step,) if step.actions or step.warnings else ()
            return
        plan = Plan((step,))
        agree(self, plan)
        before = branches.Standing.read(hub.git, review.base)
        plan.perform()
        after = branches.Standing.read(hub.git, review.base)
        output.say("\n".join(plan.summary()))
        try:
            run = self._replace(hub=hub.again())
            step = branches.plan_start(run.hub, review)
            yield run, review, options, (step,) if step.actions or step.warnings else ()
        except BaseException:
            if branches.Standing.read(hub.git, review.base) == after:
                before.restore(hub.git, review.base)
                output.say(f": {review.base} and the current branch are as they were", lead=step.name)
            raise

    def show_plan(self, plan: Plan) -> None:
        """Print the plan: on standard output in a dry run, which it is the data of, else on standard error."""
        text = "\n".join((f"Plan for {self.hub.git.folder}", *plan.lines()))
        (output.data if self.dry and not self.json else output.say)(text)


@contextlib.contextmanager
def open_run(context: Context, *, repo: str | None, json: bool, writes: bool = True) -> Iterator[Run]:
    """Read the settings and open the hub repository for one task, alone in it where it writes and is not dry."""
    from .repo.files import sweep
    from .repo.hub import open_hub_around

    configured = section_of({SECTION: context.config.get(SECTION)})
    inside = Path(read_settings(configured, repo=repo).repo or ".").expanduser()
    hub = open_hub_around(inside, lambda top: read_settings(configured, top / FILE, repo=repo))
    dry = bool(context.config.run.dry)
    run = Run(_left.get(hub.git.folder, hub) if dry and writes else hub, dry, json)
    with contextlib.nullcontext() if dry or not writes else one_run_at_a_time(hub.git.git_dir) as stopped:
        if stopped:
            sweep(hub.git)
        yield run


@contextlib.contextmanager
def one_run_at_a_time(git_dir: Path) -> Iterator[bool]:
    """Hold the clone's lock, and yield whether the run before did not end: something of it may be left.

    The lock's file in ``git_dir`` holds the process id of the run that is under way, or of the last one if that did not
    end. Another user's file locks as well, and is not written where it may only be read.
    """
    file = git_dir / LOCK_FILE
    try:
        handle = _opened(file)
    except OSError as err:
        raise _unusable(file, err) from err
    try:
        before = _take(handle, file)
        yield bool(before)
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _opened(file: Path) -> int:
    """Open the lock's file, made where it is missing, for reading and, where that is allowed, writing."""
    try:
        return open_lock(file, shared=True)
    except PermissionError:
        if not os.path.lexists(file):
            raise
        return open_lock(file, os.O_RDONLY, shared=True)


def _take(handle: int, file: Path) -> str:
    """Take the lock, and return the last run's process id where that did not end."""
    try:
        if not take(handle):
            raise _held(file, _read(handle))
        before = _read(handle)
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
            # Written over and then cut: a disk that is full takes nothing of what stands there.
            os.ftruncate(handle, os.pwrite(handle, str(os.getpid()).encode(), 0))
    except OSError as err:
        raise _unusable(file, err) from err
    return before


def _read(handle: int) -> str:
    return os.pread(handle, _MOST_DIGITS, 0).decode("ascii", "replace").strip()


def _held(file: Path, holder: str) -> Refused:
    known = holder.isdecimal()
    look = f"ps -fp {holder}" if known else f"fuser -v {shlex.quote(str(file))}"
    return Refused(
        f"another run is under way here, process {holder if known else 'unknown'}",
        where=file.parent.parent,
        hint=f"wait for it, or look at it: {look}",
    )


def _unusable(file: Path, err: OSError) -> Unusable:
    if err.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS} or not os.path.lexists(file):
        folder = shlex.quote(str(file.parent))
        hint = f"df -h {folder}; ls -ld {folder}"
        return Unusable(f"the clone cannot be written: {err.strerror}", where=file, hint=hint)
    name = shlex.quote(str(file))
    hint = f"ls -ld {name}; while no run is under way it can be removed: rm -r {name}"
    return Unusable(f"the lock file cannot be used: {err.strerror}", where=file, hint=hint)
