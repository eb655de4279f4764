"""A plan: steps, each with its actions. A dry run shows the same objects that a real run performs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from . import output
from .faults import Fault, Refused
from .output import DIM, RED, YELLOW, Line
from .visible import one_line

# A plan with a single step reports its time only if it took this many seconds.
_LONG = 10.0

# Results that are not facts: the commit that was made, and the remote that its branch was pushed to.
COMMIT, PUSHED = "commit", "pushed"
# Values by the names of facts, and other results of actions.
Values: TypeAlias = "Mapping[str, Any]"


def _words(value: object) -> str:
    if value is None:
        return "is gone"
    return f"is now {value}" if isinstance(value, str) else "has changed"


class Fact(NamedTuple):
    """Something that an action relies on; ``ask`` returns its current value, and is called again before the action.

    ``words`` describes a changed value, to follow the name: ``is now main``.
    """

    name: str
    ask: Callable[[], Any]
    value: Any
    words: Callable[[Any], str] = _words

    def require(self, value: Any) -> None:  # noqa: ANN401 - what ``ask`` returns
        """Ask again, and check that it is ``value``."""
        now = self.ask()
        if now != value:
            raise Moved(f"{self.name} {self.words(now)}")


class Moved(Refused):
    """A fact has changed since the plan was made; ``back`` is the command that changes it back."""

    def __init__(self, what: str, back: str = "") -> None:
        again = "run the same command again"
        super().__init__(f"the plan no longer holds: {what}", hint=f"{back}, then {again}" if back else again)


class Action(NamedTuple):
    """One change.

    Attributes:
        do: performs it, given the facts it relies on and the results of earlier actions; returns its own results, which
            include the new values of facts that it changes. None if there is nothing to do.
        refusal: why it cannot be done.
        is_check: whether it only checks something; only a dry run shows it.
    """

    what: str
    why: str = ""
    do: Callable[[Values], Values | None] | None = None
    details: tuple[str, ...] = ()
    relies: tuple[Fact, ...] = ()
    refusal: Fault | None = None
    is_check: bool = False

    @property
    def mark(self) -> str:
        """Its mark in a plan: ``*`` to do, ``-`` nothing to do, ``x`` refused."""
        if self.refusal:
            return "x"
        return "*" if self.do else "-"


class Step(NamedTuple):
    """What one task does: its actions in order, and what people should know before they agree.

    Attributes:
        report, summary: return the step's part of the JSON report and of the summary, given its actions' results.
        warnings: returns the warnings. Called only if they are shown, because it can be slow.
        moves: rows of what moves: ``JupyterHub``, ``4.0.2 -> 4.1.6``.
        changes: whether it changes anything besides the sign-in.
    """

    name: str
    actions: tuple[Action, ...]
    report: Callable[[Values], Mapping[str, Any]] = lambda _: {}
    summary: Callable[[Values], Sequence[str]] = lambda _: ()
    warnings: Callable[[], Iterable[str]] = tuple
    moves: tuple[tuple[str, str], ...] = ()
    changes: bool = True

    def safe_warnings(self) -> Iterator[str]:
        """Yield the warnings; a fault of the search is one too, because a run that shows none would not meet it."""
        try:
            yield from self.warnings()
        except Fault as fault:
            yield fault.text

    @property
    def to_do(self) -> tuple[Action, ...]:
        """The actions that have something to do."""
        return tuple(action for action in self.actions if action.do is not None)


def refused(name: str, fault: Fault) -> Step:
    """Return the step ``name`` that could not be planned because of ``fault``."""
    return Step(name, (Action(f"refused: {fault.text}", refusal=fault),))


@dataclass
class Plan:
    """The steps of a run.

    Attributes:
        results, times: of the steps performed so far, the results of their actions, and their times in seconds.
        before: the reports of steps that an earlier plan of the same run has performed.
    """

    steps: tuple[Step, ...]
    results: list[Values] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    before: list[dict[str, Any]] = field(default_factory=list)

    @property
    def nothing_to_do(self) -> bool:
        """Whether everything is done already."""
        return self.refusal is None and not any(step.to_do for step in self.steps)

    @property
    def refusal(self) -> Fault | None:
        """The first refusal."""
        return next((action.refusal for step in self.steps for action in step.actions if action.refusal), None)

    def require_possible(self) -> None:
        """Raise the plan's refusal, if there is one."""
        if self.refusal:
            raise self.refusal

    def lines(self, *, whole: bool) -> Iterator[Line]:
        """Yield the plan for people: with reasons, diffs and commands if ``whole``, else on one screen."""
        width = max(len(step.name) for step in self.steps)
        moves = [] if whole else [row for step in self.steps for row in step.moves]
        yield from (*_rows(moves, "  "), *([Line()] if moves else []))
        for step in self.steps:
            yield from _lines_of(step if whole else _shortened(step), width)
        warnings = [] if whole else [one for step in self.steps for one in step.safe_warnings()]
        yield from ([Line()] if warnings else [])
        yield from (Line(text=f"  ! {one_line(one)}", style=YELLOW) for one in warnings)

    def perform(self) -> None:
        """Perform the actions, and print each step's time; do nothing if an action is refused."""
        self.require_possible()
        width = max(len(step.name) for step in self.steps)
        known: dict[str, Any] = {}
        for step in self.steps:
            begin = time.monotonic()
            result: dict[str, Any] = {}
            self.results.append(result)
            for action in step.to_do:
                # A fact has the planned value, or the one that an earlier action gave it.
                relied = {fact.name: known.get(fact.name, fact.value) for fact in action.relies}
                for fact in action.relies:
                    fact.require(relied[fact.name])
                changes = (action.do({**known, **relied}) if action.do else None) or {}
                known.update(changes)
                result.update(changes)
            self.times.append(time.monotonic() - begin)
            if step.to_do and (len(self.steps) > 1 or self.times[-1] >= _LONG):
                output.say(f" done in {output.duration(self.times[-1])}", lead=step.name.ljust(width))

    def done_so_far(self) -> list[str]:
        """Return the lines that say what was done before an action failed; empty if nothing was."""
        begun = [(step, result) for step, result in zip(self.steps, self.results, strict=False) if result]
        return [line for step, result in begun for line in step.summary(result) if not line.startswith(" ")]

    def report(self) -> dict[str, Any]:
        """Return the steps' reports as one; lists under the same key are joined, else the later value wins."""
        whole: dict[str, Any] = {}
        for step, result in zip(self.steps, self.results or [{}] * len(self.steps), strict=True):
            for key, value in step.report(result).items():
                whole[key] = [*whole.get(key, []), *value] if isinstance(value, list) else value
        return whole

    def summary(self) -> list[str]:
        """Return the lines that say what was done."""
        return [line for step, result in zip(self.steps, self.results, strict=True) for line in step.summary(result)]

    def step_reports(self) -> list[dict[str, Any]]:
        """Return each step's name, whether it had anything to do, and its time in seconds (null in a dry run)."""
        times: Sequence[float | None] = [round(seconds, 3) for seconds in self.times] or [None] * len(self.steps)
        return self.before + [
            {"name": step.name, "status": "done" if step.to_do else "skipped", "seconds": seconds}
            for step, seconds in zip(self.steps, times, strict=True)
        ]


def _shortened(step: Step) -> Step:
    """Return the names of the actions to do or refused, without the details, or of all others as one."""
    actions = [one._replace(why="", details=()) for one in step.actions if one.mark != "-" and not one.is_check]
    nothing = [Action("; ".join(action.what for action in step.actions))] if step.actions else []
    return Step(step.name, tuple(actions or nothing))


def _lines_of(step: Step, width: int) -> Iterator[Line]:
    margin = " " * (width + 5)
    for index, action in enumerate(step.actions):
        name, style = "" if index else step.name, {"-": DIM, "x": RED}.get(action.mark, "")
        yield Line(f"  {name.ljust(width)} ", f"{action.mark} {one_line(action.what)}", style)
        if action.why:
            yield Line(text=f"{margin}{'' if action.mark == '-' else 'because '}{one_line(action.why)}")
        yield from _rows(step.moves if index == 0 else (), margin)
        lines = (line for detail in action.details for line in detail.split("\n"))
        yield from (Line(text=f"{margin}{line}" if line else "") for line in lines)
    yield from (Line(text=f"  {' ' * width} ! {one_line(warning)}", style=YELLOW) for warning in step.safe_warnings())


def _rows(rows: Sequence[tuple[str, str]], indent: str) -> Iterator[Line]:
    width = max((len(name) for name, _ in rows), default=0)
    yield from (Line(f"{indent}{name.ljust(width)}  ", one_line(text)) for name, text in rows)
