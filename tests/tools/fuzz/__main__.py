"""Feed every reader for a while, and print what came of it: ``python -m tests.tools.fuzz [SECONDS]``.

Ends with 1 where anything but a fault came out of a reader, or an input took longer than its bound. What did it is
kept in a folder, one file for each.
"""

import itertools
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, Phase, given, seed, settings

from .readers import READERS, Reader, outcome

DEFAULT_SECONDS = 60
ROUND = 40
MOST_MEMORY = 2 * 1024**3
_ROW = "{:32} {:>8} {:>8} {:>8} {:>6} {:>9}"


class TooSlow(BaseException):
    """An input took longer than its reader's bound; no reader takes this for an error of its own."""


@dataclass
class Tally:
    """What came of one reader's inputs."""

    reader: Reader
    folder: Path
    inputs: int = 0
    faults: int = 0
    crashes: int = 0
    late: int = 0
    slowest: float = 0
    seen: set[str] = field(default_factory=set)

    def feed(self, given_to_it: object) -> None:
        """Give the reader one input."""
        self.inputs += 1
        begin = time.process_time()
        # Again and again: what is raised where Python cannot pass it on is lost.
        signal.setitimer(signal.ITIMER_PROF, self.reader.seconds, 0.1)
        try:
            self.faults += outcome(self.reader, given_to_it) is not None
        except TooSlow:
            self._keep("late", given_to_it, traceback.format_exc())
        except Exception:  # noqa: BLE001 - whatever is not a fault is what is looked for
            self.crashes += 1
            self._keep("crash", given_to_it, traceback.format_exc())
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        seconds = time.process_time() - begin
        self.late += seconds > self.reader.seconds
        self.slowest = max(self.slowest, seconds)

    def row(self) -> tuple[str, ...]:
        """Return it as a line of the table."""
        return (
            self.reader.name,
            *map(str, (self.inputs, self.faults, self.crashes, self.late)),
            f"{self.slowest:.3f} s",
        )

    def _keep(self, kind: str, given_to_it: object, trace: str) -> None:
        """Keep an input that broke the reader, one for each place that it broke at."""
        place = trace[-400:]
        if place not in self.seen:
            self.seen.add(place)
            name = f"{kind}-{self.reader.name.replace(' ', '-')}-{len(self.seen)}.txt"
            (self.folder / name).write_text(f"{given_to_it!r}\n\n{trace}", encoding="utf-8", errors="backslashreplace")


def run(readers: Sequence[Reader], seconds: float, folder: Path) -> list[Tally]:
    """Feed the readers in turn until ``seconds`` are over."""
    deadline = time.monotonic() + seconds
    tallies = [Tally(reader, folder) for reader in readers]
    first = time.time_ns()
    for number in itertools.count():
        for tally in tallies:
            if time.monotonic() > deadline:
                return tallies
            _round(tally, first + number)
    raise AssertionError


def _round(tally: Tally, number: int) -> None:
    """Feed one reader with ``ROUND`` inputs, which ``number`` decides."""
    plan = settings(
        max_examples=ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(plan(given(tally.reader.inputs)(tally.feed)))()


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise TooSlow


def main(seconds: float) -> int:
    """Run, print the table, and return the exit code."""
    signal.signal(signal.SIGPROF, _too_slow)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    folder = Path(tempfile.mkdtemp(prefix="hubpress-fuzz-"))
    tallies = run(READERS, seconds, folder)
    print(_ROW.format("reader", "inputs", "faults", "crashes", "late", "slowest"))
    for tally in tallies:
        print(_ROW.format(*tally.row()))
    inputs, faults, crashes, late = (
        sum(getattr(tally, name) for tally in tallies) for name in ("inputs", "faults", "crashes", "late")
    )
    kept = f"; what did it is in {folder}" if crashes or late else ""
    print(f"fuzz: {len(tallies)} readers, {inputs} inputs, {faults} faults, {crashes} crashes, {late} late{kept}")
    if not kept:
        folder.rmdir()
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SECONDS))
