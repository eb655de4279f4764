"""Where releases are hurt: one hub repository, set up anew for each of them, byte by byte the same.

Commits are dated, and names and addresses stay, so that two releases which end well end in the same commits.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tasks.rehearsal.registry import Registry
from tests.support.cli import TASKS, Result, run_module
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT, make_home, users_own_variables

from .world import World

RELEASE = ("release", "--yes", "--push")
PREFIX = "hurt"
PATIENCE = 60.0
_DATE = "2026-06-10T10:00:00Z"
_DATES = {"GIT_AUTHOR_DATE": _DATE, "GIT_COMMITTER_DATE": _DATE}


@dataclass(frozen=True)
class Around:
    """What a release reaches out to."""

    registry: Registry
    base: str
    charts: str
    guards: Path


@dataclass(frozen=True)
class Stage:
    """A place for one release at a time."""

    folder: Path
    around: Around
    prefix: str = PREFIX

    @property
    def place(self) -> Path:
        """The folder of the clone, its remote, its user's home and temporary files."""
        return self.folder / "place"

    @property
    def hub(self) -> Hub:
        """The clone."""
        return Hub(self.place / "hub", self.place / "hub.git")

    @cached_property
    def env(self) -> Mapping[str, str]:
        """The whole environment of a release."""
        own = users_own_variables()
        inherited = {name: value for name, value in os.environ.items() if name not in own}
        path = os.pathsep.join((str(self.around.guards), inherited.get("PATH", os.defpath)))
        home = make_home(self.folder / "made" / "home").env
        here = {name: value.replace(str(self._made), str(self.place)) for name, value in home.items()}
        return {**inherited, **here, **_DATES, "PATH": path, "TMPDIR": str(self.place / "tmp")}

    @property
    def _made(self) -> Path:
        return self.folder / "made"

    def make(self) -> None:
        """Make the hub repository, with work of its user's in it that is nobody else's business."""
        assert self.env
        (self._made / "tmp").mkdir()
        hub = make_hub(
            self._made / "hub",
            base=self.around.base,
            registry=f"{self.around.registry.address}/{self.prefix}",
            chart_repository=self.around.charts,
        )
        hub.git("remote", "set-url", "origin", "../hub.git")
        for sample in self._made.rglob("*.sample"):
            sample.unlink()
        _leave_work(hub)

    def set_up(self) -> None:
        """Put everything back as it was before any release."""
        if not self._made.is_dir():
            self.make()
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self._made, self.place, symlinks=True)
        content = self.around.registry.folder / "content/docker/registry/v2/repositories"
        shutil.rmtree(content / self.prefix, ignore_errors=True)

    def look(self) -> World:
        """Return all that there is now."""
        return World.of(self.place, self.hub, self.around.registry.address, self.prefix)

    def release(self, clone: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
        """Run a release as people do; in another ``clone`` where one is given, and with more variables."""
        return self.run(*TASKS, *RELEASE, clone=clone, env=env)

    def driven(self, trace: Path, at: int = 0, harm: str = "") -> Result:
        """Run a release that passes points (see :mod:`.driver`), and wait until all that it has started has ended."""
        started = trace.with_name(f"{trace.name}.started")
        for file in (trace, started):
            file.unlink(missing_ok=True)
        result = self.run(f"{__package__}.driver", str(trace), str(at), harm, *RELEASE)
        _wait_for_orphans(started)
        return result

    def run(self, *module: str, clone: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
        """Run a Python module in the clone, as the leader of a session.

        One that does not end in time is killed, and counts as status 124, as ``timeout`` has it.
        """
        whole = {**self.env, "PYTHONPATH": str(PROJECT), **(env or {})}
        try:
            return run_module(*module, cwd=clone or self.hub.path, env=whole, seconds=PATIENCE, new_session=True)
        except subprocess.TimeoutExpired as late:
            out, err = ((said or b"").decode(errors="replace") for said in (late.output, late.stderr))
            return Result(124, out, f"{err}{late}")


def _leave_work(hub: Hub) -> None:
    """Leave a stash, a staged file, a changed file and an untracked one."""
    hub.edit("hub/Chart.yaml", "Our hub", "Our own hub")
    hub.git("stash", "--quiet")
    hub.write("notes.txt", "staged\n")
    hub.git("add", "notes.txt")
    hub.edit("hub/Chart.yaml", "Our hub", "The hub")
    hub.write("draft.txt", "untracked\n")


def _wait_for_orphans(started: Path) -> None:
    """Wait until the processes that a run has started have ended: nobody types it again while git still writes."""
    deadline = time.monotonic() + PATIENCE
    numbers = [int(line) for line in started.read_text().splitlines()] if started.is_file() else []
    while any(map(_alive, numbers)):
        if time.monotonic() > deadline:
            raise AssertionError(f"one of the processes {numbers} does not end")
        time.sleep(0.01)


def _alive(process: int) -> bool:
    """Whether a process runs; one that only waits for init to forget it does not, and some inits take seconds."""
    if not Path("/proc/self/stat").exists():
        return _is_known(process)
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_known(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
