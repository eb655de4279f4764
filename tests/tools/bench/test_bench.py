"""The harness itself: what it makes, how it judges, what it says."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import __main__ as bench
from .lab import Lab
from .row import Row, ratio
from .timing import Call, Pairs

KEPT = Row("build", "chartpress", 0.8, 1, "x", 0.16, 0.2, 7)
MISSED = Row("memory", "nothing", 90, 80, "MiB", 90, 0, 7)


def test_a_ratio_is_the_median_of_the_pairs_own_ratios() -> None:
    """One pair was measured while the machine had other things to do."""
    times = Pairs((1.0, 30.0, 1.2), (2.0, 50.0, 2.0))

    row = ratio("ours", "theirs", times, 0.6)

    assert (row.value, row.ours, row.theirs, row.met) == (0.6, 1.2, 2.0, True)


def test_a_call_that_fails_is_never_taken_for_a_quick_one(tmp_path: Path) -> None:
    call = Call("broken", (sys.executable, "-c", "raise SystemExit('no engine')"), tmp_path)

    with pytest.raises(RuntimeError, match="broken: status 1\nno engine"):
        call.seconds()


@pytest.mark.parametrize(("rows", "status"), [([KEPT], 0), ([KEPT, MISSED], 1)], ids=["kept", "missed"])
def test_a_missed_row_is_the_status_and_the_summary_is_the_last_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rows: list[Row],
    status: int,
) -> None:
    def group(_: Lab) -> Iterator[Row]:
        yield from rows

    monkeypatch.setattr(bench, "GROUPS", {"made-up": group})

    assert bench.main(["--json", str(tmp_path / "bench.json")]) == status
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(rows)} rows, 1 met"
