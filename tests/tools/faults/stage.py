"""Where releases are hurt: one hub repository, set up anew for each of them, byte by byte the same.

Commits are dated, and names and addresses stay, so that two releases which end well end in the same commits.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from tasks.rehearsal.registry import Registry
from tests.support.cli import TASKS, Result, run_module
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT, make_home, users_own_variables
from tests.support.processes import alive, wait_until
from tests.support.world import World, around

# Of git's own: objects that nothing names, how references came about and are kept, the index with its files' times.
# for-each-ref and ls-files tell what counts of them.
_UNTOLD = ("objects", "logs", "packed-refs", "index")
# What the harness itself cannot repeat: a process's number, and docker's own notes on its builders.
_VARYING = ("hub/.git/hubpress.lock", "home/docker/buildx", "home/docker/.buildNodeID", "home/docker/.token_seed")
_USERS = ("file hub/notes.txt", "file hub/draft.txt", "file hub/hub/Chart.yaml")

RELEASE = ("release", "--yes", "--push")
PATIENCE = 60.0
_DATE = "2026-06-10T10:00:00Z"
_DATES = {"GIT_AUTHOR_DATE": _DATE, "GIT_COMMITTER_DATE": _DATE}


def difference(one: World, other: World) -> str:
    """Return the first thing in which two worlds differ; empty where they are the same."""
    names = (name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name))
    return next((f"{name}: {one.get(name)!r} is not {other.get(name)!r}" for name in names), "")


def users(world: World) -> tuple[object, ...]:
    """Return what is the user's alone: no release may touch it, not even for a moment."""
    staged = [line for line in str(world["git index"]).splitlines() if line.endswith(("notes.txt", "Chart.yaml"))]
    kept = [line for line in str(world["git refs"]).splitlines() if line.endswith(("refs/stash", "refs/heads/main"))]
    return staged, kept, [world.get(name) for name in _USERS]


def only(world: World, kind: str) -> World:
    """Return the things of one kind: ``git``, ``remote``, ``image`` or ``file``."""
    return {name: thing for name, thing in world.items() if name.startswith(f"{kind} ")}


def leftovers(world: World, *allowed: World) -> list[str]:
    """Return the files that no allowed world has."""
    return sorted(only(world, "file").keys() - {name for one in allowed for name in one})


@dataclass(frozen=True)
class Stage:
    """A place for one release at a time, and what that reaches out to; its images have a path of their own."""

    folder: Path
    registry: Registry
    base: str
    charts: str
    guards: Path
    prefix: str = field(default_factory=partial(secrets.token_hex, 4))

    @property
    def place(self) -> Path:
        """The folder of the clone, its remote, its user's home and temporary files."""
        return self.folder / "place"

    @property
    def hub(self) -> Hub:
        return Hub(self.place / "hub", self.place / "hub.git")

    @cached_property
    def env(self) -> Mapping[str, str]:
        """The whole environment of a release."""
        own = users_own_variables()
        inherited = {name: value for name, value in os.environ.items() if name not in own}
        path = os.pathsep.join((str(self.guards), inherited.get("PATH", os.defpath)))
        home = make_home(self._made / "home").items()
        here = {name: value.replace(str(self._made), str(self.place)) for name, value in home}
        whole = {**inherited, **here, **_DATES, "PATH": path, "TMPDIR": str(self.place / "tmp")}
        return {**whole, "PYTHONPATH": str(PROJECT)}

    @property
    def _made(self) -> Path:
        return self.folder / "made"

    def _make(self) -> None:
        """Make the hub repository, with work of its user's in it that is nobody else's business."""
        assert self.env
        (self._made / "tmp").mkdir()
        prefix = f"{self.registry.address}/{self.prefix}"
        hub = make_hub(self._made / "hub", base=self.base, registry=prefix, chart_repository=self.charts)
        hub.git("remote", "set-url", "origin", "../hub.git")
        hub.edit("hub/Chart.yaml", "Our hub", "Our own hub")
        hub.git("stash", "--quiet")
        hub.write("notes.txt", "staged\n")
        hub.git("add", "notes.txt")
        hub.edit("hub/Chart.yaml", "Our hub", "The hub")
        hub.write("draft.txt", "untracked\n")

    def set_up(self) -> None:
        """Put everything back as it was before any release."""
        if not self._made.is_dir():
            self._make()
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self._made, self.place, symlinks=True)
        content = self.registry.folder / "content/docker/registry/v2/repositories"
        shutil.rmtree(content / self.prefix, ignore_errors=True)

    def look(self) -> World:
        hub = around(self.hub, self.registry.address, f"{self.prefix}/core/hub")
        world = {name: thing for name, thing in hub.items() if name.startswith(("git ", "remote ", "image "))}
        return world | {f"file {name}": content for name, content in self._files()}

    def _files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files; of those in git's own folders only that they are there counts."""
        for path in sorted(self.place.rglob("*")):
            name = path.relative_to(self.place).as_posix()
            gits = name.partition("/.git/")[2] or name.partition("hub.git/")[2]
            if path.is_file() and not name.startswith(_VARYING) and gits.split("/")[0] not in _UNTOLD:
                yield name, b"" if gits else path.read_bytes()

    def release(self, clone: Path | None = None) -> Result:
        """Run a release as people do; in another ``clone`` where one is given."""
        return self.run(*TASKS, *RELEASE, clone=clone)

    def driven(self, trace: Path, at: int = 0, harm: str = "") -> Result:
        """Run a release that passes points (see :mod:`.driver`), and wait until all that it has started has ended."""
        started = trace.with_name(f"{trace.name}.started")
        for file in (trace, started):
            file.unlink(missing_ok=True)
        result = self.run(f"{__package__}.driver", str(trace), str(at), harm, *RELEASE)
        # Nobody types it again while git still writes.
        numbers = [int(line) for line in started.read_text().splitlines()] if started.is_file() else []
        wait_until(lambda: not alive(*numbers), PATIENCE)
        return result

    def run(self, *module: str, clone: Path | None = None) -> Result:
        """Run a Python module in the clone; one that does not end in time is killed."""
        try:
            return run_module(*module, cwd=clone or self.hub.path, env=self.env, seconds=PATIENCE)
        except subprocess.TimeoutExpired as late:
            return Result(124, "", str(late))
