"""Timing two programs against each other on a machine that has other things to do, and the table that people read."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tasks.core.output import table
from tests.support.cli import run

LEAST_PAIRS = 7
_HEAD = ("", "what", "against", "limit", "measured", "ours", "baseline")


@dataclass(frozen=True)
class Call:
    """A program whose run is timed, from its start to its end.

    Attributes:
        title: what it is called in the table.
        argv: the program and its arguments.
        cwd: where it runs.
        prepare: makes the world ready before every run; it is not timed.
        ends: the statuses that it may end with.
    """

    title: str
    argv: tuple[str, ...]
    cwd: Path = field(default_factory=Path.cwd)
    prepare: Callable[[], object] = lambda: None
    ends: frozenset[int] = frozenset({0})

    def seconds(self) -> float:
        self.prepare()
        begin = time.perf_counter()
        self.output()
        return time.perf_counter() - begin

    def output(self) -> str:
        """Run it once, and return what it printed on standard output."""
        done = run(*self.argv, cwd=self.cwd, seconds=3600)
        if done.code not in self.ends:
            raise RuntimeError(f"{self.title}: {done}")
        return done.out


@dataclass(frozen=True)
class Row:
    """One promise.

    Attributes:
        name: what is measured.
        against: the baseline.
        value: what was measured, in ``unit``.
        limit: what it may be at most.
        unit: ``x`` (times the baseline) or ``MiB``.
        medians: our own and the baseline's, where times are compared.
    """

    name: str
    against: str
    value: float
    limit: float
    unit: str = "x"
    medians: tuple[float, float] | None = None

    @property
    def met(self) -> bool:
        return self.value <= self.limit

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = (f"{number:.3g}{'' if self.unit == 'x' else ' '}{self.unit}" for number in (self.limit, self.value))
        medians = (f"{seconds:.3f} s" for seconds in self.medians or ())
        return ("met" if self.met else "MISSED", self.name, self.against, *numbers, *medians)


def ratio(ours: Call, theirs: Call, count: int, limit: float, *, warm: bool = True) -> Row:
    """Time two calls in pairs that alternate which is first; the row is the median of the pairs' ratios.

    Load that comes and goes hits both of a pair.
    """
    if count < LEAST_PAIRS:
        raise ValueError(f"{count} pairs are too few for a median, {LEAST_PAIRS} are needed")
    if warm:
        theirs.seconds()
        ours.seconds()
    times: dict[Call, list[float]] = {ours: [], theirs: []}
    for turn in range(count):
        for call in (ours, theirs) if turn % 2 else (theirs, ours):
            times[call].append(call.seconds())
    value = median(one / other for one, other in zip(times[ours], times[theirs], strict=True))
    return Row(ours.title, theirs.title, value, limit, medians=(median(times[ours]), median(times[theirs])))


def as_text(rows: Sequence[Row]) -> str:
    """Return the rows as aligned lines below a head, and the summary: ``12 rows, 12 met``."""
    cells = [(*row.cells, *("" for _ in range(len(_HEAD) - len(row.cells)))) for row in rows]
    return f"{table([_HEAD, *cells])}\n\n{len(rows)} rows, {sum(row.met for row in rows)} met"
