"""Forges: GitHub by gh, and for other forges the page that opens a pull request."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, urlsplit

from ..core.faults import Denied, Fault, ProgramFailed, Unreachable
from ..core.safe_files import read_file
from ..core.visible import ACTIONS
from .command import MALFORMED, NOTHING, Command, Output
from .process import capture, find

PROGRAM = "gh"
# No prompts, and no output besides the answer: https://cli.github.com/manual/gh_help_environment
_PLAIN = {"GH_PAGER": "", "GH_FORCE_TTY": "", "NO_COLOR": "1", "CLICOLOR": "0", "CLICOLOR_FORCE": "0"}
_QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", **_PLAIN}
# https://cli.github.com/manual/gh_help_exit-codes
_NOT_SIGNED_IN = 4
_LOOK = "gh pr list"
_FIELDS = "number,url,title,body,isCrossRepository,headRepositoryOwner,headRefOid,state,labels"
MERGED, CLOSED = "MERGED", "CLOSED"
_SIGN_IN = "(?i)gh auth login|authentication required|http 401|bad credentials"
_ACTIONS_MAY_NOT = "(?i)not permitted to create or approve pull requests"
_ALLOW_ACTIONS = "allow it: Settings, Actions, General, Allow GitHub Actions to create and approve pull requests"
_DENIED = "(?i)http 40[34]|could not resolve to a repository|resource not accessible|must have|sso"
_NO_ANSWER = "(?i)error connecting|dial tcp|no such host|connection re(fused|set)|timeout|http 50[0234]|rate limit"
GITHUB, _GITLAB, _BITBUCKET, _GITEA = "GitHub", "GitLab", "Bitbucket", "Gitea"

# Variables with the base branch, and with its repository's path.
_CI_PATHS = {
    "GITHUB_BASE_REF": "GITHUB_REPOSITORY",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "CI_MERGE_REQUEST_PROJECT_PATH",
    "CI_DEFAULT_BRANCH": "CI_PROJECT_PATH",
}
_WEB = ("http", "https")
_SSH = ("ssh", "git+ssh")
# Other names of a forge: ssh on port 443, and aliases in the user's ssh configuration (``github.com-work``).
_ALIAS = r"(?:(?:alt)?ssh\.)?(github\.com|gitlab\.com|bitbucket\.org)(?:-.*)?"
# ``[user@]host:path``; a single letter before the colon is a drive, a slash after it an absolute path.
_SHORT_FORM = r"(?:[^/]*@)?([^/:@]{2,}):([^/].*)"
# Forges by a part of the host's name: gitlab.example.org, git.forgejo.example.
_NAMES = {
    "github": GITHUB,
    ".ghe.com": GITHUB,
    "gitlab": _GITLAB,
    "bitbucket.org": _BITBUCKET,
    "forgejo": _GITEA,
    "codeberg": _GITEA,
    "gitea": _GITEA,
}
# The page that opens a pull request. GitLab sends a fork's to its parent project
# (https://docs.gitlab.com/user/project/merge_requests/creating_merge_requests/#when-you-work-in-a-fork).
_PAGES = {
    GITHUB: "{to}/compare/{base}...{head}?expand=1&title={title}",
    _GITLAB: "{fork}/-/merge_requests/new?merge_request%5Bsource_branch%5D={branch}"
    "&merge_request%5Btarget_branch%5D={base}&merge_request%5Btitle%5D={title}",
    _BITBUCKET: "{fork}/pull-requests/new?source={branch}&dest={dest}",
    _GITEA: "{to}/compare/{base}...{head}",
}


class CI(NamedTuple):
    """The repository that CI runs in; empty outside of CI.

    ``path`` is its path on its forge, ``base`` the base branch of the current pull request, else the default branch.
    """

    path: str = ""
    base: str = ""
    is_fork: bool | None = None


def read_ci() -> CI:
    """Return the repository from CI's variables, or from GitHub's event file.

    https://docs.github.com/actions/reference/workflows-and-actions/variables
    """
    for base, path in _CI_PATHS.items():
        if os.environ.get(base):
            return CI(os.environ.get(path, ""), os.environ[base])
    try:
        repository = json.loads(read_file(Path(os.environ["GITHUB_EVENT_PATH"])))["repository"]
        path, default, is_fork = (repository.get(key) for key in ("full_name", "default_branch", "fork"))
    except (OSError, *MALFORMED):
        return CI()
    if not isinstance(path, str) or not isinstance(default, str):
        return CI()
    return CI(path, default, is_fork if isinstance(is_fork, bool) else None)


def starts_no_workflow() -> bool:
    """Whether a pull request that is opened here starts no workflows.

    https://docs.github.com/actions/concepts/security/github_token
    """
    return os.environ.get(ACTIONS) == "true"


class ForgeRequest(NamedTuple):
    """A pull request on its forge.

    ``head`` is its branch (``OWNER:BRANCH`` in a fork), ``commit`` the branch's last commit, ``state`` ``MERGED``,
    ``CLOSED``, or another word if it is open.
    """

    number: int
    url: str
    title: str
    body: str
    head: str
    labels: tuple[str, ...] = ()
    state: str = ""
    commit: str = ""

    @classmethod
    def read(cls, entry: Mapping[str, Any], branch: str) -> ForgeRequest:
        """Parse gh's JSON of a pull request from ``branch``."""
        # A deleted fork has no owner.
        owner = (entry.get("headRepositoryOwner") or {}).get("login") or "?"
        head = f"{owner}:{branch}" if entry["isCrossRepository"] else branch
        url, title, body = (str(entry[name]) for name in ("url", "title", "body"))
        labels = tuple(str(label["name"]) for label in entry.get("labels") or ())
        state, commit = (str(entry.get(name) or "") for name in ("state", "headRefOid"))
        return cls(int(entry["number"]), url, title, body, head, labels, state, commit)


class GitHub(NamedTuple):
    """A repository, ``owner/name``, on GitHub or a GitHub Enterprise Server; gh runs in ``folder``.

    Requests raise Denied, Unreachable, or ProgramFailed if gh's output cannot be parsed.
    """

    host: str
    path: str
    folder: Path

    def parent(self) -> str | None:
        """Return the path of the repository that this one is a fork of, or None."""
        return self.run(self._rest("GET", "", "--jq", ".parent.full_name // empty")).text or None

    def requests(self, head: str) -> list[ForgeRequest]:
        """Return the pull requests from ``head`` (see ForgeRequest), the newest first, merged and closed ones too."""
        branch = head.rpartition(":")[2]
        wanted = ("--head", branch, "--state", "all", "--json", _FIELDS)
        output = self.run(self._command("pr", "list", *self._here, *wanted))
        try:
            of_any_fork = [ForgeRequest.read(one, branch) for one in json.loads(output.text)]
        except MALFORMED:
            raise ProgramFailed("the list of pull requests cannot be read", where=PROGRAM, hint=_LOOK) from None
        # GitHub does not tell capitals from small letters in the owner's name.
        return [one for one in of_any_fork if one.head.lower() == head.lower()]

    def open_request(self, head: str) -> ForgeRequest | None:
        """Return the pull request from ``head`` that is neither merged nor closed, or None."""
        return next((one for one in self.requests(head) if one.state not in (MERGED, CLOSED)), None)

    def labels(self) -> frozenset[str]:
        """Return the repository's labels in lower case, because GitHub ignores their case."""
        output = self.run(self._rest("GET", "labels?per_page=100", "--paginate", "--jq", ".[].name"))
        return frozenset(output.text.lower().splitlines())

    def create_command(self, head: str, base: str, title: str, body: str) -> Command:
        """Return the command that opens a pull request from ``head`` into ``base``."""
        ends = ("--head", head, "--base", base)
        return self._command("pr", "create", *self._here, *ends, "--title", title, "--body-file", "-", stdin=body)

    def update_command(self, number: int, title: str, body: str) -> Command:
        """Return the command that changes the title and text of the pull request ``number``.

        ``gh pr edit`` fails before 2.82.1 (https://github.com/cli/cli/issues/11983), GitHub's REST API does not.
        """
        return self._rest("PATCH", f"issues/{number}", "--silent", content={"title": title, "body": body})

    def label_command(self, number: int | None, labels: Sequence[str]) -> Command:
        """Return the command that adds labels to the pull request ``number`` (None: not opened yet)."""
        return self._rest("POST", f"issues/{number or '{number}'}/labels", "--silent", content={"labels": labels})

    def review_command(self, number: int | None, reviewer: str) -> Command:
        """Return the command that requests a review from a user or a team (``ORGANIZATION/TEAM``)."""
        _, slash, team = reviewer.partition("/")
        content = {"team_reviewers": [team]} if slash else {"reviewers": [reviewer]}
        return self._rest("POST", f"pulls/{number or '{number}'}/requested_reviewers", "--silent", content=content)

    def new_label_command(self, label: str) -> Command:
        """Return the command that creates a label."""
        return self._command("label", "create", label, *self._here)

    def opened(self, head: str) -> ForgeRequest:
        """Return the pull request from ``head`` that was just opened."""
        made = self.open_request(head)
        if made is None:
            raise ProgramFailed("GitHub does not have the pull request that was opened", where=self.path, hint=_LOOK)
        return made

    def run(self, command: Command) -> Output:
        """Run one of the commands, and return its output."""
        output = capture(command)
        if not output.ok:
            raise _fault(output, self.host)
        return output

    @property
    def _here(self) -> tuple[str, str]:
        return "--repo", f"{self.host}/{self.path}"

    def _rest(self, method: str, place: str, *flags: str, content: Mapping[str, Any] = NOTHING) -> Command:
        """Return a call of GitHub's REST API; it uses GH_HOST, because gh's flag for the host takes no port."""
        text = json.dumps(content, ensure_ascii=False) if content else ""
        reads = ("--input", "-") if content else ()
        address = f"repos/{self.path}/{place}".rstrip("/")
        command = self._command("api", "--method", method, address, *flags, *reads, stdin=text)
        return command._replace(env={"GH_HOST": self.host})

    def _command(self, *arguments: str, stdin: str = "") -> Command:
        return Command((PROGRAM, *arguments), self.folder, stdin, hidden_env=_QUIET)


def gh_login_command(host: str) -> str:
    """Return the command that signs gh in to ``host``; gh's flag and prompt for the host take no port."""
    return f"GH_HOST={host} gh auth login --web" if ":" in host else f"gh auth login --hostname {host}"


def gh_knows(repository: Repository) -> bool:
    """Whether gh is installed, and the repository is on GitHub or on a host that gh is signed in to."""
    if find(PROGRAM) is None or repository.forge not in (GITHUB, None):
        return False
    look = Command((PROGRAM, "auth", "token", "--hostname", repository.server), hidden_env=_QUIET)
    return repository.forge == GITHUB or capture(look).ok


class Repository(NamedTuple):
    """A repository on a host; ``path`` is ``owner/name`` or deeper; ``scheme`` and ``port`` are for its web pages."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def server(self) -> str:
        """The host with its port."""
        return f"{self.host}:{self.port}" if self.port else self.host

    @property
    def address(self) -> str:
        """The repository's web address."""
        return f"{self.scheme}://{self.server}/{self.path}"

    @property
    def forge(self) -> str | None:
        """The kind of forge by the host's name, or None."""
        return next((forge for name, forge in _NAMES.items() if name in self.host), None)

    def is_same(self, other: Repository) -> bool:
        """Whether ``other`` is the same repository; forges ignore the case of paths."""
        return (self.host, self.path.lower()) == (other.host, other.path.lower())


def read_remote(remote_url: str) -> Repository | None:
    """Parse a git remote's address; None if it is a folder or not on a host.

    The forms are git's (https://git-scm.com/docs/git-clone#_git_urls). User and password are dropped, and the port of
    an ssh address, which differs from that of the web pages.
    """
    if short := re.fullmatch(_SHORT_FORM, remote_url):
        remote_url = f"ssh://{short[1]}/{short[2]}"
    try:
        parts = urlsplit(remote_url)
        port = parts.port
    except ValueError:
        return None
    path = parts.path.strip("/").removesuffix(".git").strip("/")
    if parts.scheme not in (*_WEB, *_SSH, "git") or not parts.hostname or not path:
        return None
    is_web = parts.scheme in _WEB
    return Repository(parts.scheme if is_web else "https", _web_host(parts.hostname), port if is_web else None, path)


def reached(remote_url: str) -> Repository | None:
    """Parse a git remote's address like :func:`read_remote`, with the host name resolved by ssh's configuration."""
    repository = read_remote(remote_url)
    if repository and (re.fullmatch(_SHORT_FORM, remote_url) or urlsplit(remote_url).scheme in _SSH):
        with suppress(ProgramFailed):
            shown = capture(Command(("ssh", "-G", "--", repository.host))).text
            if name := re.search(r"(?m)^hostname (.+)$", shown):
                return repository._replace(host=_web_host(name[1].lower()))
    return repository


def opening_address(repository: Repository, fork: Repository, branch: str, base: str, title: str) -> str | None:
    """Return the page that opens a pull request from the branch of ``fork`` into ``base`` of ``repository``.

    None for an unknown forge, and if the two are on different hosts.
    """
    forge = repository.forge
    if (repository.scheme, repository.server) != (fork.scheme, fork.server) or forge is None:
        return None
    dest, head = base, branch
    if not fork.is_same(repository):
        owner, _, name = fork.path.rpartition("/")
        renamed = "" if name == repository.path.rpartition("/")[2] else f"{'/' if forge == _GITEA else ':'}{name}"
        dest, head = f"{repository.path}::{base}", f"{owner}{renamed}:{branch}"
    names = {"base": base, "branch": branch, "dest": dest, "head": head}
    # The name of a branch may not be UTF-8.
    quoted = {key: quote(name, safe="/:", errors="surrogateescape") for key, name in names.items()}
    titled = quote_plus(title, errors="surrogateescape")
    return _PAGES[forge].format(to=repository.address, fork=fork.address, title=titled, **quoted)


def _fault(output: Output, host: str) -> Fault:
    """Return the fault for gh's error output; its exit status only shows a missing sign-in."""
    # The lines after the first one are advice.
    lines = [line.strip() for line in output.stderr.splitlines() if line.strip()]
    words = lines[0].removeprefix(f"{PROGRAM}: ") if lines else output.last_words
    said, denied = output.stderr, f"GitHub denied it: {words}"
    if output.status == _NOT_SIGNED_IN or re.search(_SIGN_IN, said):
        # gh has another variable for the tokens of GitHub Enterprise Server.
        token = "GH_ENTERPRISE_TOKEN" if ":" in host else "GH_TOKEN"
        return Denied("gh is not signed in", where=host, hint=f"{gh_login_command(host)}; in CI: set {token}")
    if re.search(_ACTIONS_MAY_NOT, said):
        return Denied(denied, where=host, hint=_ALLOW_ACTIONS)
    if re.search(_NO_ANSWER, said):
        look = f"GH_HOST={host} gh api rate_limit" if ":" in host else f"gh api --hostname {host} rate_limit"
        return Unreachable(f"GitHub does not answer: {words}", where=host, hint=look)
    if re.search(_DENIED, said):
        return Denied(denied, where=host, hint=f"gh auth status --hostname {host}")
    return ProgramFailed(f"gh: {words}", where=host, hint=_LOOK)


def _web_host(host: str) -> str:
    """Return the host of the web pages for git's host."""
    alias = re.fullmatch(_ALIAS, host)
    return alias[1] if alias else f"[{host}]" if ":" in host else host
