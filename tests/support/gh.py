"""A STAND-IN for gh, GitHub's command line: it keeps pull requests in a file, and writes down what it was asked.

It answers in the forms of gh 2.x, for the calls that hubpress makes and for no others. Run as ``gh ARGUMENTS`` from the
folder that holds it.
"""

import json
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

MARK = "stand-in gh"
LABELS = ("Hub-Images", "jupyterhub-deployment", "documentation")
PAGES = "https://{repository}/pull/{number}"


@dataclass(frozen=True)
class StandInGh:
    """The stand-in, seen from a test."""

    folder: Path

    @classmethod
    def install(cls, folder: Path) -> "StandInGh":
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / "gh"
        program.write_text(f"#!{sys.executable}\n# {MARK}\n{Path(__file__).read_text()}")
        program.chmod(0o755)
        return cls(folder)

    @property
    def calls(self) -> list[list[str]]:
        """What it was asked, call by call, without what it read."""
        return [json.loads(line) for line in self.lines("calls")]

    @property
    def changes(self) -> list[str]:
        """What it was asked to change: ``create``, ``update``, ``label`` or ``review``, call by call."""
        return [name for name in map(change_in, self.calls) if name]

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines("requests")]

    def keep(self, **request: object) -> None:
        self.put([*self.requests, request])

    def put(self, requests: list[dict[str, Any]]) -> None:
        (self.folder / "requests").write_text("".join(f"{json.dumps(one)}\n" for one in requests))

    def fork_of(self, path: str) -> None:
        """Let the repository be a fork of the one at ``path``."""
        (self.folder / "parent").write_text(path)

    def fail(self, call: str, status: int, stderr: str) -> None:
        """Let it answer the calls that begin with ``call`` with a fault from now on."""
        (self.folder / "fault").write_text(json.dumps([call, status, stderr]))

    def fault(self, arguments: list[str]) -> tuple[int, str] | None:
        faults = (json.loads(line) for line in self.lines("fault"))
        return next(((status, text) for call, status, text in faults if " ".join(arguments).startswith(call)), None)

    def note(self, arguments: list[str]) -> None:
        with (self.folder / "calls").open("a") as calls:
            calls.write(f"{json.dumps(arguments)}\n")

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []


def answer(gh: StandInGh, arguments: list[str], stdin: str) -> str:
    """Return what gh prints for ``arguments``, having done it."""
    options = dict(pairwise(arguments))
    requests = gh.requests
    if arguments[:2] == ["pr", "list"]:
        fields = options["--json"].split(",")
        found = [one for one in reversed(requests) if one["headRefName"] == options["--head"]]
        return json.dumps([{name: one.get(name) for name in fields} for one in found])
    if arguments[:2] == ["pr", "create"]:
        number = len(requests) + 1
        url = PAGES.format(repository=options["--repo"], number=number)
        owner, _, branch = options["--head"].rpartition(":")
        if any(one["headRefName"] == branch and one.get("state") == "OPEN" and one["isCrossRepository"] == bool(owner)
               and (one.get("headRepositoryOwner") or {}).get("login") == owner for one in requests):  # fmt: skip
            raise SystemExit(f'a pull request for branch "{branch}" already exists')
        gh.keep(
            number=number,
            url=url,
            title=options["--title"],
            body=stdin,
            state="OPEN",
            headRefName=branch,
            baseRefName=options["--base"],
            isCrossRepository=bool(owner),
            headRepositoryOwner={"login": owner},
            labels=[],
            reviewers=[],
        )
        return f"{url}\n"
    if arguments[:1] == ["api"]:
        return answer_rest(gh, arguments[2], arguments[3].split("/"), stdin)
    if arguments == ["auth", "setup-git"]:
        return ""
    raise SystemExit(f"{MARK}: nobody asks this: {arguments}")


def answer_rest(gh: StandInGh, method: str, place: list[str], stdin: str) -> str:
    """Return what gh prints of GitHub's REST API at ``place``, having done it."""
    if method == "GET" and len(place) == len(("repos", "owner", "name")):
        return "".join(f"{line}\n" for line in gh.lines("parent"))
    if method == "GET" and place[3:] == ["labels?per_page=100"]:
        return "".join(f"{label}\n" for label in LABELS)
    requests, new = gh.requests, json.loads(stdin)
    one = next(one for one in requests if one["number"] == int(place[4]))
    one["labels"] += [{"name": name} for name in new.pop("labels", ())]
    one["reviewers"] += [*new.pop("reviewers", ()), *new.pop("team_reviewers", ())]
    gh.put([each | new if each is one else each for each in requests])
    return ""


def change_in(call: list[str]) -> str | None:
    """Return what a call asks to change; None for a question."""
    if call[:2] == ["pr", "create"]:
        return "create"
    if call[0] != "api" or call[2] == "GET":
        return None
    return {"labels": "label", "requested_reviewers": "review"}.get(call[3].rpartition("/")[2], "update")


if __name__ == "__main__":
    standing_in = StandInGh(Path(__file__).parent)
    standing_in.note(sys.argv[1:])
    failure = standing_in.fault(sys.argv[1:])
    if failure:
        sys.stderr.write(failure[1])
        sys.exit(failure[0])
    sys.stdout.write(answer(standing_in, sys.argv[1:], sys.stdin.read()))
