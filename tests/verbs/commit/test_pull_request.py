import sys
from pathlib import Path

import pytest

from tests.support.cli import Result, run_task
from tests.support.gh import StandInGh
from tests.support.hubs import Hub, at
from tests.support.processes import write_program
from tests.support.steps import BRANCH, move
from tests.support.steps import SUBJECT as TITLE
from tests.support.world import ended, fault

FIRST = "https://github.com/org/hubs/pull/1"


@pytest.fixture
def moved(github_hub: Hub, programs: Path) -> Hub:
    del programs
    move(github_hub)
    return github_hub


def commit(hub: Hub, *flags: str) -> Result:
    return run_task("commit", "--pr", *flags, cwd=hub.path)


def test_a_commit_is_pushed_and_its_pull_request_opened_and_found_again(moved: Hub, gh: StandInGh) -> None:
    keys = {"url": None, "number": None, "status": "created", "base": "main", "title": TITLE}
    more: dict[str, list[str]] = {"labels": [], "reviewers": [], "warnings": []}
    dry = run_task("--dry", "commit", "--pr", "--json", cwd=moved.path)
    assert dry.json["pull_request"] | {"body": ""} == {**keys, "body": "", **more}
    assert "  * open a pull request into main\n" in dry.err
    assert f"$ gh pr create --repo github.com/org/hubs --head {BRANCH} --base main --title '{TITLE}'" in dry.err
    assert "| base image | `quay.io/jupyterhub/k8s-hub:3.2.1` | `quay.io/jupyterhub/k8s-hub:3.3.8` |" in dry.err
    assert (gh.changes, moved.git("branch", "--format=%(refname:short)")) == ([], "main")
    done = commit(moved, "--json")
    assert done.code == 0, done
    assert moved.remote_git("rev-parse", BRANCH) == moved.git("rev-parse", "HEAD")
    (request,) = gh.requests
    assert (request["title"], request["headRefName"], request["baseRefName"]) == (TITLE, BRANCH, "main")
    body = done.json["pull_request"]["body"]
    assert body.startswith("### What moved\n")
    assert body in request["body"]
    assert done.json["pull_request"] == {**keys, "url": FIRST, "number": 1, "body": body, **more}
    again = commit(moved)
    assert (again.code, again.out, again.err) == (0, f"pull request present: {FIRST}\n", "")
    assert gh.changes == ["create"]


def test_more_commits_update_the_open_pull_request(moved: Hub, gh: StandInGh) -> None:
    commit(moved)
    move(moved, "3.3.8", "3.3.7")
    done = commit(moved)
    assert done.out.splitlines()[-1] == f"pull request updated: {FIRST}"
    (request,) = gh.requests
    assert request["title"] == "Move z2jh from 3.2.1 to 3.3.7"
    assert "| `3.2.1` | `3.3.7` | `hub/requirements.yaml` |" in request["body"]
    assert gh.changes == ["create", "update"]


def test_what_people_write_in_the_pull_request_stays(moved: Hub, gh: StandInGh) -> None:
    commit(moved)
    (request,) = gh.requests
    ticked = request["body"].replace("- [ ] Deploy", "- [x] Deploy").replace("\n", "\r\n")
    gh.put([{**request, "title": f"{TITLE} (not before Monday)", "body": f"Mind the exams.\r\n{ticked}\r\nCloses #12"}])
    written = gh.requests
    assert commit(moved).out == f"pull request present: {FIRST}\n"
    assert gh.requests == written
    # The text changes, but what moved is the same; then that changes too.
    moved.put("invoke.yaml", "hub: {next_steps: [Deploy as usual, Tell the team]}\n")
    commit(moved)
    (request,) = gh.requests
    assert (request["title"], gh.changes) == (f"{TITLE} (not before Monday)", ["create", "update"])
    for words in ("Mind the exams.\n<!--", "-->\n\nCloses #12", "- [x] Deploy as usual\n", "- [ ] Tell the team\n"):
        assert request["body"].count(words) == 1, request["body"]
    move(moved, "3.3.8", "3.3.7")
    commit(moved)
    assert gh.requests[0]["title"] == "Move z2jh from 3.2.1 to 3.3.7"
    assert ("Closes #12" in gh.requests[0]["body"], "- [x]" in gh.requests[0]["body"]) == (True, False)


def test_an_image_that_values_pin_by_digest_is_told_of(github_hub: Hub, gh: StandInGh) -> None:
    """As Helm reads ``NAME@sha256`` and a tag of digits: its tag stands nowhere."""
    name, old, new = "127.0.0.1:1/core/hub@sha256", "1" * 64, "2" * 64
    github_hub.change("hub/values.yaml", "name:\n      tag:\n", f"name: {name}\n      tag: '{old}'\n")
    github_hub.git("push", "--quiet")
    github_hub.edit("hub/values.yaml", old, new)
    assert commit(github_hub).code == 0
    (request,) = gh.requests
    assert request["title"] == f"Use hub image {new}"
    assert f"| `{name}:{old}` | `{name}:{new}` |" in request["body"]
    assert f"| image | `{name}:{new}` |" in request["body"]


def test_a_tag_that_a_program_fills_in_is_not_taken_for_one_that_is_built_later(github_hub: Hub, gh: StandInGh) -> None:
    template = "name: 127.0.0.1:1/core/hub\n      tag: '{{ tag }}'\n"
    github_hub.change("hub/values.yaml", "name:\n      tag:\n", template)
    github_hub.git("push", "--quiet")
    move(github_hub)
    done = commit(github_hub)
    assert done.code == 2
    assert fault(done)[0] == "'127.0.0.1:1/core/hub:{{ tag }}' is not an image name (hub/values.yaml)"
    assert gh.requests == []


def test_a_branch_without_commits_of_its_own_has_nothing_to_request(github_hub: Hub, gh: StandInGh) -> None:
    github_hub.git("switch", "--quiet", "--create", "try-it")
    dry = run_task("--dry", "commit", "--pr", cwd=github_hub.path)
    assert "- no pull request: try-it has nothing that main does not have\n" in dry.out
    assert gh.changes == []


def test_another_base_branch_is_the_settings(moved: Hub, gh: StandInGh) -> None:
    moved.git("push", "--quiet", "origin", "main:staging")
    moved.git("fetch", "--quiet", "origin")
    moved.write("invoke.yaml", "hub: {base_branch: staging}\n")
    moved.git("switch", "--quiet", "--create", "try-it")
    assert commit(moved).code == 0
    assert gh.requests[0]["baseRefName"] == "staging"


def test_the_request_tells_of_the_pushed_commit_whatever_the_clone_has_meanwhile(moved: Hub, gh: StandInGh) -> None:
    """Somebody works on while the branch is pushed: in the files, and on another branch."""
    work = "sed -i 's/3[.]3[.]8/4.4.0/' hub/requirements.yaml; git symbolic-ref HEAD refs/heads/main"
    write_program(moved.path / ".git/hooks", "pre-push", work)
    assert commit(moved).code == 0
    (request,) = gh.requests
    assert (request["title"], request["headRefName"]) == (TITLE, BRANCH)
    assert "4.4.0" not in request["body"]


# -- where gh is not, or is of no use


@pytest.mark.usefixtures("programs")
def test_without_gh_the_page_for_opening_it_is_told(moved: Hub) -> None:
    done = commit(moved)
    assert done.code == 0, done
    page = f"https://github.com/org/hubs/compare/main...{BRANCH}?expand=1&title=Move+z2jh+from+3.2.1+to+3.3.8"
    *text, last = done.out.splitlines()
    assert last == f"open a pull request from {BRANCH} into main: {page}"
    assert text[2:6] == ["", TITLE, "", "### What moved"]
    assert text[-4:-1] == ["- [ ] Review this pull request", f"- [ ] Merge {BRANCH} into main", "- [ ] Deploy as usual"]
    assert moved.remote_git("rev-parse", BRANCH) == moved.git("rev-parse", "HEAD")


def test_gitlabs_page_is_told_even_where_gh_is(moved: Hub, gh: StandInGh) -> None:
    at(moved, "git@gitlab.com:deep/er/hubs.git")
    told = commit(moved, "--json").json["pull_request"]
    assert (told["status"], told["number"], told["title"]) == ("by hand", None, TITLE)
    assert told["url"].startswith("https://gitlab.com/deep/er/hubs/-/merge_requests/new?")
    assert gh.calls == []


def test_an_unknown_forge_is_named(moved: Hub) -> None:
    at(moved, "git@git.example.org:org/hubs.git")
    dry, done = run_task("--dry", "commit", "--pr", cwd=moved.path), commit(moved)
    assert "* pull request: open it yourself\n" in dry.out
    assert "because git.example.org is not a known forge\n" in dry.out
    assert done.out.splitlines()[-1] == (
        f"open a pull request from {BRANCH} into main: on your forge, which is not a known one"
    )


# -- what goes wrong


SIGN_IN = "gh auth login --hostname github.com; in CI: set GH_TOKEN"
STATUS, RATE_LIMIT = "gh auth status --hostname github.com", "gh api --hostname github.com rate_limit"
NOT_SIGNED_IN = "To get started with GitHub CLI, please run:  gh auth login\n"
TOKEN_EXPIRED = "HTTP 401: Bad credentials (https://api.github.com)\nTry authenticating with:  gh auth login\n"
NO_ACCESS = "GraphQL: Could not resolve to a Repository with the name 'org/hubs'. (repository)"
OFFLINE = "error connecting to api.github.com\ncheck your internet connection or https://githubstatus.com\n"
NOT_PERMITTED = "GraphQL: GitHub Actions is not permitted to create or approve pull requests (createPullRequest)"
TOO_OFTEN = "HTTP 403: API rate limit exceeded for user ID 1. (https://api.github.com/graphql)"
PERMIT = "allow it: Settings, Actions, General, Allow GitHub Actions to create and approve pull requests"
BLANK = "pull request create failed: GraphQL: Head sha can't be blank (createPullRequest)"
# The same hints for a server with a port, as commands that gh takes: its flag --hostname is of no use there.
WITH_PORT = {
    SIGN_IN: "GH_HOST=github.example.edu:8443 gh auth login --web; in CI: set GH_ENTERPRISE_TOKEN",
    STATUS: "gh auth status --hostname github.example.edu:8443",
    RATE_LIMIT: "GH_HOST=github.example.edu:8443 gh api rate_limit",
}
# What gh says to a call, and with what status; what must come of it.
REFUSALS = {
    "not signed in": ("pr list", 4, NOT_SIGNED_IN, 4, "gh is not signed in", SIGN_IN),
    "token expired": ("pr list", 1, TOKEN_EXPIRED, 4, "gh is not signed in", SIGN_IN),
    "no access": ("pr list", 1, NO_ACCESS, 4, f"GitHub denied it: {NO_ACCESS}", STATUS),
    "offline": ("pr list", 1, OFFLINE, 4, "GitHub does not answer: error connecting to api.github.com", RATE_LIMIT),
    "asked too often": ("pr list", 1, TOO_OFTEN, 4, f"GitHub does not answer: {TOO_OFTEN}", RATE_LIMIT),
    "too old": ("pr list", 2, "unknown flag: --json\n\nUsage: gh\n", 3, "gh: unknown flag: --json", "gh pr list"),
    "Actions may not": ("pr create", 1, NOT_PERMITTED, 4, f"GitHub denied it: {NOT_PERMITTED}", PERMIT),
    "create failed": ("pr create", 1, BLANK, 3, f"gh: {BLANK}", "gh pr list"),
}


@pytest.mark.parametrize(("call", "status", "said", "code", "error", "hint"), REFUSALS.values(), ids=REFUSALS)
def test_gh_that_refuses_is_one_error_and_one_hint(  # noqa: PLR0913, PLR0917 - the table's columns
    moved: Hub, gh: StandInGh, call: str, status: int, said: str, code: int, error: str, hint: str
) -> None:
    gh.fail(call, status, said)
    assert ended(commit(moved)) == (code, f"{error} (github.com)", hint)
    if call == "pr list":
        assert run_task("--dry", "commit", "--pr", cwd=moved.path).code == code
        assert moved.git("branch", "--format=%(refname:short)") == "main"
    if hint in WITH_PORT:
        at(moved, "https://github.example.edu:8443/org/hubs.git")
        assert fault(commit(moved)) == (f"{error} (github.example.edu:8443)", WITH_PORT[hint])


@pytest.mark.parametrize("answer", ["<html>", '[{"number": 1}]', "[" * 100_000])
def test_an_answer_of_ghs_that_is_none_is_a_fault(moved: Hub, gh: StandInGh, answer: str) -> None:
    program = f"import sys\nprint({answer!r} if sys.argv[1] == 'pr' else '{{}}')"
    (gh.folder / "gh").write_text(f"#!{sys.executable}\n{program}\n")
    assert ended(commit(moved)) == (3, "the list of pull requests cannot be read (gh)", "gh pr list")
