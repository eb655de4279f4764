"""What a pull request says of a release's changes in the cluster, rendered by the real helm, 3 and 4."""

import os
from pathlib import Path

import pytest

from tests.support.cli import run_task
from tests.support.gh import StandInGh
from tests.support.hubs import ON_GITHUB, Hub, at

from .worlds import PLANTED

EXPECTED = Path(__file__).with_name("expected")
PRESENT = "pull request present: https://github.com/org/hubs/pull/1\n"


@pytest.fixture
def gh(small: Hub, tmp_path: Path, helm: str, monkeypatch: pytest.MonkeyPatch) -> StandInGh:
    """A stand-in for gh, in front of PATH; the hub's remote is on GitHub."""
    del helm
    at(small, ON_GITHUB)
    stand_in = StandInGh(tmp_path / "gh")
    stand_in.install()
    monkeypatch.setenv("PATH", str(stand_in.folder), prepend=os.pathsep)
    return stand_in


def section(body: str) -> str:
    """Return what a pull request says of the cluster."""
    return body.partition("### What changes in the cluster\n")[2].partition("### Before deploying\n")[0]


@pytest.mark.parametrize(("name", "before", "after"), [("patch", "3.2.1", "3.3.8"), ("major", "3.3.8", "4.0.0-beta.4")])
def test_it_says_what_changes_for_each_group_of_deployments(
    small: Hub, gh: StandInGh, name: str, before: str, after: str
) -> None:
    if before != "3.2.1":
        assert run_task("bump", "--to", before, cwd=small.path).code == 0
        small.commit(f"Move to {before}")
        small.git("push", "--quiet")
    assert run_task("bump", "--to", after, cwd=small.path).code == 0
    done = run_task("commit", "--pr", cwd=small.path)
    assert done.code == 0, done
    (request,) = gh.requests
    assert section(request["body"]) == (EXPECTED / f"{name}.md").read_text(encoding="utf-8")
    assert PLANTED not in request["body"] + done.out + done.err
    assert run_task("commit", "--pr", cwd=small.path).out == PRESENT


def test_it_names_the_values_that_the_new_chart_refuses(small: Hub, gh: StandInGh) -> None:
    small.edit("deployments/school1/config/prod.yaml", "  ingress:", "  ingres:")
    small.commit("Misspell a value")
    assert run_task("bump", "--to", "3.3.8", cwd=small.path).code == 0
    assert run_task("commit", "--pr", cwd=small.path).code == 0
    (request,) = gh.requests
    lines = request["body"].splitlines()
    at_line = lines.index("- school1-prod: the new chart refuses the values")
    assert lines[at_line + 1].startswith("  - `deployments/school1/config/prod.yaml:2` jupyterhub: ")
    assert "ingres" in lines[at_line + 1]
    assert "- [ ] The values that the new chart refuses are corrected." in lines


def test_without_helm_it_says_that_nothing_was_looked_at(
    small: Hub, gh: StandInGh, without_helm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{gh.folder}:{without_helm}")
    assert run_task("bump", "--to", "3.3.8", cwd=small.path).code == 0
    assert run_task("commit", "--pr", cwd=small.path).code == 0
    assert section(gh.requests[0]["body"]) == "\nNot looked at: helm is not installed.\n\n"
