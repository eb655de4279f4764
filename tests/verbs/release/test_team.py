"""A team that works in forks, against ``staging``, and merges one way or another; gh is a stand-in."""

import pytest

from tests.support.cli import Result, succeed
from tests.support.steps import refs
from tests.support.team import Team

pytestmark = pytest.mark.engine

BUMP = "bump-z2jh-3.3.7"


def run(team: Team, *arguments: str) -> Result:
    return succeed(*arguments, cwd=team.hub.path)


@pytest.mark.parametrize(("start", "tag"), [("a merged branch", "chartpress"), ("HEAD alone", "h{content}")])
def test_a_dry_run_of_a_clone_that_is_behind_plans_what_the_release_does(
    team: Team, start: str, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, colleague = team.hub, team.colleague
    for name in ("old.txt", "changed.txt"):
        team.work(f"images/hub/{name}")
    team.work("invoke.yaml", f"hub:\n  tag: {tag}\n")
    hub.git("pull", "--quiet", "--ff-only", "upstream", "staging")
    if start == "a merged branch":
        run(team, "release", "--yes", "--pr", "--to", "3.3.7")
        team.merge(BUMP, squash=True)
    if start == "HEAD alone":
        monkeypatch.setenv("CI", "true")
        hub.git("switch", "--quiet", "--detach")
    colleague.git("rm", "--quiet", "images/hub/old.txt")
    colleague.write("hub/values.yaml", colleague.read("hub/values.yaml") + "# theirs\n")
    team.work("images/hub/changed.txt", "more\n")
    team.work("images/hub/a new/file", "new\n")
    hub.write("mine.txt", "mine\n")
    before = refs(hub), hub.snapshot(), hub.git("status", "--porcelain", "--branch")

    dry = run(team, "--dry", "release", "--pr", "--json").json
    assert (refs(hub), hub.snapshot(), hub.git("status", "--porcelain", "--branch")) == before
    done = run(team, "release", "--yes", "--pr", "--json").json
    told = [{key: one[key] for key in ("chart", "base", "branch")} for one in (dry, done)]
    assert told[0] == told[1]
    made = done["images"][0]["tag"].rpartition("h")[2] if tag == "chartpress" else "{commit}"
    assert [one["tag"].replace("{commit}", made) for one in dry["images"]] == [one["tag"] for one in done["images"]]
    subjects = [[one["subject"].replace("{commit}", made) for one in each["commits"]] for each in (dry, done)]
    assert subjects[0] == subjects[1]
    assert hub.git("status", "--porcelain") == "?? mine.txt"
