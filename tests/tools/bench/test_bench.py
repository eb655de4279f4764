import pytest

from . import __main__ as bench
from .measure import Row

KEPT, MISSED = Row("build", "chartpress", 0.8, 1, medians=(0.16, 0.2)), Row("memory", "", 90, 80, "MiB")


@pytest.mark.parametrize(("rows", "status"), [([KEPT], 0), ([KEPT, MISSED], 1)], ids=["kept", "missed"])
def test_a_missed_row_is_the_status_and_the_summary_is_the_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rows: list[Row], status: int
) -> None:
    monkeypatch.setattr(bench, "GROUPS", {"made-up": lambda _: iter(rows)})
    assert bench.main([]) == status
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(rows)} rows, 1 met"
