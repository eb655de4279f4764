"""The table that people read."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tasks.core.output import table

from .timing import Pairs


@dataclass(frozen=True)
class Row:
    """One promise.

    Attributes:
        name: what is measured.
        against: the baseline.
        value: what was measured, in ``unit``.
        limit: what it may be at most.
        unit: ``x`` (times the baseline), ``MiB`` or ``requests``.
        ours: our own median: seconds where times are compared, else in ``unit``.
        theirs: the baseline's.
        count: how many pairs (or runs) the medians are of.
    """

    name: str
    against: str
    value: float
    limit: float
    unit: str
    ours: float
    theirs: float
    count: int

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.value <= self.limit


def ratio(name: str, against: str, times: Pairs, limit: float) -> Row:
    """Return the row of a ratio: at most ``limit`` times the baseline."""
    ours, theirs = median(times.ours), median(times.theirs)
    return Row(name, against, times.ratio, limit, "x", ours, theirs, len(times.ours))


HEAD = ("", "what", "against", "limit", "measured", "ours", "baseline")


def as_text(rows: Sequence[Row]) -> str:
    """Return the rows as aligned lines below a head."""
    return table([HEAD, *(_cells(row) for row in rows)])


def summary(rows: Sequence[Row]) -> str:
    """Return the last line: ``12 rows, 12 met``."""
    return f"{len(rows)} rows, {sum(row.met for row in rows)} met"


def machine() -> str:
    """Return what the numbers were measured on: system, processor, its number of cores, Python."""
    cores = f"{os.cpu_count() or 1} cores"
    return ", ".join((platform.platform(terse=True), _processor(), cores, f"Python {platform.python_version()}"))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        "met" if row.met else "MISSED",
        row.name,
        row.against,
        _shown(row.limit, row.unit),
        _shown(row.value, row.unit),
        _shown(row.ours, "s" if row.unit == "x" else row.unit),
        _shown(row.theirs, "s" if row.unit == "x" else row.unit),
    )


def _shown(value: float, unit: str) -> str:
    if unit == "x":
        return f"{value:.3g}x"
    return f"{value:.3f} s" if unit == "s" else f"{value:.0f} {unit}"


def _processor() -> str:
    """Return the processor's name: Linux has it in a file, elsewhere the platform module knows."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
