"""What people see: aligned tables, colour on a terminal alone, times that are human, a sign of life while they wait."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tasks.core import output

from ...support.cli import INVOKE, Result, run, run_on_terminal, run_task
from ...support.machine import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...support.hubs import Hub

COLOUR, NO_COLOUR = {"NO_COLOR": ""}, {"NO_COLOR": "1"}
ESCAPE = "\x1b"


# -- tables


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0.0 s"), (0.44, "0.4 s"), (9.96, "10.0 s"), (59.94, "59.9 s"), (59.97, "1 min 00 s")),
        *((60, "1 min 00 s"), (65.4, "1 min 05 s"), (119.6, "2 min 00 s"), (600, "10 min 00 s")),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert output.duration(seconds) == words


# -- colour


def bump_on_terminal(hub: Hub, env: Mapping[str, str]) -> Result:
    result = run_on_terminal(*INVOKE, "bump", "--to", "3.3.7", cwd=hub.path, env=env)
    assert result.code == 0, result
    return result


def test_a_terminal_gets_colour(settled: Hub) -> None:
    result = bump_on_terminal(settled, COLOUR)
    assert f"{ESCAPE}[1mbump{ESCAPE}[0m: " in result.err
    assert ESCAPE not in result.out


def test_a_terminal_gets_no_colour_with_no_color(settled: Hub) -> None:
    result = bump_on_terminal(settled, NO_COLOUR)
    assert "bump: " in result.err
    assert ESCAPE not in result.err + result.out


def test_a_pipe_gets_no_colour(settled: Hub) -> None:
    result = run_task("bump", "--to", "3.3.7", cwd=settled.path, env=COLOUR)
    assert result.code == 0, result
    assert ESCAPE not in result.err + result.out


@pytest.mark.parametrize("task", [("check", "--offline"), ("--dry", "bump", "--to", "3.3.7"), ("doctor",)])
def test_data_is_plain_even_where_messages_go_to_a_terminal(settled: Hub, task: tuple[str, ...]) -> None:
    assert ESCAPE not in run_on_terminal(*INVOKE, *task, cwd=settled.path, env=COLOUR).out


# -- waiting


WAIT = "import time; from tasks.core import output\nwith output.waiting('asking quay.io'): time.sleep({seconds})"


def waited(seconds: float, **env: str) -> str:
    program = (sys.executable, "-c", WAIT.format(seconds=seconds))
    return run_on_terminal(*program, cwd=PROJECT, env=env).err


def test_what_is_waited_for_is_shown_after_a_second_and_wiped_away() -> None:
    shown = waited(1.5)
    assert shown.startswith("\r| asking quay.io\r/ asking quay.io")
    assert shown.endswith("\r\x1b[K")


def test_in_ci_and_without_a_terminal_no_sign_turns() -> None:
    assert waited(1.3, CI="true") == ""
    done = run(sys.executable, "-c", WAIT.format(seconds=1.3), cwd=PROJECT)
    assert (done.code, done.out, done.err) == (0, "", "")
