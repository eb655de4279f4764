"""The real gh, against a stand-in for GitHub's API: a release from a fork, and from a checkout in CI."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Result, succeed
from tests.support.github import ROBIN, TEAM, StandInGitHub, standing_in
from tests.support.hubs import Hub
from tests.support.machine import real_gh
from tests.support.steps import BRANCH
from tests.support.team import LABELER, make_team

pytestmark = [pytest.mark.engine, pytest.mark.gh]


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInGitHub]:
    """A stand-in for GitHub that the real gh on PATH is signed in to."""
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "gh").symlink_to(str(real_gh()))
    monkeypatch.setenv("PATH", str(tmp_path / "programs"), prepend=os.pathsep)
    with standing_in() as made:
        for name, value in made.env.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def fork(hub: Hub, github: StandInGitHub, tmp_path: Path) -> Hub:
    """A clone of a fork whose team works on ``staging``, with labels and reviewers; only the forge knows the parent."""
    hub.write("invoke.yaml", "hub:\n  labels: [jupyterhub-deployment]\n  reviewers: [sam, team/hub-team]\n")
    hub.put(".github/labeler.yml", LABELER)
    hub.git("push", "--quiet")
    make_team(hub, tmp_path, upstream=github.address(TEAM), fork=github.address(ROBIN))
    hub.git("remote", "remove", "upstream")
    return hub


def run(hub: Hub, *arguments: str) -> Result:
    return succeed(*arguments, cwd=hub.path)


def test_a_release_from_a_fork_opens_one_request_in_its_parent_and_updates_it(fork: Hub, github: StandInGitHub) -> None:
    run(fork, "release", "--yes", "--pr", "--to", "3.3.7", "--branch", BRANCH)
    (request,) = github.requests
    assert (request["headRepositoryOwner"]["login"], request["headRefName"]) == ("robin", BRANCH)
    assert (request["baseRefName"], request["title"]) == ("staging", "Move z2jh from 3.2.1 to 3.3.7")
    assert request["labels"]["nodes"] == [{"name": "jupyterhub-deployment"}]
    assert request["reviewers"] == ["sam", "hub-team"]
    opened = [
        "PullRequestCreate",
        f"POST repos/{TEAM}/issues/1/labels",
        *[f"POST repos/{TEAM}/pulls/1/requested_reviewers"] * 2,
    ]
    assert github.changes == opened

    again = run(fork, "release", "--yes", "--pr", "--to", "3.3.7")
    assert f"- Wait for the review and the merge of {request['url']}\n" in again.err
    assert github.changes == opened

    done = run(fork, "release", "--yes", "--pr", "--to", "3.3.8")
    assert done.out.splitlines()[-1] == f"pull request updated: {request['url']}"
    assert [one["title"] for one in github.requests] == ["Move z2jh from 3.2.1 to 3.3.8"]
    assert github.changes == [*opened, f"PATCH repos/{TEAM}/issues/1"]


def test_a_label_or_reviewer_that_github_does_not_take_is_told_and_the_request_is_open(
    fork: Hub, github: StandInGitHub
) -> None:
    fork.write("invoke.yaml", "hub:\n  labels: [deploy it, hub-images]\n  reviewers: [nobody, sam]\n")
    run(fork, "bump")
    create = f"gh label create 'deploy it' --repo {github.host}/{TEAM}"
    missing = f"{TEAM} does not have the label deploy it; to create it: {create}"
    assert f" ! {missing}\n" in run(fork, "--dry", "commit", "--pr").out
    done = run(fork, "commit", "--pr")
    (request,) = github.requests
    refusal = "gh: Reviews may only be requested from collaborators. (HTTP 422)"
    assert done.out.splitlines()[-3:] == [
        f"pull request created: {request['url']}",
        f"warning: {missing}",
        f"warning: cannot ask nobody for a review: {refusal}; do it at {request['url']}",
    ]
    assert (request["labels"]["nodes"], request["reviewers"]) == ([{"name": "hub-images"}], ["sam"])

    github.labels.append("Deploy It")
    assert run(fork, "commit", "--pr").out == f"pull request updated: {request['url']}\n"
    assert [one["name"] for one in request["labels"]["nodes"]] == ["hub-images", "deploy it"]
    assert run(fork, "commit", "--pr").out == f"pull request present: {request['url']}\n"
