from types import SimpleNamespace
from typing import Any

import pytest

from tasks.core.faults import Refused
from tasks.core.settings import Settings
from tasks.repo.remotes import Remotes, read_remotes
from tests.support.calls import raised

SSH = "git@github.com:{}/hubs.git"
HTTPS = "https://github.com/{}/hubs.git"


def read(config: dict[str, str], branch: str = "main", **settings: Any) -> Remotes:  # noqa: ANN401 - of any type
    """Return the remotes of a clone with this configuration of git, on ``branch``."""
    git: Any = SimpleNamespace(configuration=config, start=SimpleNamespace(branch=branch))
    return read_remotes(git, Settings(**settings))


def remotes(*names: str, address: str = SSH, **owners: str) -> dict[str, str]:
    """Return git's configuration of these remotes, each at the repository of the owner of its name."""
    named = {name: name for name in names} | owners
    return {f"remote.{name}.url": address.format(owner) for name, owner in named.items()}


IN_SETTINGS = "in invoke.yaml: hub: {upstream:"
FOLDER = {"remote.origin.url": "/srv/hubs.git"}
FORK = remotes("origin", "upstream")
TEAMS = remotes("origin", "team")
# What is configured, the remote that is pushed to, the upstream, and settings.
CHOICES: dict[str, tuple[dict[str, str], str | None, str | None, dict[str, str]]] = {
    "one repository": (remotes("origin"), "origin", "origin", {}),
    "one of another name": (remotes("ours"), "ours", "ours", {}),
    "upstream alone": (remotes("upstream"), "upstream", "upstream", {}),
    "a fork, as gh clones it": (FORK, "origin", "upstream", {}),
    "a fork of its owner's name": (remotes("robin", "upstream"), "robin", "upstream", {}),
    "a remote fork": (remotes("origin", "fork"), "fork", "origin", {}),
    "a colleague's fork besides": (remotes("origin", "sam"), "origin", "origin", {}),
    "two forks": (remotes("robin", "sam", "upstream"), None, "upstream", {}),
    "nothing tells": (remotes("robin", "sam"), None, None, {}),
    "no remote": ({}, None, None, {}),
    "pushDefault": (remotes("origin", "robin") | {"remote.pushdefault": "robin"}, "robin", "origin", {}),
    "pushRemote of the branch": (
        remotes("origin", "robin") | {"branch.staging.pushremote": "robin"},
        *("robin", "origin", {}),
    ),
    "no such pushDefault": (remotes("origin") | {"remote.pushdefault": "gone"}, "origin", "origin", {}),
    "gh repo set-default": (TEAMS | {"remote.team.gh-resolved": "base"}, "origin", "team", {}),
    "set-default to the fork itself": (FORK | {"remote.origin.gh-resolved": "base"}, "origin", "origin", {}),
    "set-default without a remote": (
        remotes("origin") | {"remote.origin.gh-resolved": "team/hubs"},
        *("origin", SSH.format("team"), {}),
    ),
    "the address is as the remote's": (
        remotes("origin", address=HTTPS) | {"remote.origin.gh-resolved": "team/hubs"},
        *("origin", HTTPS.format("team"), {}),
    ),
    "set-default to a remote's repository": (
        remotes("origin", "main") | {"remote.origin.gh-resolved": "main/hubs"},
        *("origin", "main", {}),
    ),
    "hub.remote": (FORK, "upstream", "upstream", {"remote": "upstream"}),
    "hub.upstream": (TEAMS, "origin", "team", {"upstream": "team"}),
    "hub.upstream as an address": (
        remotes("origin", "theirs", theirs="Team"),
        *("origin", "theirs", {"upstream": "https://github.com/team/hubs"}),
    ),
    "hub.upstream's path": (remotes("origin"), "origin", SSH.format("team"), {"upstream": "team/hubs"}),
    "hub.upstream's folder": (remotes("origin"), "origin", "/srv/hubs.git", {"upstream": "/srv/hubs.git"}),
}


@pytest.mark.parametrize(("config", "push", "upstream", "settings"), CHOICES.values(), ids=CHOICES)
def test_which_remote_is_pushed_to_and_which_is_the_upstream(
    config: dict[str, str], push: str | None, upstream: str | None, settings: dict[str, str]
) -> None:
    branch = "staging" if "branch.staging.pushremote" in config else "main"
    found = read(config, branch, **settings)
    assert (found.push, found.upstream) == (push, upstream)


@pytest.mark.parametrize(
    ("config", "upstream", "what", "hint"),
    [
        (remotes("origin"), "team", "there is no remote team", "git remote add team URL"),
        (FORK, "upstraem", "there is no remote upstraem", f"did you mean upstream? {IN_SETTINGS} upstream}}"),
        (
            *(FOLDER, "team/hubs", "cannot tell which host has team/hubs"),
            f"name a git remote, or write the whole address, {IN_SETTINGS} ADDRESS}}",
        ),
    ],
)
def test_an_upstream_that_is_no_remote_is_refused(config: dict[str, str], upstream: str, what: str, hint: str) -> None:
    told = f"error: {what} (hub.upstream)\nhint: {hint}"
    assert raised(Refused, lambda: read(config, upstream=upstream)) == told


def test_a_variable_is_what_to_fix_where_one_names_the_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    """invoke.yaml would change nothing: the variable wins."""
    monkeypatch.setenv("INVOKE_HUB_UPSTREAM", "team/hubs")
    told = raised(Refused, lambda: read(FOLDER, upstream="team/hubs"))
    assert told.endswith("hint: fix INVOKE_HUB_UPSTREAM, or unset it")
