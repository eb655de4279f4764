"""A release that is stopped anywhere goes on with the same command, and ends as if nobody had stopped it."""

import pytest

from .driver import ERRORS
from .harness import CONVERGED, KILL, Harness

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

# Every point with every harm: make faults. Here each fourth of them, in two tests that may run side by side.
STEP = 8


def ill(harness: Harness, numbers: tuple[int, ...], harm: str) -> list[str]:
    """Hurt a release at each of the points, and return what became of those that did not converge."""
    verdicts = [harness.hurt(number, harm) for number in numbers]
    return [str(verdict) for verdict in verdicts if verdict.kind != CONVERGED]


def test_the_points_are_those_of_the_plan_the_programs_and_the_files(harness: Harness) -> None:
    named = "; ".join(harness.points)
    for event in (
        "before action push",
        "after git --literal-pathspecs commit --quiet",
        "during docker buildx bake",
        "file replace",
    ):
        assert event in named


@pytest.mark.parametrize("first", [0, 4])
def test_killed_anywhere_it_goes_on_where_it_stopped(harness: Harness, first: int) -> None:
    assert ill(harness, harness.numbers(KILL)[first::STEP], KILL) == []


@pytest.mark.parametrize("harm", ERRORS)
def test_a_disk_that_takes_nothing_more_stops_it_and_it_goes_on_later(harness: Harness, harm: str) -> None:
    assert ill(harness, harness.numbers(harm)[::STEP], harm) == []
