"""A team that works in forks, against ``staging``, and merges one way or another; gh is a stand-in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ...support.cli import Result, run_task
from ...support.team import Team, make_team

if TYPE_CHECKING:
    from pathlib import Path

    from ...support.hubs import Hub

pytestmark = pytest.mark.engine

BUMP, NEXT = "bump-z2jh-3.3.7", "bump-z2jh-3.3.8"


@pytest.fixture
def team(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    made = make_team(hub, tmp_path)
    monkeypatch.setenv("PATH", f"{made.gh.folder}{os.pathsep}{os.environ['PATH']}")
    return made


def run(team: Team, *arguments: str) -> Result:
    done = run_task(*arguments, cwd=team.hub.path)
    assert done.code == 0, done
    return done


@pytest.mark.parametrize("squash", [True, False])
def test_release_after_release(team: Team, squash: bool) -> None:
    team.work("notes.txt")
    run(team, "release", "--yes", "--pr", "--to", "3.3.7")
    assert team.colleague.remote_git("branch", "--list", BUMP) == ""
    assert team.hub.git("merge-base", "HEAD", team.base) == team.base
    (request,) = team.gh.requests
    assert (request["headRefName"], request["headRepositoryOwner"]["login"]) == (BUMP, "robin")
    assert (request["baseRefName"], request["url"]) == ("staging", "https://github.com/team/hubs/pull/1")

    again = run(team, "release", "--yes", "--pr", "--to", "3.3.7")
    assert "\nNothing to do.\nNext steps:\n" in f"\n{again.err}"
    assert "- Wait for the review and the merge of https://github.com/team/hubs/pull/1\n" in again.err

    team.merge(BUMP, squash=squash)
    done = run(team, "release", "--yes", "--pr", "--to", "3.3.8")
    assert "staging here is 4 commits behind" if not squash else "staging here is 1 commit behind" in done.err, done
    assert team.hub.git("branch", "--show-current") == NEXT
    assert team.hub.git("merge-base", "HEAD", team.base) == team.base
    assert len(team.hub.subjects(f"{team.base}..HEAD")) == 2
    assert [one["headRefName"] for one in team.gh.requests] == [BUMP, NEXT]

    team.merge(NEXT, squash=squash)
    end = run(team, "release", "--yes", "--pr", "--to", "3.3.8")
    assert end.err.endswith("Nothing to do.\n") or squash, end
    assert team.hub.git("status", "--porcelain") == ""
