"""Forges: GitHub through gh, and for the others the page that opens a pull request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from ..core.faults import Denied, Fault, ProgramFailed, Unreachable
from .command import Command, Output
from .process import capture, find

_KEYWORD = "hostname "
PROGRAM = "gh"
# https://cli.github.com/manual/gh_help_environment: it asks nothing, and says nothing but the answer.
_QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "GH_PAGER": "", "NO_COLOR": "1", "CLICOLOR": "0"}
# https://cli.github.com/manual/gh_help_exit-codes
_NOT_SIGNED_IN = 4
_LOOK = "gh pr list"
_FIELDS: dict[str, type] = {"number": int, "url": str, "title": str, "body": str, "isCrossRepository": bool}
_SIGN_IN = ("gh auth login", "authentication required", "http 401", "bad credentials")
_ACTIONS_MAY_NOT = "not permitted to create or approve pull requests"
_DENIED = ("http 403", "http 404", "could not resolve to a repository", "resource not accessible", "must have", "sso")
_NO_ANSWER = (
    *("error connecting", "dial tcp", "no such host", "connection refused", "connection reset", "timeout"),
    *("http 500", "http 502", "http 503", "http 504"),
)
GITHUB, GITLAB, BITBUCKET, GITEA, FORGEJO = "GitHub", "GitLab", "Bitbucket", "Gitea", "Forgejo"
BITBUCKET_CLOUD = "bitbucket.org"
_WEB = ("http", "https")
_SSH = ("ssh", "git+ssh")
_SCHEMES = (*_WEB, *_SSH, "git")
# The hosts that answer ssh on port 443, where only that port is open.
_SSH_HOSTS = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": BITBUCKET_CLOUD,
}
_PUBLIC = ("github.com", "gitlab.com", BITBUCKET_CLOUD)
# A host of one's own is known by a part of its name: gitlab.example.org, git.forgejo.example.
_NAMES = {
    "github": GITHUB,
    ".ghe.com": GITHUB,
    "gitlab": GITLAB,
    "bitbucket": BITBUCKET,
    "forgejo": FORGEJO,
    "codeberg": FORGEJO,
    "gitea": GITEA,
}


def real_host(name: str) -> str:
    """Return the host that ssh connects to for ``name``; ``name`` itself where ssh cannot tell.

    People give hosts names of their own: ``Host`` and ``HostName`` in ``~/.ssh/config``. Nothing is connected to.
    """
    try:
        output = capture(Command(("ssh", "-G", "--", name)))
    except ProgramFailed:
        return name
    told = (line.removeprefix(_KEYWORD) for line in output.text.splitlines() if line.startswith(_KEYWORD))
    return next(told, name)


class OpenRequest(NamedTuple):
    """A pull request that is open.

    Attributes:
        number: its number.
        url: its page.
        title: its title.
        body: its text, in Markdown.
    """

    number: int
    url: str
    title: str
    body: str


class GitHub(NamedTuple):
    """One repository on GitHub, or on a GitHub Enterprise Server.

    Attributes:
        host: ``github.com``, or the server's.
        path: ``owner/name``.
        folder: where its commands run.
    """

    host: str
    path: str
    folder: Path

    def open_request(self, branch: str) -> OpenRequest | None:
        """Return the open pull request from this repository's own ``branch``, or None.

        Raises:
            Denied: nobody is signed in, or access is denied.
            Unreachable: the host does not answer.
            ProgramFailed: gh failed otherwise, or its answer cannot be read.
        """
        wanted = ("--head", branch, "--state", "open", "--json", ",".join(_FIELDS))
        output = self._checked(self._command("pr", "list", *self._here, *wanted))
        own = [one for one in _listed(output.text) if not one["isCrossRepository"]]
        return OpenRequest(own[0]["number"], own[0]["url"], own[0]["title"], own[0]["body"]) if own else None

    def create_command(self, branch: str, base: str, title: str, body: str) -> Command:
        """Return the command that opens a pull request from ``branch`` into ``base``."""
        ends = ("--head", branch, "--base", base)
        return self._command("pr", "create", *self._here, *ends, "--title", title, "--body-file", "-", stdin=body)

    def update_command(self, number: int, title: str, body: str) -> Command:
        """Return the command that gives the pull request ``number`` another title and text.

        It asks GitHub's REST API: ``gh pr edit`` before 2.82.1, which Ubuntu 24.04 has, also asks for classic projects,
        and fails since those are gone (https://github.com/cli/cli/issues/11983).
        """
        content = json.dumps({"title": title, "body": body}, ensure_ascii=False)
        address = f"repos/{self.path}/pulls/{number}"
        return self._command(
            "api", "--hostname", self.host, "--method", "PATCH", address, "--silent", "--input", "-", stdin=content
        )

    def create(self, branch: str, base: str, title: str, body: str) -> OpenRequest:
        """Open a pull request, and return it as GitHub has it afterwards."""
        self._checked(self.create_command(branch, base, title, body))
        made = self.open_request(branch)
        if made is None:
            raise ProgramFailed("GitHub does not have the pull request that was opened", where=self.path, hint=_LOOK)
        return made

    def update(self, number: int, title: str, body: str) -> None:
        """Give the pull request ``number`` another title and text."""
        self._checked(self.update_command(number, title, body))

    @property
    def _here(self) -> tuple[str, str]:
        return "--repo", f"{self.host}/{self.path}"

    def _command(self, *arguments: str, stdin: str = "") -> Command:
        return Command((PROGRAM, *arguments), self.folder, stdin, hidden_env=_QUIET)

    def _checked(self, command: Command) -> Output:
        output = capture(command)
        if not output.ok:
            raise _fault(output, self.host)
        return output


def is_here() -> bool:
    """Whether gh is on this machine."""
    return find(PROGRAM) is not None


def knows(host: str) -> bool:
    """Whether gh is on this machine, and signed in to ``host``: then it is GitHub's, whatever its name."""
    return is_here() and capture(Command((PROGRAM, "auth", "token", "--hostname", host), hidden_env=_QUIET)).ok


class Repository(NamedTuple):
    """A repository on a host, as a git remote's address names it.

    Attributes:
        scheme: what its pages begin with: ``https``, or ``http`` where the remote's own address does.
        host: the host's name, in lower case, or its IPv6 address in brackets.
        port: the port of its pages; None for the scheme's own.
        path: what follows the host, without ``.git``: ``owner/name``, or more levels.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def site(self) -> str:
        """The host's own web address, without a slash at the end."""
        return f"{self.scheme}://{self.host}{f':{self.port}' if self.port else ''}"

    @property
    def address(self) -> str:
        """The repository's web address."""
        return f"{self.site}/{self.path}"

    @property
    def forge(self) -> str | None:
        """The kind of forge that the host is; None where its name does not tell."""
        return next((forge for name, forge in _NAMES.items() if name in self.host), None)

    def on(self, host: str) -> Repository:
        """Return the same repository on ``host``, as ssh names it."""
        return self._replace(host=_web_host(host))


def is_reached_by_ssh(remote_url: str) -> bool:
    """Whether ``remote_url``, an address on a host, is one of ssh's; its host may then be a name of the user's own."""
    scheme, separator, _ = remote_url.partition("://")
    return not separator or scheme in _SSH


def read_remote(remote_url: str) -> Repository | None:
    """Read a git remote's address; None where it is a folder, or nothing that is on a host.

    The forms are git's own (https://git-scm.com/docs/git-clone#_git_urls). User and password are left out; so is the
    port of an ssh address, which says nothing of the web pages'.
    """
    if "://" not in remote_url:
        return _short_form(remote_url)
    try:
        parts = urlsplit(remote_url)
        port = parts.port
    except ValueError:
        return None
    path = _trimmed(parts.path)
    if parts.scheme not in _SCHEMES or not parts.hostname or not path:
        return None
    is_web = parts.scheme in _WEB
    return Repository(parts.scheme if is_web else "https", _web_host(parts.hostname), port if is_web else None, path)


def web_address(remote_url: str) -> str | None:
    """Return the web address of the repository that ``remote_url`` names, without credentials.

    None where it names none: a folder, or something that is no address.
    """
    repository = read_remote(remote_url)
    return repository.address if repository else None


def opening_address(repository: Repository, branch: str, base: str, title: str) -> str | None:
    """Return the page for opening a pull request from ``branch`` into ``base``; None on an unknown forge.

    GitHub and GitLab take the title along; their own would be the branch's name.
    """
    forge = repository.forge
    if forge == GITHUB:
        asked = urlencode({"expand": "1", "title": title})
        return f"{repository.address}/compare/{_path(base)}...{_path(branch)}?{asked}"
    if forge == GITLAB:
        ends = {"source_branch": branch, "target_branch": base, "title": title}
        asked = urlencode({f"merge_request[{name}]": value for name, value in ends.items()})
        return f"{repository.address}/-/merge_requests/new?{asked}"
    if forge == BITBUCKET:
        return _on_bitbucket(repository, branch, base)
    if forge in (GITEA, FORGEJO):
        return f"{repository.address}/compare/{_path(base)}...{_path(branch)}"
    return None


def _listed(text: str) -> list[dict[str, Any]]:
    """Read a list of pull requests as ``gh pr list --json`` prints it."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(map(_is_request, listed)):
        raise ProgramFailed("the list of pull requests cannot be read", where=PROGRAM, hint=_LOOK)
    return listed


def _is_request(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(name), kind) for name, kind in _FIELDS.items())


def _fault(output: Output, host: str) -> Fault:
    """Return the fault for gh's refusal, by what it says: its exit status tells a missing sign-in alone."""
    said, words = output.stderr.lower(), _words(output)
    if output.status == _NOT_SIGNED_IN or _says(said, _SIGN_IN):
        return Denied("gh is not signed in", where=host, hint=f"gh auth login --hostname {host}; in CI: set GH_TOKEN")
    if _ACTIONS_MAY_NOT in said:
        return Denied(
            f"GitHub denied it: {words}",
            where=host,
            hint="allow it: Settings, Actions, General, Allow GitHub Actions to create and approve pull requests",
        )
    if _says(said, _NO_ANSWER):
        return Unreachable(f"GitHub does not answer: {words}", where=host, hint=f"gh api --hostname {host} rate_limit")
    if _says(said, _DENIED):
        return Denied(f"GitHub denied it: {words}", where=host, hint=f"gh auth status --hostname {host}")
    return ProgramFailed(f"gh: {words}", where=host, hint=_LOOK)


def _says(said: str, signs: tuple[str, ...]) -> bool:
    return any(sign in said for sign in signs)


def _words(output: Output) -> str:
    """Return gh's first line of complaint; what follows it is advice."""
    lines = [line.strip() for line in output.stderr.splitlines() if line.strip()]
    return lines[0] if lines else output.last_words


def _on_bitbucket(repository: Repository, branch: str, base: str) -> str:
    """Return the page on Bitbucket Cloud, or on a server of one's own, whose pages are laid out differently."""
    if repository.host == BITBUCKET_CLOUD:
        return f"{repository.address}/pull-requests/new?{urlencode({'source': branch, 'dest': base})}"
    project, _, name = repository.path.removeprefix("scm/").rpartition("/")
    owner = f"users/{project[1:]}" if project.startswith("~") else f"projects/{project}"
    ends = urlencode({"sourceBranch": f"refs/heads/{branch}", "targetBranch": f"refs/heads/{base}"})
    return f"{repository.site}/{owner}/repos/{name}/pull-requests?create&{ends}"


def _short_form(remote_url: str) -> Repository | None:
    """Read ``[user@]host:path``; a single letter before the colon is a drive, a slash before it makes a folder."""
    login, colon, path = remote_url.partition(":")
    host = login.rpartition("@")[2]
    if not colon or "/" in login or len(host) < 2 or path.startswith("/") or not _trimmed(path):  # noqa: PLR2004
        return None
    return Repository("https", _web_host(host), None, _trimmed(path))


def _web_host(host: str) -> str:
    """Return the host of the web pages: ssh has names of its own, and people add aliases (``github.com-work``)."""
    host = f"[{host}]" if ":" in host else host.lower()
    public = next((name for name in _PUBLIC if host.startswith(f"{name}-")), host)
    return _SSH_HOSTS.get(public, public)


def _trimmed(path: str) -> str:
    return path.strip("/").removesuffix(".git").strip("/")


def _path(branch: str) -> str:
    return quote(branch, safe="/")
