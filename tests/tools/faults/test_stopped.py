"""A release that is stopped anywhere goes on with the same command, and ends as if nobody had stopped it."""

import os
import re

import pytest

from .driver import ERRORS, SIGNALS
from .harness import KILL, Harness

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

# Every point with every harm: make faults. Here a release is killed wherever something changes.
CHANGES = re.compile(r"before file replace|during (?:docker buildx|git .*\b(?:commit|config|push|switch) (?!--null))")
STEP = 2
HARMS: tuple[str, ...] = (KILL,)
if "FAULTS_EVERYWHERE" in os.environ:
    CHANGES, STEP, HARMS = re.compile(""), 16, (*SIGNALS, *ERRORS)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("first", range(STEP))
def test_hurt_anywhere_it_goes_on_where_it_stopped(harness: Harness, harm: str, first: int) -> None:
    numbers = [number for number in harness.numbers(harm) if CHANGES.match(harness.points[number - 1])]
    assert len(numbers) > STEP
    wrong = [harness.hurt(number, harm) for number in numbers[first::STEP]]
    assert [one for one in wrong if one] == []
