"""A STAND-IN for GitHub's API, for the real gh: repositories on this disk, and pull requests kept in memory.

It answers what gh 2.x asks for hubpress (https://docs.github.com/graphql, https://docs.github.com/rest), and no more.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .server import CERTIFICATE, Asked, misbehaving, reply

TEAM, ROBIN = "team/hubs", "robin/hubs"
_PAGE = {"hasNextPage": False, "endCursor": ""}


@dataclass
class StandInGitHub:
    """GitHub as the real gh sees it: the team's repository, and its fork."""

    host: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=lambda: ["hub-images", "jupyterhub-deployment"])
    collaborators: tuple[str, ...] = ("sam", "hub-team")
    asked: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """What makes gh take it for a GitHub Enterprise Server that it is signed in to."""
        return {"SSL_CERT_FILE": str(CERTIFICATE), "GH_ENTERPRISE_TOKEN": "a-token"}

    @property
    def changes(self) -> list[str]:
        return [one for one in self.asked if one.startswith(("POST", "PATCH", "PullRequestCreate"))]

    def address(self, path: str) -> str:
        return f"https://{self.host}/{path}.git"

    def answer(self, asked: Asked) -> bytes:
        content = json.loads(asked.body or b"{}")
        if asked.path == "/api/graphql":
            operation = re.search(r"(?:query|mutation) (\w+)", content["query"])
            self.asked.append(operation[1] if operation else content["query"])
            told = self._graphql(self.asked[-1], content["variables"])
            return reply(json.dumps({"data": told}).encode(), Content_Type="application/json")
        self.asked.append(f"{asked.method} {asked.path.removeprefix('/api/v3/')}")
        status, told = self._rest(self.asked[-1], content)
        return reply(json.dumps(told).encode(), status, Content_Type="application/json; charset=utf-8")

    def _graphql(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        path = f"{variables.get('owner')}/{variables.get('name') or variables.get('repo')}"
        repository: dict[str, Any] = {"id": "R", "name": "hubs", "owner": {"login": path.partition("/")[0]}}
        if operation == "RepositoryInfo":
            parent = {"id": "R", "name": "hubs", "owner": {"login": "team"}} if path == ROBIN else None
            return {"repository": repository | {"parent": parent, "defaultBranchRef": {"name": "staging"}}}
        if operation in ("PullRequestList", "PullRequestForBranch"):
            states = variables.get("state") or variables["states"]
            branch = variables.get("headBranch") or variables["headRefName"]
            found = [one for one in reversed(self.requests) if one["headRefName"] == branch and one["state"] in states]
            return {"repository": repository | {"pullRequests": {"nodes": found, "totalCount": 1, "pageInfo": _PAGE}}}
        if operation == "PullRequestCreate":
            return {"createPullRequest": {"pullRequest": self._open(variables["input"])}}
        raise AssertionError(f"nobody asks this: {operation}")

    def _open(self, wanted: dict[str, Any]) -> dict[str, Any]:
        owner, _, branch = wanted["headRefName"].rpartition(":")
        number = len(self.requests) + 1
        made = {name: wanted[name] for name in ("title", "body", "baseRefName")}
        made |= {"id": f"PR{number}", "number": number, "url": f"https://{self.host}/{TEAM}/pull/{number}"}
        made |= {"state": "OPEN", "labels": {"nodes": []}, "reviewers": [], "headRefName": branch, "headRefOid": ""}
        made |= {"isCrossRepository": bool(owner), "headRepositoryOwner": {"login": owner or "team"}}
        self.requests.append(made)
        return made

    def _rest(self, call: str, content: dict[str, Any]) -> tuple[str, Any]:
        if call == f"GET repos/{TEAM}/labels?per_page=100":
            return "200 OK", [{"name": label} for label in self.labels]
        if call == f"GET repos/{ROBIN}":
            return "200 OK", {"parent": {"full_name": TEAM}}
        number, what = re.fullmatch(rf"\w+ repos/{TEAM}/\w+/(\d+)/?(\w*)", call).groups()  # type: ignore[union-attr]
        request = self.requests[int(number) - 1]
        if what == "labels":
            request["labels"]["nodes"] += [{"name": label} for label in content["labels"]]
        elif what == "requested_reviewers":
            names = [*content.get("reviewers", ()), *content.get("team_reviewers", ())]
            if not set(names) <= set(self.collaborators):
                return "422 Unprocessable Entity", {"message": "Reviews may only be requested from collaborators."}
            request["reviewers"] += names
        else:
            request |= content
        return "200 OK", {}


@contextmanager
def standing_in() -> Iterator[StandInGitHub]:
    """Stand in for GitHub on a free port of this machine."""
    with misbehaving(certificate=CERTIFICATE) as server:
        github = StandInGitHub(f"localhost:{server.url.rpartition(':')[2]}")
        server.keeper = github.answer
        yield github
