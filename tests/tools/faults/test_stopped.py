"""A release that is stopped anywhere goes on with the same command, and ends as if nobody had stopped it."""

import os

import pytest

from .driver import ERRORS, SIGNALS
from .harness import KILL, Harness

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

# Every point with every harm: make faults. Here each eighth to be killed at, each sixteenth on a disk that is full.
STEP = 16
CASES = [(KILL, 0), (KILL, 8), *((harm, 0) for harm in ERRORS)]
if "FAULTS_EVERYWHERE" in os.environ:
    CASES = [(harm, first) for harm in (*SIGNALS, *ERRORS) for first in range(STEP)]


@pytest.mark.parametrize(("harm", "first"), CASES)
def test_hurt_anywhere_it_goes_on_where_it_stopped(harness: Harness, harm: str, first: int) -> None:
    assert {"before git --literal-pathspecs commit --quiet", "before file replace"} <= set(harness.points)
    wrong = [harness.hurt(number, harm) for number in harness.numbers(harm)[first::STEP]]
    assert [one for one in wrong if one] == []
