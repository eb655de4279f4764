"""What people see: aligned tables, colour on a terminal alone, times that are human, a sign of life while they wait."""

import re
import sys
from collections.abc import Mapping

import pytest

from tasks.core import output
from tests.support.cli import INVOKE, Result, run, run_on_terminal, succeed
from tests.support.hubs import Hub
from tests.support.machine import PROJECT

COLOUR, NO_COLOUR = {"NO_COLOR": ""}, {"NO_COLOR": "1"}
ESCAPE = "\x1b"


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


def release_on_terminal(hub: Hub, env: Mapping[str, str]) -> Result:
    """Show a release's plan and refuse it: nobody listens at the hub's registry."""
    result = run_on_terminal(*INVOKE, "release", "--to", "3.3.7", "--no-push", cwd=hub.path, env=env, typed="n\n")
    assert result.out == ""
    return result


def test_a_terminal_gets_colour_unless_no_color_says_otherwise(settled: Hub) -> None:
    result = release_on_terminal(settled, COLOUR)
    assert f"{ESCAPE}[1m  bump   {ESCAPE}[0m* edit images/hub/Dockerfile, hub/requirements.yaml\n" in result.err
    assert f"{ESCAPE}[1m  JupyterHub  {ESCAPE}[0m4.1.6 -> 4.1.5\n" in result.err
    assert re.search(rf"{re.escape(ESCAPE)}\[2m  auth +{re.escape(ESCAPE)}\[0m{re.escape(ESCAPE)}\[2m- ", result.err)
    assert f"{ESCAPE}[33m  ! This downgrades below 3.3.8, which fixes CVE-2024-41942" in result.err
    plain = release_on_terminal(settled, NO_COLOUR)
    assert "  bump   * edit images/hub/Dockerfile, hub/requirements.yaml\n" in plain.err
    # What is waited for may be drawn anew, in no colour.
    assert ESCAPE not in plain.err.replace(f"{ESCAPE}[K", "")


def test_a_pipe_gets_no_colour(settled: Hub) -> None:
    result = succeed("bump", "--to", "3.3.7", cwd=settled.path, env=COLOUR)
    assert ESCAPE not in result.err + result.out


def test_data_is_plain_even_where_messages_go_to_a_terminal(settled: Hub) -> None:
    shown = run_on_terminal(*INVOKE, "--dry", "bump", "--to", "3.3.7", cwd=settled.path, env=COLOUR).out
    assert (shown.startswith("Plan for "), ESCAPE in shown) == (True, False)


# -- waiting


WAIT = """\
import time
from tasks.core import output
output._TURN = {turn}
with output.waiting("asking quay.io"):
    time.sleep(output._TURN + 0.3)
"""


def waited(turn: float, **env: str) -> str:
    program = (sys.executable, "-c", WAIT.format(turn=turn))
    return run_on_terminal(*program, cwd=PROJECT, env=env).err


def test_what_is_waited_for_is_shown_after_a_second_and_wiped_away() -> None:
    assert waited(1.0) == "\rasking quay.io (1.0 s)\x1b[K\r\x1b[K"


def test_in_ci_and_without_a_terminal_nothing_is_drawn() -> None:
    assert waited(0.1, CI="true") == ""
    done = run(sys.executable, "-c", WAIT.format(turn=0.1), cwd=PROJECT)
    assert (done.code, done.out, done.err) == (0, "", "")
