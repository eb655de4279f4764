"""The forge that a git remote stands for, and its page for opening a pull request."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

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
