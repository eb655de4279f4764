import pytest

from tasks.core.faults import Refused
from tasks.core.settings import Settings
from tasks.repo.remotes import choose_remotes

SSH = "git@github.com:{}/hubs.git"
HTTPS = "https://github.com/{}/hubs.git"


def remotes(*names: str, address: str = SSH, **owners: str) -> dict[str, str]:
    """Return git's configuration of these remotes, each at the repository of the owner of its name."""
    named = {name: name for name in names} | owners
    return {f"remote.{name}.url": address.format(owner) for name, owner in named.items()}


@pytest.mark.parametrize(
    ("config", "settings", "branch", "push", "upstream"),
    [
        pytest.param(remotes("origin"), {}, "main", "origin", "origin", id="one repository"),
        pytest.param(remotes("ours"), {}, "main", "ours", "ours", id="one of another name"),
        pytest.param(remotes("upstream"), {}, "main", "upstream", "upstream", id="upstream alone"),
        pytest.param(remotes("origin", "upstream"), {}, "main", "origin", "upstream", id="a fork, as gh clones it"),
        pytest.param(remotes("robin", "upstream"), {}, "main", "robin", "upstream", id="a fork of its owner's name"),
        pytest.param(remotes("origin", "fork"), {}, "main", "fork", "origin", id="a remote fork"),
        pytest.param(remotes("origin", "sam"), {}, "main", "origin", "origin", id="a colleague's fork besides"),
        pytest.param(remotes("robin", "sam", "upstream"), {}, "main", None, "upstream", id="two forks"),
        pytest.param(remotes("robin", "sam"), {}, "main", None, None, id="nothing tells"),
        pytest.param({}, {}, "main", None, None, id="no remote"),
        pytest.param(
            remotes("origin", "robin") | {"remote.pushdefault": "robin"},
            {},
            "main",
            "robin",
            "origin",
            id="pushDefault",
        ),
        pytest.param(
            remotes("origin", "robin") | {"branch.staging.pushremote": "robin"},
            *({}, "staging", "robin", "origin"),
            id="pushRemote of the branch",
        ),
        pytest.param(
            remotes("origin") | {"remote.pushdefault": "gone"}, {}, "main", "origin", "origin", id="no such pushDefault"
        ),
        pytest.param(
            remotes("origin", "team") | {"remote.team.gh-resolved": "base"},
            *({}, "main", "origin", "team"),
            id="gh repo set-default",
        ),
        pytest.param(
            remotes("origin", "upstream") | {"remote.origin.gh-resolved": "base"},
            *({}, "main", "origin", "origin"),
            id="set-default to the fork itself",
        ),
        pytest.param(
            remotes("origin") | {"remote.origin.gh-resolved": "team/hubs"},
            *({}, "main", "origin", "git@github.com:team/hubs.git"),
            id="set-default without a remote",
        ),
        pytest.param(
            remotes("origin", address=HTTPS) | {"remote.origin.gh-resolved": "team/hubs"},
            *({}, "main", "origin", "https://github.com/team/hubs.git"),
            id="the address is as the remote's",
        ),
        pytest.param(
            remotes("origin", "main") | {"remote.origin.gh-resolved": "main/hubs"},
            *({}, "main", "origin", "main"),
            id="set-default to a remote's repository",
        ),
        pytest.param(
            remotes("origin", "upstream"), {"remote": "upstream"}, "main", "upstream", "upstream", id="hub.remote"
        ),
        pytest.param(remotes("origin", "team"), {"upstream": "team"}, "main", "origin", "team", id="hub.upstream"),
        pytest.param(
            remotes("origin", "theirs", theirs="Team"),
            *({"upstream": "https://github.com/team/hubs"}, "main", "origin", "theirs"),
            id="hub.upstream as an address",
        ),
        pytest.param(
            remotes("origin"), {"upstream": "team/hubs"}, "main", "origin", SSH.format("team"), id="hub.upstream's path"
        ),
        pytest.param(
            remotes("origin"),
            {"upstream": "/srv/hubs.git"},
            "main",
            "origin",
            "/srv/hubs.git",
            id="hub.upstream's folder",
        ),
    ],
)
def test_which_remote_is_pushed_to_and_which_is_the_upstream(
    config: dict[str, str], settings: dict[str, str], branch: str, push: str | None, upstream: str | None
) -> None:
    found = choose_remotes(config, Settings(**settings), branch)  # type: ignore[arg-type]
    assert (found.push, found.upstream) == (push, upstream)


@pytest.mark.parametrize(
    ("config", "upstream", "what", "hint"),
    [
        (remotes("origin"), "team", "there is no remote team", "git remote add team URL"),
        (
            remotes("origin", "upstream"),
            *(
                "upstraem",
                "there is no remote upstraem",
                "did you mean upstream? in invoke.yaml: hub: {upstream: upstream}",
            ),
        ),
        (
            {"remote.origin.url": "/srv/hubs.git"},
            *("team/hubs", "cannot tell which host has team/hubs"),
            "name a git remote, or write the whole address, in invoke.yaml: hub: {upstream: ADDRESS}",
        ),
    ],
)
def test_an_upstream_that_is_no_remote_is_refused(config: dict[str, str], upstream: str, what: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        choose_remotes(config, Settings(upstream=upstream), "main")
    assert (refused.value.what, refused.value.where, refused.value.hint) == (what, "hub.upstream", hint)
