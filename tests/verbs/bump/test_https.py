"""HTTPS, unless the address is this machine's or the user asked for another."""

import pytest

from tasks.core.faults import Refused
from tasks.core.http import Address
from tasks.core.settings import BumpOptions, Settings
from tasks.repo.hub import open_hub
from tasks.review.bump import plan_bump
from tasks.tools.git import Git
from tests.support.cli import run_task
from tests.support.helm import HelmServer
from tests.support.hubs import Hub
from tests.support.world import fault

ELSEWHERE = "http://charts.invalid/"


@pytest.fixture
def plain(hub: Hub, helm_repository: HelmServer) -> Hub:
    """A hub repository whose requirement names plain http to another machine."""
    hub.edit("hub/requirements.yaml", helm_repository.url, ELSEWHERE)
    hub.commit("Move to another Helm repository")
    return hub


def test_the_hint_mends_it(plain: Hub) -> None:
    plain.write("invoke.yaml", f"hub: {{chart_repository: {ELSEWHERE}}}\n")
    done = run_task("bump", cwd=plain.path)
    assert (done.code, fault(done)[0]) == (4, f"cannot resolve the host name ({ELSEWHERE}index.yaml)")


def test_who_asked_for_it_is_told_what_that_means(
    hub: Hub, helm_repository: HelmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = Git.around(hub.path)
    monkeypatch.setattr(Address, "on_loopback", property(lambda _: False))
    step, _ = plan_bump(open_hub(Settings(chart_repository=helm_repository.url), git), BumpOptions())
    assert step.warnings[0] == ("the Helm repository is read over plain http: anyone on the network path can change it")
    assert helm_repository.requests
    with pytest.raises(Refused, match="plain http is allowed on this machine only"):
        plan_bump(open_hub(Settings(), git), BumpOptions())
