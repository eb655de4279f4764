"""Where releases are hurt: one hub repository, set up anew for each of them, byte by byte the same.

Commits are dated, and names and addresses stay, so that two releases which end well end in the same commits.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

from tasks.rehearsal.registry import Registry
from tests.support.cli import TASKS, Result, run_module
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT, make_home, users_own_variables
from tests.support.processes import alive, wait_until
from tests.support.world import images_in

# Of git's own: objects that nothing names, how references came about and are kept, the index with its files' times.
# for-each-ref and ls-files tell what counts of them.
_UNTOLD = ("objects", "logs", "packed-refs", "index")
# What the harness itself cannot repeat: a process's number, and docker's own notes on its builders.
_VARYING = ("hub/.git/hubpress.lock", "home/docker/buildx", "home/docker/.buildNodeID", "home/docker/.token_seed")


@dataclass(frozen=True)
class World:
    """What there is in one place, and in its registry."""

    head: str
    refs: str
    subjects: str
    index: str
    status: str
    config: str
    remote: str
    images: Mapping[str, str]
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, place: Path, hub: Hub, registry: str, prefix: str) -> World:
        """Look at everything."""
        return cls(
            head=hub.git("symbolic-ref", "HEAD"),
            refs=hub.git("for-each-ref"),
            subjects=hub.git("log", "--pretty=%H %T %s"),
            index=hub.git("ls-files", "--stage"),
            status=hub.git(
                "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--show-stash", "--untracked-files=all"
            ),
            config=hub.git("config", "--local", "--list"),
            remote=hub.remote_git("for-each-ref"),
            images=images_in(registry, f"{prefix}/core/hub"),
            files=_files(place),
        )

    def difference(self, other: World, but: str = "") -> str:
        """Return the first thing, ``but`` this one, in which another world differs; empty where it is the same."""
        for name in (field.name for field in fields(self) if field.name != but):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                return f"{name}: {_first_difference(mine, theirs)}"
        return ""

    def key(self) -> str:
        """Return a hash: two worlds with one key are the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def users(self) -> tuple[object, ...]:
        """Return what is the user's alone: no release may touch it, not even for a moment."""
        staged = [line for line in self.index.splitlines() if line.endswith(("notes.txt", "Chart.yaml"))]
        stashes = [line for line in self.refs.splitlines() if line.endswith(("refs/stash", "refs/heads/main"))]
        own = {name: self.files.get(f"hub/{name}") for name in ("notes.txt", "draft.txt", "hub/Chart.yaml")}
        return staged, stashes, own

    def leftovers(self, *allowed: World) -> list[str]:
        """Return the files that no allowed world has."""
        return sorted(self.files.keys() - {name for world in allowed for name in world.files})


def _files(place: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_file() and not name.startswith(_VARYING) and not _is_untold(name):
            found[name] = b"" if "/.git/" in name or name.startswith("hub.git/") else path.read_bytes()
    return found


def _is_untold(name: str) -> bool:
    inside = name.partition("/.git/")[2] if "/.git/" in name else name.removeprefix("hub.git/")
    return inside.split("/")[0] in _UNTOLD and inside != name


def _first_difference(mine: object, theirs: object) -> str:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        names = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        return f"{names[0]}: {mine.get(names[0])!r} is not {theirs.get(names[0])!r}"
    return f"{mine!r} is not {theirs!r}"


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
        # Nobody types it again while git still writes.
        numbers = [int(line) for line in started.read_text().splitlines()] if started.is_file() else []
        wait_until(lambda: not alive(*numbers), PATIENCE)
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
