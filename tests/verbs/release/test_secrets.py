"""A whole release gives no secret away: neither in what it says, nor in anything that it leaves, nor when it fails."""

import base64
import gzip
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import quote

import pytest

from tasks.rehearsal.registry import Registry, forget_images
from tests.support.cli import Result, run_task
from tests.support.gh import StandInGh
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.processes import write_program
from tests.support.registry import private_registry, sign_in
from tests.support.server import Asked, Server, misbehaving, reply

pytestmark = pytest.mark.engine

RELEASE = ("release", "--yes", "--pr")
USER = "robin"
IN_REMOTE, IN_CHARTS, IN_DOCKER = "tulip-remote-4711", "tulip-charts-4712", "tulip-docker-4713"
IN_ADDRESS = "ghp_tulipaddress4714tulipaddress4714"
ON_GITHUB = f"https://{IN_ADDRESS}@github.com/org/"
PEM = "-----BEGIN PRIVATE KEY-----\ntulipshell4720\n-----END PRIVATE KEY-----\n"
IN_SHELL = {
    "GH_TOKEN": "tulip-shell-4715",
    "GITHUB_TOKEN": "tulip-shell-4716",
    "CLOUDSDK_AUTH_ACCESS_TOKEN": "tulip-shell-4717",
    "DOCKER_PASSWORD": "tulip shell 4718",
    "AWS_SECRET_ACCESS_KEY": "tulip/shell+4719",
    "GOOGLE_CREDENTIALS": json.dumps({"private_key": PEM, "client_secret": "tulip-shell-4721"}, indent=2),
}
SECRETS = (
    *(IN_REMOTE, IN_CHARTS, IN_DOCKER, IN_ADDRESS, "tulipshell4720", "tulip-shell-4721"),
    *(value for value in IN_SHELL.values() if "\n" not in value),
)
# Where the user has put them.
USERS_OWN = (".git/config", "docker/config.json")
GZIP = b"\x1f\x8b"


def given_away(data: bytes) -> list[str]:
    """Return the secrets that stand in ``data``: as they are, in an address, or in a header."""
    return [
        secret
        for secret in SECRETS
        if secret.encode() in data
        or quote(secret, safe="").encode() in data
        or base64.b64encode(f"{USER}:{secret}".encode()) in data
    ]


# -- a hub repository with a secret wherever a release may come across one


@contextmanager
def git_server(folder: Path) -> Iterator[Server]:
    """Serve the bare repositories in ``folder`` to the user, as RFC 3875 (CGI) says."""
    expected = f"Basic {base64.b64encode(f'{USER}:{IN_REMOTE}'.encode()).decode()}"

    def answer(asked: Asked) -> bytes:
        if asked.headers["Authorization"] != expected:
            return reply(status="401 Unauthorized", WWW_Authenticate='Basic realm="hubs"')
        path, _, query = asked.path.partition("?")
        about = {
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(folder),
            "GIT_PROTOCOL": asked.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": asked.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_USER": USER,
            "REQUEST_METHOD": asked.method,
        }
        backend, env = ("git", "http-backend"), {**os.environ, **about}
        done = subprocess.run(backend, input=asked.body, env=env, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(BytesParser().parsebytes(head).items())
        return reply(content, headers.pop("Status", "200 OK"), **headers)

    with misbehaving() as server:
        server.keeper = answer
        yield server


@dataclass(frozen=True)
class Planted:
    """A hub repository, and all that a release of it reaches."""

    hub: Hub
    remote: Server
    charts: Server
    registry: Registry
    gh: StandInGh
    folder: Path

    @property
    def charts_address(self) -> str:
        return f"http://{USER}:{IN_CHARTS}@{self.charts.address}/"

    @property
    def remote_address(self) -> str:
        return f"http://{USER}:{IN_REMOTE}@{self.remote.address}/"

    @property
    def addresses(self) -> str:
        return f"{self.charts_address} {ON_GITHUB} {self.remote_address}hub.git"

    @property
    def env(self) -> Mapping[str, str]:
        return {
            **IN_SHELL,
            "INVOKE_HUB_CHART_REPOSITORY": self.charts_address,
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "TMPDIR": str(self.folder / "tmp"),
        }

    def run(self, *arguments: str, before: Path | None = None) -> Result:
        """Run a task; the programs in the folder ``before`` come first."""
        path = {"PATH": f"{before}{os.pathsep}{os.environ['PATH']}"} if before else {}
        return run_task(*arguments, cwd=self.hub.path, env={**self.env, **path})

    def finds(self, *said: Result) -> dict[str, list[str]]:
        """Return the secrets that are found where nobody has put them, by the place."""
        places = [*((f"output {number}", str(result).encode()) for number, result in enumerate(said)), *self._left()]
        return {place: secrets for place, data in places if (secrets := given_away(data))}

    def _left(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file, and what git has packed: commits with their messages, trees, files."""
        for path in (path for top in (self.folder, Path.home()) for path in top.rglob("*")):
            if path.is_file() and not path.as_posix().endswith(USERS_OWN):
                data = path.read_bytes()
                yield str(path), gzip.decompress(data) if data.startswith(GZIP) else data
        everything = ("git", "cat-file", "--batch-all-objects", "--batch", "--buffer")
        for place in (self.hub.path, self.hub.remote):
            yield f"git in {place}", subprocess.run(everything, cwd=place, capture_output=True, check=True).stdout


TELLTALE = """\
for argument; do
    if test "$argument" = {word}; then
        set -- "fatal: I was given" "$@" {words} {variables}
        printf '%s\\n' "$*"
        printf '%s\\n' "$*" >&2
        exit 1
    fi
done
exec {real} "$@"
"""


def telltale(folder: Path, name: str, word: str, words: str) -> Path:
    """Write a program into ``folder`` that fails where ``word`` is among its arguments, and tells all that it knows.

    That is what the environment has, and ``words``. Else it does what the real one does. Returns the folder.
    """
    given = {"word": word, "words": words, "real": shutil.which(name) or "false"}
    variables = " ".join(f'"${variable}"' for variable in IN_SHELL)
    quoted = {name: shlex.quote(text) for name, text in given.items()}
    write_program(folder, name, TELLTALE.format(variables=variables, **quoted))
    return folder


@pytest.fixture
def planted(tmp_path: Path, mirror: str, helm_repository: HelmServer, gh: StandInGh) -> Iterator[Planted]:
    """A hub repository whose remote, Helm repository and registry all ask for a password."""
    (tmp_path / "tmp").mkdir()
    with (
        private_registry(tmp_path / "registry", {USER: IN_DOCKER}) as registry,
        git_server(tmp_path) as remote,
        misbehaving(helm_repository.url.split("/")[2]) as charts,
    ):
        hub = make_hub(
            tmp_path / "hub", base=mirror, registry=registry.address, chart_repository="https://charts.invalid/"
        )
        made = Planted(hub, remote, charts, registry, gh, tmp_path)
        hub.remote_git("config", "http.receivePack", "true")
        hub.git("remote", "set-url", "origin", f"{ON_GITHUB}hub.git")
        hub.git("config", f"url.{made.remote_address}.insteadOf", ON_GITHUB)
        sign_in(registry.address, USER, IN_DOCKER)
        yield made
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
    assert planted.remote.said("Authorization")
    assert planted.charts.said("Authorization")
    (request,) = planted.gh.requests
    assert "\n### What moved\n" in request["body"]
    assert planted.hub.remote_git("log", "-1", "--pretty=%s", "bump-z2jh-3.3.8").startswith("Use hub image")
    assert "pull_request=https://github.com/org/hub/pull/1" in (planted.folder / "output").read_text()
    assert planted.finds(shown, done, again) == {}


def test_whatever_fails_on_the_way_and_tells_all_it_knows_gives_no_secret_away(planted: Planted, aside: Path) -> None:
    """One release, whose programs and hooks fail one after the other: each time it is made again, and goes on."""
    hooks, git = planted.hub.path / ".git/hooks", planted.hub.git

    def telling(program: str, word: str) -> Path:
        return telltale(aside / word, program, word, planted.addresses)

    def failing(code: int, before: Path | None = None) -> Result:
        done = planted.run("--debug", *RELEASE, before=before)
        assert done.code == code, done
        assert planted.finds(done) == {}
        return done

    config = Path.home() / "docker/config.json"
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
    planted.hub.change("chartpress.yaml", planted.registry.address, "us-docker.pkg.dev/hubs")
    for task, program, word in (("bump", "helm", "dependency"), ("auth", "gcloud", "list")):
        done = planted.run(task, before=telltale(aside, program, word, planted.addresses))
        assert done.code == 3, done
        assert planted.finds(done) == {}
