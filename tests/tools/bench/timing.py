"""Timing two programs against each other on a machine that has other things to do."""

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

LEAST_PAIRS = 7


@dataclass(frozen=True)
class Call:
    """A program whose run is timed, from its start to its end.

    Attributes:
        title: what it is called in the table.
        argv: the program and its arguments.
        cwd: where it runs.
        prepare: makes the world ready before every run; it is not timed.
        env: its whole environment; None for this process's own.
        ends: the statuses that it may end with.
    """

    title: str
    argv: tuple[str, ...]
    cwd: Path = field(default_factory=Path.cwd)
    prepare: Callable[[], None] = field(default=lambda: None)
    env: Mapping[str, str] | None = None
    ends: frozenset[int] = frozenset({0})

    def seconds(self) -> float:
        """Run it once, and return how long it took."""
        self.prepare()
        begin = time.perf_counter()
        self._run()
        return time.perf_counter() - begin

    def output(self) -> str:
        """Run it once, and return what it printed on standard output."""
        self.prepare()
        return self._run().stdout

    def _run(self) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.argv,
            cwd=self.cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode not in self.ends:
            raise RuntimeError(f"{self.title}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done


@dataclass(frozen=True)
class Pairs:
    """Times of two calls, in seconds: those of one pair were measured one right after the other."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios: load that comes and goes hits both of a pair."""
        return median(one / other for one, other in zip(self.ours, self.theirs, strict=True))


def pairs(ours: Call, theirs: Call, count: int, *, warm: bool = True) -> Pairs:
    """Time two calls in turns, each of them first in every other pair."""
    if count < LEAST_PAIRS:
        raise ValueError(f"{count} pairs are too few for a median, {LEAST_PAIRS} are needed")
    if warm:
        theirs.seconds()
        ours.seconds()
    measured = [_pair(ours, theirs, ours_first=bool(turn % 2)) for turn in range(count)]
    return Pairs(*zip(*measured, strict=True))


def _pair(ours: Call, theirs: Call, *, ours_first: bool) -> tuple[float, float]:
    if ours_first:
        first = ours.seconds()
        return first, theirs.seconds()
    first = theirs.seconds()
    return ours.seconds(), first


def quietly(*argv: str, cwd: Path) -> Callable[[], None]:
    """Return what runs a preparing command, which must succeed."""
    return partial(_succeed, argv, cwd)


def _succeed(argv: tuple[str, ...], cwd: Path) -> None:
    subprocess.run(argv, cwd=cwd, check=True, capture_output=True)
