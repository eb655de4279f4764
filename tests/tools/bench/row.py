"""A row of the table: one promise, what was measured for it, and whether it is kept."""

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

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

    def as_json(self) -> dict[str, Any]:
        """Return the row as the JSON file has it."""
        return {**asdict(self), "met": self.met}


def ratio(name: str, against: str, times: Pairs, limit: float) -> Row:
    """Return the row of a ratio: at most ``limit`` times the baseline."""
    ours, theirs = median(times.ours), median(times.theirs)
    return Row(name, against, times.ratio, limit, "x", ours, theirs, len(times.ours))
