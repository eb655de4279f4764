"""``--json``: one object on one line for each task, and a fault is one too."""

import json
from pathlib import Path

from tests.support.cli import run_task
from tests.support.hubs import make_hub


def test_a_report_is_one_line(tmp_path: Path) -> None:
    found = run_task("check", "--offline", "--json", cwd=make_hub(tmp_path / "hub").path)
    assert (found.out.count("\n"), found.json["ok"]) == (1, False)


def test_chained_tasks_report_a_line_each(tmp_path: Path) -> None:
    found = run_task("--dry", "commit", "--json", "commit", "--json", cwd=make_hub(tmp_path / "hub").path)
    assert [sorted(json.loads(line))[:2] for line in found.out.splitlines()] == [["branch", "commits"]] * 2


def test_a_fault_is_an_object_with_what_its_lines_say(tmp_path: Path) -> None:
    found = run_task("bump", "--json", "--repo", str(tmp_path / "nowhere"), cwd=tmp_path)
    fault = found.json
    assert sorted(fault) == ["code", "error", "hint", "where"]
    assert found.code == fault["code"]
    assert found.err == f"error: {fault['error']} ({fault['where']})\nhint: {fault['hint']}\n"
