"""A whole release gives no secret away: neither in what it says, nor in anything that it leaves, nor when it fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.rehearsal.registry import forget_images
from tests.support.gh import StandInGh
from tests.support.git_http import git_server
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
    telltale,
)
from tests.support.registry import private_registry, sign_in
from tests.support.server import misbehaving
from tests.support.steps import install_hook

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


def test_a_release_uses_every_secret_and_leaves_none(planted: Planted) -> None:
    shown = [planted.run(*flags, *RELEASE) for flags in (("--dry",), ("--debug", "--dry"))]
    shown.append(planted.run("--dry", *RELEASE, "--json"))
    done = planted.run("--debug", *RELEASE)
    again = planted.run(*RELEASE, "--json")
    assert [result.code for result in (*shown, done, again)] == [0] * 5, done
    assert planted.remote.let_in
    assert planted.charts.said("Authorization")
    (request,) = planted.gh.requests
    assert request["body"].startswith("### What moved\n")
    assert planted.hub.remote_git("log", "-1", "--pretty=%s", "bump-z2jh-3.3.8").startswith("Use hub image")
    assert "pull_request=https://github.com/org/hub/pull/1" in (planted.folder / "output").read_text()
    assert planted.finds(*shown, done, again) == {}


def test_a_look_gives_no_secret_away(planted: Planted) -> None:
    for task in ("status", "check", "doctor"):
        assert planted.finds(planted.run(task), planted.run("--debug", task, "--json")) == {}


# Program, the word among its arguments at which it fails, and the exit code.
FAILURES = [
    ("git", "push", 4),
    ("docker", "bake", 3),
    ("gh", "create", 3),
]


@pytest.mark.parametrize(("program", "word", "code"), FAILURES, ids=[" ".join(case[:2]) for case in FAILURES])
def test_a_program_that_fails_and_tells_all_it_knows_gives_no_secret_away(
    planted: Planted, aside: Path, program: str, word: str, code: int
) -> None:
    programs = telltale(aside, program, word, planted.addresses)
    done = planted.run("--debug", *RELEASE, before=programs)
    assert done.code == code, done
    assert planted.finds(done) == {}


def test_helm_that_fails_gives_no_secret_away(planted: Planted, aside: Path) -> None:
    planted.hub.write("hub/requirements.lock", "dependencies:\n- name: jupyterhub\n  version: 3.2.1\n")
    planted.hub.commit("Lock the requirement")
    done = planted.run("bump", before=telltale(aside, "helm", "dependency", planted.addresses))
    assert done.code == 3, done
    assert planted.finds(done) == {}


def test_gcloud_that_fails_gives_no_secret_away(planted: Planted, aside: Path) -> None:
    planted.hub.edit("chartpress.yaml", planted.registry.address, "us-docker.pkg.dev/hubs")
    done = planted.run("auth", before=telltale(aside, "gcloud", "list", planted.addresses))
    assert done.code == 3, done
    assert planted.finds(done) == {}


def test_a_credential_helper_that_fails_gives_no_secret_away(planted: Planted, aside: Path) -> None:
    config = planted.home / "docker/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "auths": {}, "credsStore": "tulip"}))
    programs = telltale(aside, "docker-credential-tulip", "get", planted.addresses)
    done = planted.run(*RELEASE, before=programs)
    assert done.code == 4, done
    assert planted.finds(done) == {}


def test_a_hook_that_fails_gives_no_secret_away(planted: Planted) -> None:
    install_hook(planted.hub.path / ".git/hooks", "pre-push", "env >&2; git remote get-url origin >&2; exit 1")
    done = planted.run(*RELEASE)
    assert done.code == 3, done
    assert "GH_TOKEN=***" in done.err
    assert planted.finds(done) == {}


def test_a_secret_that_is_read_in_two_pieces_is_not_told_by_halves(planted: Planted) -> None:
    head, tail = IN_SHELL["GH_TOKEN"][:6], IN_SHELL["GH_TOKEN"][6:]
    # sh reads 1024 bytes at a time.
    hook = f"printf '%{1024 - len(head)}s%s\\n' 'a token: ' \"$GH_TOKEN\"; exit 1"
    install_hook(planted.hub.path / ".git/hooks", "pre-commit", hook)
    done = planted.run("--debug", *RELEASE)
    assert done.code == 3, done
    assert "a token: ***" in done.err
    assert tail not in done.err


def test_a_signature_that_fails_gives_no_secret_away(planted: Planted, aside: Path) -> None:
    programs = telltale(aside, "sign", "--status-fd=2", planted.addresses)
    planted.hub.git("config", "gpg.program", str(programs / "sign"))
    planted.hub.git("config", "commit.gpgSign", "true")
    done = planted.run(*RELEASE)
    assert done.code == 3, done
    assert planted.finds(done) == {}
