"""The harness: a release is hurt at one of its points, made again undisturbed, and held against one that never was."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tasks.core.faults import Interrupted
from tests.support.cli import Result
from tests.support.world import World

from .driver import BEFORE_FILE, SIGNALS
from .stage import Stage, difference, leftovers, users

KILL = "SIGKILL"
INTERRUPTION = "error: interrupted\nhint: run the same command again, it goes on where it stopped\n"
_KILLED = -9


@dataclass
class Harness:
    """The points of a release, and what becomes of it when it is hurt there."""

    stage: Stage
    _outcomes: list[tuple[World, str]] = field(default_factory=list)

    @cached_property
    def planted(self) -> World:
        """The world before any release."""
        self.stage.set_up()
        return self.stage.look()

    @cached_property
    def undisturbed(self) -> World:
        """The world after a release that nobody disturbs."""
        self.stage.set_up()
        result = self.stage.release()
        assert result.code == 0, result
        return self.stage.look()

    @cached_property
    def points(self) -> list[str]:
        """The names of the points that a release passes, in order; the trace of one that nobody hurts."""
        self.stage.set_up()
        result = self.stage.driven(self._trace)
        assert result.code == 0, result
        assert difference(self.stage.look(), self.undisturbed) == ""
        return self._trace.read_text(encoding="utf-8").splitlines()

    def numbers(self, harm: str) -> list[int]:
        """Return the points that a harm can be done at: a disk's faults where a file is written, signals anywhere."""
        numbered = enumerate(self.points, start=1)
        return [number for number, point in numbered if harm in SIGNALS or point.startswith(BEFORE_FILE)]

    def hurt(self, number: int, harm: str) -> str:
        """Hurt a release at one point, and make it again; return what is wrong then, empty where nothing is."""
        self.stage.set_up()
        result = self.stage.driven(self._trace, number, harm)
        point = self._trace.read_text(encoding="utf-8").splitlines()[number - 1]
        assert point == self.points[number - 1], "the release passes other points than before"
        wrong = _ended_ill(result, harm) or self.lost(may_leave_files=harm == KILL) or self.again()
        return f"{harm} at {number} ({point}): {wrong}" if wrong else ""

    def lost(self, *, may_leave_files: bool = False) -> str:
        """Return what a release that was stopped has touched of the user's, or has left behind."""
        stopped = self.stage.look()
        if users(stopped) != users(self.planted):
            return "the user's own work was touched"
        left = leftovers(stopped, self.planted, self.undisturbed)
        return f"left behind: {', '.join(left)}" if left and not may_leave_files else ""

    def again(self) -> str:
        """Release again, and return what is wrong then; of a world that is known the outcome is known."""
        stopped = self.stage.look()
        for world, wrong in self._outcomes:
            if world == stopped:
                return wrong
        again = self.stage.release()
        wrong = again.err if again.code else difference(self.stage.look(), self.undisturbed)
        self._outcomes.append((stopped, wrong))
        return wrong

    @property
    def _trace(self) -> Path:
        return self.stage.folder / "trace"


def _ended_ill(result: Result, harm: str) -> str:
    """Return what is wrong with the way in which a release ended that was hurt; empty where nothing is."""
    lines = result.err.splitlines()
    told = [line for line in lines if line.startswith(("error: ", "hint: "))]
    if harm == KILL:
        well = result.code == _KILLED
    elif harm in SIGNALS:
        well = result.code == Interrupted.code and result.err.endswith(INTERRUPTION) and told == lines[-2:]
    else:
        well = result.code == 0 or (result.code in {1, 2, 3, 4} and told == lines[-2:] and "unexpected" not in told[0])
    return "" if well else f"it ended with status {result.code}: {' / '.join(lines[-3:])}"
