"""gh: pull requests on GitHub, through GitHub's own program and with its sign-in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ..faults import Denied, Fault, ProgramFailed, Unreachable
from .command import Command
from .run import capture, find

if TYPE_CHECKING:
    from pathlib import Path

    from .command import Output

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
        """Open a pull request, and return it as GitHub has it afterwards.

        Raises:
            Denied, Unreachable, ProgramFailed: as :meth:`open_request`; or GitHub has none afterwards.
        """
        self._checked(self.create_command(branch, base, title, body))
        made = self.open_request(branch)
        if made is None:
            raise ProgramFailed("GitHub does not have the pull request that was opened", where=self.path, hint=_LOOK)
        return made

    def update(self, number: int, title: str, body: str) -> None:
        """Give the pull request ``number`` another title and text.

        Raises:
            Denied, Unreachable, ProgramFailed: as :meth:`open_request`.
        """
        self._checked(self.update_command(number, title, body))

    @property
    def _here(self) -> tuple[str, str]:
        return "--repo", f"{self.host}/{self.path}"

    def _command(self, *arguments: str, stdin: str = "") -> Command:
        return Command((PROGRAM, *arguments), self.folder, stdin, manners=_QUIET)

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
    return is_here() and capture(Command((PROGRAM, "auth", "token", "--hostname", host), manners=_QUIET)).ok


def _listed(text: str) -> list[dict[str, Any]]:
    """Read a list of pull requests as ``gh pr list --json`` prints it.

    Raises:
        ProgramFailed: it is none.
    """
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
