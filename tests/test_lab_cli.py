from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from .lab.cli import run, run_on_terminal, run_task, sh

if TYPE_CHECKING:
    from pathlib import Path

    from .lab.hubs import Hub

ASK = """
import sys
print("asking", file=sys.stderr)
answer = input() if sys.stdin.isatty() else "nobody"
print(f"{answer} {sys.stdout.isatty()} {sys.stderr.isatty()}")
sys.exit(3)
"""


def test_a_child_without_a_terminal_gets_its_input_and_nothing_more(tmp_path: Path) -> None:
    result = run(sys.executable, "-c", ASK, cwd=tmp_path, stdin="unread\n")
    assert (result.code, result.out, result.err) == (3, "nobody False False\n", "asking\n")


def test_a_child_on_a_terminal_can_ask_and_its_data_stays_apart(tmp_path: Path) -> None:
    result = run_on_terminal(sys.executable, "-c", ASK, cwd=tmp_path, typed="yes\n")
    assert (result.code, result.out, result.err) == (3, "yes False True\n", "asking\n")


def test_a_child_that_waits_for_ever_is_ended(tmp_path: Path) -> None:
    result = run_on_terminal(sys.executable, "-c", ASK, cwd=tmp_path, seconds=1)
    assert result.code == -9


def test_a_failing_child_shows_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exit 3\n--- out\nnobody False False\n--- err\nasking"):
        sh(sys.executable, "-c", ASK, cwd=tmp_path)


def test_a_task_runs_in_a_hub_that_carries_no_tasks(hub: Hub) -> None:
    listed = run_task("--list", "--list-format=json", cwd=hub.path / "images")
    assert listed.code == 0, listed
    assert {"auth", "bump", "build", "commit", "release"} <= {task["name"] for task in listed.json["tasks"]}
