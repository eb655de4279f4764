"""A hub repository with a secret wherever a release may come across one, and all that the release could leave it in."""

import base64
import gzip
import json
import os
import shlex
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import quote

from tasks.rehearsal.registry import Registry

from .cli import Result, run_task
from .gh import StandInGh
from .hubs import Hub
from .server import Asked, Server, misbehaving, reply


@dataclass
class GitServer:
    """A server of git repositories."""

    folder: Path
    user: str
    password: str
    address: str
    let_in: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        """Return the address of a repository, with the password in it."""
        return f"http://{self.user}:{self.password}@{self.address}/{name}"

    @property
    def expected(self) -> str:
        """The header that lets in."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"

    def answer(self, asked: Asked) -> bytes:
        """Hand a request on to git as RFC 3875 (CGI) says."""
        if asked.headers["Authorization"] != self.expected:
            return reply(status="401 Unauthorized", WWW_Authenticate='Basic realm="hubs"')
        self.let_in.append(asked.path)
        backend, env = ("git", "http-backend"), self._environment(asked)
        done = subprocess.run(backend, input=asked.body, env=env, capture_output=True, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(BytesParser().parsebytes(head).items())
        return reply(content, headers.pop("Status", "200 OK"), **headers)

    def _environment(self, asked: Asked) -> dict[str, str]:
        path, _, query = asked.path.partition("?")
        return {
            **os.environ,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_PROTOCOL": asked.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": asked.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_USER": self.user,
            "REQUEST_METHOD": asked.method,
        }


@contextmanager
def git_server(folder: Path, user: str, password: str) -> Iterator[GitServer]:
    """Serve the bare repositories in ``folder`` on a free port of 127.0.0.1 for as long as the block runs."""
    with misbehaving() as server:
        lab = GitServer(folder, user, password, server.address)
        server.keeper = lab.answer
        yield lab


USER = "robin"
IN_REMOTE, IN_CHARTS, IN_DOCKER = "tulip-remote-4711", "tulip-charts-4712", "tulip-docker-4713"
IN_ADDRESS = "ghp_tulipaddress4714tulipaddress4714"
ON_GITHUB = f"https://{IN_ADDRESS}@github.com/org/"
_PEM = "-----BEGIN PRIVATE KEY-----\ntulipshell4720\n-----END PRIVATE KEY-----\n"
IN_SHELL = {
    "GH_TOKEN": "tulip-shell-4715",
    "GITHUB_TOKEN": "tulip-shell-4716",
    "CLOUDSDK_AUTH_ACCESS_TOKEN": "tulip-shell-4717",
    "DOCKER_PASSWORD": "tulip shell 4718",
    "AWS_SECRET_ACCESS_KEY": "tulip/shell+4719",
    "GOOGLE_CREDENTIALS": json.dumps({"private_key": _PEM, "client_secret": "tulip-shell-4721"}, indent=2),
}
SECRETS = (
    *(IN_REMOTE, IN_CHARTS, IN_DOCKER, IN_ADDRESS, "tulipshell4720", "tulip-shell-4721"),
    *(value for value in IN_SHELL.values() if "\n" not in value),
)
# Where the user has put them.
_USERS_OWN = (".git/config", "docker/config.json")
_GZIP = b"\x1f\x8b"


def _spellings(secret: str) -> Iterator[bytes]:
    """Yield what a secret looks like where it stands as it is, in an address, or in a header."""
    yield from (secret.encode(), quote(secret, safe="").encode())
    yield base64.b64encode(f"{USER}:{secret}".encode())


def given_away(data: bytes) -> list[str]:
    """Return the secrets that stand in ``data``."""
    return [secret for secret in SECRETS if any(spelling in data for spelling in _spellings(secret))]


@dataclass(frozen=True)
class Planted:
    """A hub repository, and all that a release of it reaches."""

    hub: Hub
    remote: GitServer
    charts: Server
    registry: Registry
    gh: StandInGh
    folder: Path
    home: Path

    @property
    def charts_address(self) -> str:
        """The Helm repository's address, with the password in it."""
        return f"http://{USER}:{IN_CHARTS}@{self.charts.address}/"

    @property
    def addresses(self) -> str:
        """All addresses with a secret in them."""
        return f"{self.charts_address} {ON_GITHUB} {self.remote.url('hub.git')}"

    @property
    def env(self) -> Mapping[str, str]:
        """What is in the environment besides the test's own."""
        return {
            **IN_SHELL,
            "INVOKE_HUB_CHART_REPOSITORY": self.charts_address,
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "TMPDIR": str(self.folder / "tmp"),
            "PATH": f"{self.gh.folder}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *arguments: str, before: Path | None = None) -> Result:
        """Run a task; the programs in the folder ``before`` come first."""
        path = f"{before}{os.pathsep}{self.env['PATH']}" if before else self.env["PATH"]
        return run_task(*arguments, cwd=self.hub.path, env={**self.env, "PATH": path})

    def finds(self, *said: Result) -> dict[str, list[str]]:
        """Return the secrets that are found where nobody has put them, by the place."""
        told = {f"output {number}": str(result).encode() for number, result in enumerate(said)}
        places = {**told, **dict(self._files()), **dict(self._objects())}
        found = {place: given_away(data) for place, data in places.items()}
        return {place: secrets for place, secrets in found.items() if secrets}

    def _files(self) -> Iterator[tuple[str, bytes]]:
        for top in (self.folder, self.home):
            for path in top.rglob("*"):
                if path.is_file() and not path.as_posix().endswith(_USERS_OWN):
                    data = path.read_bytes()
                    yield str(path), gzip.decompress(data) if data.startswith(_GZIP) else data

    def _objects(self) -> Iterator[tuple[str, bytes]]:
        """Yield what git has packed: commits with their messages, trees, files."""
        everything = ("git", "cat-file", "--batch-all-objects", "--batch", "--buffer")
        for place in (self.hub.path, self.hub.remote):
            done = subprocess.run(everything, cwd=place, capture_output=True, check=True)
            yield f"git in {place}", done.stdout


_TELLTALE = """\
#!/bin/sh
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
    real = shutil.which(name) or "false"
    variables = " ".join(f'"${variable}"' for variable in IN_SHELL)
    program = folder / name
    given = {"word": word, "words": words, "real": real}
    quoted = {name: shlex.quote(text) for name, text in given.items()}
    program.write_text(_TELLTALE.format(variables=variables, **quoted))
    program.chmod(0o755)
    return folder
