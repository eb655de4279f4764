"""The harness itself: what it makes, how it judges, what it says."""

from collections.abc import Iterator

import pytest

from . import __main__ as bench
from .lab import Lab
from .table import Row

KEPT = Row("build", "chartpress", 0.8, 1, "x", 0.16, 0.2, 7)
MISSED = Row("memory", "nothing", 90, 80, "MiB", 90, 0, 7)


@pytest.mark.parametrize(("rows", "status"), [([KEPT], 0), ([KEPT, MISSED], 1)], ids=["kept", "missed"])
def test_a_missed_row_is_the_status_and_the_summary_is_the_last_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rows: list[Row],
    status: int,
) -> None:
    def group(_: Lab) -> Iterator[Row]:
        yield from rows

    monkeypatch.setattr(bench, "GROUPS", {"made-up": group})

    assert bench.main([]) == status
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(rows)} rows, 1 met"
