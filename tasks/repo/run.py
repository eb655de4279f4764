"""One task's run in a hub repository: opened, alone in it where it writes, its plan shown or carried out."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from invoke.context import Context

from ..core import github_actions, output
from ..core.faults import Refused, Unusable
from ..core.plan import Plan
from ..core.settings import FILE, SECTION, read_settings, section_of
from ..tools.git import Git
from .files import sweep
from .hub import Hub, open_hub

LOCK_FILE = "hubpress.lock"
# A pipe would keep us waiting, a link could lead to a file of the user's own.
_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MOST_DIGITS = 20


@contextlib.contextmanager
def one_run_at_a_time(git_dir: Path) -> Iterator[bool]:
    """Hold the clone's lock.

    Args:
        git_dir: the clone's ``.git``; the lock's file stays there. It holds the process id of the run that is under
            way, or of the last one if that did not come to its end. Another user's file locks as well, and is not
            written where it may only be read.

    Yields:
        Whether the run before did not come to its end: something of it may be left.

    Raises:
        Refused: another run holds it; the message names its process.
        Unusable: the file cannot be made or used.
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
    """Open the lock's file, which is made where it is missing, for as much as it allows."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | _SAFELY, 0o666)
    except PermissionError:
        if not os.path.lexists(file):
            raise
        handle = os.open(file, os.O_RDONLY | _SAFELY)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file, or has other names")
    return handle


def _take(handle: int, file: Path) -> str:
    """Take the lock, and return what the last run has left in its file."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _held(file, _read(handle)) from None
    except OSError as err:
        raise _unusable(file, err) from err
    before = _read(handle)
    if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
        try:
            # Written over and then cut: a disk that is full takes nothing of what stands there.
            os.ftruncate(handle, os.pwrite(handle, str(os.getpid()).encode(), 0))
        except OSError as err:
            raise _unusable(file, err) from err
    return before


def _read(handle: int) -> str:
    return os.pread(handle, _MOST_DIGITS, 0).decode("ascii", "replace").strip()


def _held(file: Path, holder: str) -> Refused:
    """Return the fault for a lock that another run holds."""
    known = holder.isdecimal()
    look = f"ps -fp {holder}" if known else f"fuser -v {shlex.quote(str(file))}"
    return Refused(
        f"another run is under way here, process {holder if known else 'unknown'}",
        where=file.parent.parent,
        hint=f"wait for it, or look at it: {look}",
    )


def _unusable(file: Path, err: OSError) -> Unusable:
    """Return the fault for a lock's file that cannot be made, or is there and cannot be used."""
    if err.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS} or not os.path.lexists(file):
        folder = shlex.quote(str(file.parent))
        hint = f"df -h {folder}; ls -ld {folder}"
        return Unusable(f"the clone cannot be written: {err.strerror}", where=file, hint=hint)
    name = shlex.quote(str(file))
    hint = f"ls -ld {name}; while no run is under way it can be removed: rm -r {name}"
    return Unusable(f"the lock file cannot be used: {err.strerror}", where=file, hint=hint)


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
        (output.data if self.dry and not self.json else output.say)(text)

    def _tell(self, plan: Plan, more: Callable[[], Mapping[str, Any]]) -> None:
        """Print the report: JSON where it was asked for, else the summary of what was done; and tell CI."""
        if github_actions.is_listening():
            github_actions.tell(github_actions.of_plan(plan.report(), changed=plan.changes_something, dry=self.dry))
        if self.json:
            output.report({**plan.report(), **more()})
        elif not self.dry:
            output.data("\n".join(plan.summary()) or "Nothing to do.")


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
