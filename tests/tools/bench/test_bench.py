"""The harness itself: what it makes, how it judges, what it says."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.releases.index import read_index
from tests.support.hubs import NO_REGISTRY

from . import __main__ as bench
from .made import Shape, lengthen, make_bench_hub, make_index
from .row import Row, ratio
from .table import as_json, as_markdown, as_text, summary
from .timing import Call, Pairs, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .lab import Lab

KEPT = Row("build", "chartpress", 0.8, 1, "x", 0.16, 0.2, 7)
MISSED = Row("memory", "nothing", 90, 80, "MiB", 90, 0, 7)


def test_a_ratio_is_the_median_of_the_pairs_own_ratios() -> None:
    """One pair was measured while the machine had other things to do."""
    times = Pairs((1.0, 30.0, 1.2), (2.0, 50.0, 2.0))

    row = ratio("ours", "theirs", times, 0.6)

    assert (row.value, row.ours, row.theirs, row.met) == (0.6, 1.2, 2.0, True)


def test_calls_take_turns_and_each_is_first_in_every_other_pair(tmp_path: Path) -> None:
    note = tmp_path / "note"
    ours, theirs = (Call(name, ("sh", "-c", f"printf {name} >> {note}"), tmp_path) for name in "ab")

    times = pairs(ours, theirs, 7)

    assert len(times.ours) == len(times.theirs) == 7
    assert note.read_text() == "ba" + "baab" * 3 + "ba"


def test_a_call_that_fails_is_never_taken_for_a_quick_one(tmp_path: Path) -> None:
    call = Call("broken", (sys.executable, "-c", "raise SystemExit('no engine')"), tmp_path)

    with pytest.raises(RuntimeError, match="broken: status 1\nno engine"):
        call.seconds()


def test_fewer_than_seven_pairs_are_no_median(tmp_path: Path) -> None:
    call = Call("true", ("true",), tmp_path)

    with pytest.raises(ValueError, match="6 pairs are too few for a median, 7 are needed"):
        pairs(call, call, 6)


def test_the_table_says_what_was_measured_against_what() -> None:
    assert as_text([KEPT, MISSED]).splitlines() == [
        "        what    against     limit   measured  ours     baseline",
        "met     build   chartpress  1x      0.8x      0.160 s  0.200 s",
        "MISSED  memory  nothing     80 MiB  90 MiB    90 MiB   0 MiB",
    ]
    assert as_markdown([KEPT]).splitlines()[2] == "| met | build | chartpress | 1x | 0.8x | 0.160 s | 0.200 s |"
    assert summary([KEPT, MISSED]) == "2 rows, 1 met"


def test_programs_read_the_same(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(as_json([KEPT, MISSED]))

    content = json.loads((tmp_path / "bench.json").read_text())

    assert content["met"] is False
    assert [row["met"] for row in content["rows"]] == [True, False]
    assert "cores" in content["machine"]


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


def test_a_made_index_has_the_shape_of_the_real_one(tmp_path: Path) -> None:
    data = make_index(tmp_path / "index.yaml", 500).read_bytes()

    index = read_index(data, "made")

    assert len(index.releases) == 500
    assert str(index.releases["1.6.9"].hub_image) == "quay.io/jupyterhub/k8s-hub:1.6.9"


def test_a_long_history_touches_the_image_now_and_then(tmp_path: Path) -> None:
    shape = Shape(images=3, lines=100)
    hub = make_bench_hub(
        tmp_path / "hub",
        base="quay.io/x/k8s-hub",
        version="3.3.8",
        prefix=f"{NO_REGISTRY}/",
        charts="https://x/",
        shape=shape,
    )

    lengthen(hub, 1000)

    assert hub.git("rev-list", "--count", "HEAD") == "1001"
    assert hub.git("rev-list", "--count", "HEAD", "--", "images/hub") == "3"
    assert hub.read("hub/values.yaml").count("- image:") == 3
    assert hub.git("status", "--porcelain") == ""
