"""The harness: a release is hurt at one of its points, made again undisturbed, and held against one that never was."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tasks.core.faults import Interrupted
from tests.support.cli import Result

from .driver import BEFORE_FILE, SIGNALS
from .stage import Stage, World

CONVERGED, LOST, STUCK = "converged", "lost", "stuck"
KILL = "SIGKILL"
INTERRUPTION = "error: interrupted\nhint: run the same command again, it goes on where it stopped\n"
_DONE, _KILLED = 0, -9
_FAULTS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Verdict:
    """What became of one release that was hurt."""

    number: int
    point: str
    harm: str
    kind: str = CONVERGED
    why: str = ""

    def __str__(self) -> str:
        return f"{self.harm} at {self.number} ({self.point}): {self.kind}: {self.why}"


@dataclass
class Harness:
    """The points of a release, and what becomes of it when it is hurt there."""

    stage: Stage
    _outcomes: dict[str, tuple[Result, World]] = field(default_factory=dict)

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
        assert result.code == _DONE, result
        return self.stage.look()

    @cached_property
    def points(self) -> tuple[str, ...]:
        """The names of the points that a release passes, in order; the trace of one that nobody hurts."""
        self.stage.set_up()
        result = self.stage.driven(self._trace)
        assert result.code == _DONE, result
        assert not self.stage.look().difference(self.undisturbed)
        return self._passed()

    def numbers(self, harm: str) -> tuple[int, ...]:
        """Return the points that a harm can be done at: a disk's faults where a file is written, signals anywhere."""
        numbered = enumerate(self.points, start=1)
        return tuple(number for number, point in numbered if harm in SIGNALS or BEFORE_FILE in point)

    def hurt(self, number: int, harm: str) -> Verdict:
        """Hurt a release at one point, make it again, and judge."""
        untouched = self.planted
        self.stage.set_up()
        result = self.stage.driven(self._trace, number, harm)
        # What is asked side by side comes in any order.
        point = self._passed()[number - 1]
        assert point in self.points, "the release passes other points than before"
        stopped = self.stage.look()
        why = _ended_ill(result, harm)
        if stopped.users() != untouched.users():
            why = "the user's own work was touched"
        if left := stopped.leftovers(untouched, self.undisturbed):
            why = why or (f"left behind: {', '.join(left)}" if harm != KILL else "")
        if why:
            return Verdict(number, point, harm, LOST, why)
        return Verdict(number, point, harm, *self.again(stopped))

    def again(self, stopped: World) -> tuple[str, str]:
        """Release again in the world ``stopped``, and say how that went and why; of the same world that is known."""
        key = stopped.key()
        if key not in self._outcomes:
            again = self.stage.release()
            self._outcomes[key] = again, self.stage.look()
        again, world = self._outcomes[key]
        if again.code != _DONE:
            return STUCK, again.err
        difference = world.difference(self.undisturbed)
        return (LOST, difference) if difference else (CONVERGED, "")

    @property
    def _trace(self) -> Path:
        return self.stage.folder / "trace"

    def _passed(self) -> tuple[str, ...]:
        return tuple(self._trace.read_text(encoding="utf-8").splitlines())


def _ended_ill(result: Result, harm: str) -> str:
    """Return what is wrong with the way in which a release ended that was hurt; empty where nothing is."""
    lines = result.err.splitlines()
    told = [line for line in lines if line.startswith(("error: ", "hint: "))]
    if harm == KILL:
        well = result.code == _KILLED
    elif harm in SIGNALS:
        well = result.code == Interrupted.code and result.err.endswith(INTERRUPTION) and told == lines[-2:]
    else:
        well = result.code == _DONE or (result.code in _FAULTS and told == lines[-2:] and "unexpected" not in told[0])
    return "" if well else f"it ended with status {result.code}: {' / '.join(lines[-3:])}"
