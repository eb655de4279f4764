"""A plan: steps of actions that know what they will do, why, and whether the world is that way already.

The same objects are shown by a dry run and performed by a real one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from . import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .hubrepo.layout import Hub

DONE, SKIPPED = "done", "skipped"


class Action(NamedTuple):
    """One change of the world.

    Attributes:
        what: what it does, in one line.
        why: the reason, in one line.
        do: does it; None where the world is that way already.
        details: lines below it: a diff, or ``$`` and the command as one could paste it.
    """

    what: str
    why: str = ""
    do: Callable[[], None] | None = None
    details: tuple[str, ...] = ()


class Step(NamedTuple):
    """What one task does.

    Attributes:
        name: the task's name.
        actions: what is to be done, in order.
        leaves: the hub repository as the step will leave it; the next step is planned on that.
        report: gives the step's part of the JSON report: what was done, or what would be before it is performed.
        summary: gives the lines that say in the end what was done.
        warnings: what people should know before they say yes.
    """

    name: str
    actions: tuple[Action, ...]
    leaves: Hub
    report: Callable[[], Mapping[str, Any]] = dict
    summary: Callable[[], Sequence[str]] = list
    warnings: tuple[str, ...] = ()

    @property
    def to_do(self) -> tuple[Action, ...]:
        """The actions that the world still needs."""
        return tuple(action for action in self.actions if action.do is not None)


@dataclass
class Plan:
    """The steps of a run.

    Attributes:
        steps: what is to be done, in order.
        times: how long each performed step took, in seconds, in the steps' order.
    """

    steps: tuple[Step, ...]
    times: list[float] = field(default_factory=list)

    @property
    def nothing_to_do(self) -> bool:
        """Whether the world is as wanted already."""
        return not any(step.to_do for step in self.steps)

    @property
    def changes_something(self) -> bool:
        """Whether it does more than signing in."""
        return any(step.to_do for step in self.steps if step.name != "auth")

    def lines(self) -> Iterator[str]:
        """Yield the plan as people read it."""
        width = max(len(step.name) for step in self.steps)
        for step in self.steps:
            for index, action in enumerate(step.actions):
                name = step.name if index == 0 else ""
                mark = "-" if action.do is None else "*"
                yield f"  {name.ljust(width)} {mark} {action.what}"
                margin = " " * (width + 5)
                if action.why:
                    yield f"{margin}because {action.why}" if action.do else f"{margin}{action.why}"
                lines = (line for detail in action.details for line in detail.splitlines())
                yield from (f"{margin}{line}" if line else "" for line in lines)
            yield from (f"  {' ' * width} ! {warning}" for warning in step.warnings)

    def perform(self) -> None:
        """Do what is to be done, saying each action before it is done."""
        for step in self.steps:
            begin = time.monotonic()
            for action in step.to_do:
                show.say(f": {action.what}", lead=step.name)
                assert action.do is not None  # noqa: S101 - to_do holds no others
                action.do()
            self.times.append(time.monotonic() - begin)

    def report(self) -> dict[str, Any]:
        """Return what the steps report, as one object.

        Of a key that two steps report, lists are joined, and else the later one's value is taken.
        """
        whole: dict[str, Any] = {}
        for key, value in (item for step in self.steps for item in step.report().items()):
            whole[key] = [*whole.get(key, []), *value] if isinstance(value, list) else value
        return whole

    def step_reports(self) -> list[dict[str, Any]]:
        """Return each step's name, whether it had anything to do, and its time in seconds (null in a dry run)."""
        times: Sequence[float | None] = self.times or [None] * len(self.steps)
        return [
            {
                "name": step.name,
                "status": DONE if step.to_do else SKIPPED,
                "seconds": None if seconds is None else round(seconds, 3),
            }
            for step, seconds in zip(self.steps, times, strict=True)
        ]
