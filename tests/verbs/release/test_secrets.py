"""A whole release gives no secret away: neither in what it says, nor in anything that it leaves, nor when it fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.rehearsal.registry import forget_images
from tests.support.cli import Result
from tests.support.gh import StandInGh
from tests.support.helm import HelmServer
from tests.support.hubs import make_hub
from tests.support.machine import Home
from tests.support.planted import (
    IN_DOCKER,
    IN_REMOTE,
    IN_SHELL,
    ON_GITHUB,
    USER,
    Planted,
    git_server,
    telltale,
)
from tests.support.processes import write_program
from tests.support.registry import private_registry, sign_in
from tests.support.server import misbehaving

pytestmark = pytest.mark.engine

RELEASE = ("release", "--yes", "--pr")


@pytest.fixture
def planted(tmp_path: Path, mirror: str, helm_repository: HelmServer, isolated: Home) -> Iterator[Planted]:
    """A hub repository whose remote, Helm repository and registry all ask for a password."""
    (tmp_path / "tmp").mkdir()
    with (
        private_registry(tmp_path / "registry", {USER: IN_DOCKER}) as registry,
        git_server(tmp_path, USER, IN_REMOTE) as remote,
        misbehaving(helm_repository.url.split("/")[2]) as charts,
    ):
        hub = make_hub(
            tmp_path / "hub", base=mirror, registry=registry.address, chart_repository="https://charts.invalid/"
        )
        hub.remote_git("config", "http.receivePack", "true")
        hub.git("remote", "set-url", "origin", f"{ON_GITHUB}hub.git")
        hub.git("config", f"url.{remote.url('')}.insteadOf", ON_GITHUB)
        sign_in(registry.address, USER, IN_DOCKER)
        gh = StandInGh(tmp_path / "gh")
        gh.install()
        yield Planted(hub, remote, charts, registry, gh, tmp_path, isolated.folder)
        forget_images(registry.address)


@pytest.fixture
def aside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for programs, which is not searched: they hold secrets themselves."""
    return tmp_path_factory.mktemp("programs")


def test_a_release_uses_every_secret_and_leaves_none_and_neither_does_a_look(planted: Planted) -> None:
    for task in ("status", "check --json", "doctor"):
        assert planted.finds(planted.run("--debug", *task.split())) == {}
    shown = planted.run("--debug", "--dry", *RELEASE)
    done = planted.run("--debug", *RELEASE)
    again = planted.run(*RELEASE, "--json")
    assert [result.code for result in (shown, done, again)] == [0] * 3, done
    assert planted.remote.let_in
    assert planted.charts.said("Authorization")
    (request,) = planted.gh.requests
    assert request["body"].startswith("### What moved\n")
    assert planted.hub.remote_git("log", "-1", "--pretty=%s", "bump-z2jh-3.3.8").startswith("Use hub image")
    assert "pull_request=https://github.com/org/hub/pull/1" in (planted.folder / "output").read_text()
    assert planted.finds(shown, done, again) == {}


def test_whatever_fails_on_the_way_and_tells_all_it_knows_gives_no_secret_away(planted: Planted, aside: Path) -> None:
    """One release, whose programs and hooks fail one after the other: each time it is made again, and goes on."""
    hooks, git = planted.hub.path / ".git/hooks", planted.hub.git

    def telling(program: str, word: str) -> Path:
        folder = aside / word
        folder.mkdir()
        return telltale(folder, program, word, planted.addresses)

    def failing(code: int, before: Path | None = None) -> Result:
        done = planted.run("--debug", *RELEASE, before=before)
        assert done.code == code, done
        assert planted.finds(done) == {}
        return done

    config = planted.home / "docker/config.json"
    signed_in = config.read_text()
    config.write_text(json.dumps({**json.loads(signed_in), "auths": {}, "credsStore": "tulip"}))
    failing(4, telling("docker-credential-tulip", "get"))
    config.write_text(signed_in)

    git("config", "gpg.program", str(telling("sign", "--status-fd=2") / "sign"))
    git("config", "commit.gpgSign", "true")
    failing(3)
    git("config", "commit.gpgSign", "false")

    # A secret that is read in two pieces is not told by halves: sh reads 1024 bytes at a time.
    head, tail = IN_SHELL["GH_TOKEN"][:6], IN_SHELL["GH_TOKEN"][6:]
    in_two = f"printf '%{1024 - len(head)}s%s\\n' 'a token: ' \"$GH_TOKEN\"; exit 1"
    write_program(hooks, "pre-commit", in_two)
    said = failing(3).err
    assert ("a token: ***" in said, tail in said) == (True, False)
    (hooks / "pre-commit").unlink()

    failing(3, telling("docker", "bake"))

    write_program(hooks, "pre-push", "env >&2; git remote get-url origin >&2; exit 1")
    assert "GH_TOKEN=***" in failing(3).err
    (hooks / "pre-push").unlink()

    failing(4, telling("git", "push"))
    failing(3, telling("gh", "create"))


def test_helm_and_gcloud_that_fail_give_no_secret_away(planted: Planted, aside: Path) -> None:
    planted.hub.write("hub/requirements.lock", "dependencies:\n- name: jupyterhub\n  version: 3.2.1\n")
    planted.hub.edit("chartpress.yaml", planted.registry.address, "us-docker.pkg.dev/hubs")
    planted.hub.commit("Lock the requirement, and push to Google")
    for task, program, word in (("bump", "helm", "dependency"), ("auth", "gcloud", "list")):
        done = planted.run(task, before=telltale(aside, program, word, planted.addresses))
        assert done.code == 3, done
        assert planted.finds(done) == {}
