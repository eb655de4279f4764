"""The rows of each task's peak memory: our own process, without the programs that it starts."""

from collections.abc import Iterator
from statistics import median

from . import children
from .lab import OLDER, Lab
from .made import Shape
from .table import Row
from .timing import Call

_TASKS = (
    ("bump",),
    ("commit",),
    ("build",),
    ("status",),
    ("check",),
    ("doctor",),
    ("auth",),
    ("release", "--yes"),
)
_MIB = 1024 * 1024
_LIMIT = 80
_LINES = 10_000
_RUNS = 3
# A check that finds something, and a doctor that misses a tool, have done their work too.
_ENDS = frozenset({0, 1})


def peaks(lab: Lab) -> Iterator[Row]:
    """Each task in a hub with a long values file."""
    for task in _TASKS:
        found = [_peak(lab, task) for _ in range(_RUNS)]
        name = f"peak memory of {task[0]}, {_LINES:,} lines of values"
        yield Row(name, "", median(found), _LIMIT, "MiB", median(found), 0, _RUNS)


def _peak(lab: Lab, task: tuple[str, ...]) -> float:
    hub = lab.hub(Shape(lines=_LINES), OLDER)
    note = hub.path / ".git" / "peak"
    Call(f"invoke {task[0]}", children.peak_of(note, *task), hub.path, ends=_ENDS).seconds()
    return int(note.read_text(encoding="utf-8")) / _MIB
