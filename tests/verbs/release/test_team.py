"""A team that works in forks, against ``staging``, and merges one way or another; gh is a stand-in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ...review.standin_gh import StandInGh
from ...support.cli import Result, run_task, sh
from ...support.hubs import Hub

if TYPE_CHECKING:
    from pathlib import Path

BUMP, NEXT = "bump-z2jh-3.3.7", "bump-z2jh-3.3.8"


@dataclass(frozen=True)
class Team:
    """A clone of a fork (``origin``) of the team's repository (``upstream``), a colleague's clone, and GitHub."""

    hub: Hub
    colleague: Hub
    gh: StandInGh

    @property
    def base(self) -> str:
        """The commit of the team's ``staging``."""
        return self.colleague.remote_git("rev-parse", "staging")

    def work(self, name: str, text: str = "theirs\n") -> None:
        """Let the colleague change a file of the team's ``staging``."""
        self.colleague.git("pull", "--quiet", "--ff-only")
        self.colleague.write(name, text)
        self.colleague.commit(f"Change {name}")
        self.colleague.git("push", "--quiet")

    def merge(self, branch: str, *, squash: bool) -> None:
        """Merge the fork's branch into the team's ``staging``, as the button on the request's page does."""
        self.colleague.git("pull", "--quiet", "--ff-only")
        self.colleague.git("fetch", "--quiet", str(self.hub.remote), branch)
        head = self.colleague.git("rev-parse", "FETCH_HEAD")
        self.colleague.git("merge", "--quiet", *(("--squash",) if squash else ("--no-ff", "--no-commit")), head)
        self.colleague.git("commit", "--quiet", "--message", f"{branch} (#1)")
        self.colleague.git("push", "--quiet")
        self.settle(branch, "MERGED")

    def settle(self, branch: str, state: str) -> None:
        """Let the request from the branch be merged or closed."""
        told = {"state": state, "headRefOid": self.hub.remote_git("rev-parse", branch)}
        self.gh.put([one | told if one["headRefName"] == branch else one for one in self.gh.requests])


@pytest.fixture
def team(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    upstream = tmp_path / "team.git"
    hub.git("branch", "--move", "main", "staging")
    sh("git", "clone", "--quiet", "--bare", str(hub.remote), str(upstream), cwd=tmp_path)
    for remote in (upstream, hub.remote):
        sh("git", "branch", "--move", "main", "staging", cwd=remote)
        sh("git", "branch", "prod", "staging", cwd=remote)
    hub.git("remote", "add", "upstream", "git@github.com:team/hubs.git")
    hub.git("remote", "set-url", "origin", "git@github.com:robin/hubs.git")
    hub.git("config", f"url.{upstream}.insteadOf", "git@github.com:team/hubs.git")
    hub.git("config", f"url.{hub.remote}.insteadOf", "git@github.com:robin/hubs.git")
    hub.git("remote", "set-head", "origin", "--delete")
    gh = StandInGh(tmp_path / "gh")
    gh.install()
    monkeypatch.setenv("PATH", f"{gh.folder}{os.pathsep}{os.environ['PATH']}")
    sh("git", "clone", "--quiet", str(upstream), str(tmp_path / "colleague"), cwd=tmp_path)
    return Team(hub, Hub(tmp_path / "colleague", upstream), gh)


def run(team: Team, *arguments: str) -> Result:
    done = run_task(*arguments, cwd=team.hub.path)
    assert done.code == 0, done
    return done


def moved(team: Team, version: str) -> Result:
    """Move to a release without its image: bump, commit, push, pull request."""
    run(team, "bump", "--to", version)
    return run(team, "commit", "--pr")


@pytest.mark.engine
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
    assert again.err.endswith(
        "Nothing to do. Waiting for the review and the merge of https://github.com/team/hubs/pull/1\n"
    )

    team.merge(BUMP, squash=squash)
    done = run(team, "release", "--yes", "--pr", "--to", "3.3.8")
    assert "staging here is 4 commits behind" if not squash else "staging here is 1 commit behind" in done.err, done
    assert team.hub.git("branch", "--show-current") == NEXT
    assert team.hub.git("merge-base", "HEAD", team.base) == team.base
    assert len(team.hub.subjects(f"{team.base}..HEAD")) == 2
    assert [one["headRefName"] for one in team.gh.requests] == [BUMP, NEXT]

    team.merge(NEXT, squash=squash)
    end = run(team, "release", "--yes", "--pr", "--to", "3.3.8")
    assert end.err.endswith("Nothing to do. Proceed to deployment as normal.\n") or squash, end
    assert team.hub.git("status", "--porcelain") == ""
