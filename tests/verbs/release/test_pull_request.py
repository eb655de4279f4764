"""What a pull request says of the image, with a real engine and a real registry."""

import pytest

from tests.support.cli import run_task, succeed
from tests.support.gh import StandInGh
from tests.support.hubs import Hub

pytestmark = pytest.mark.engine
FIRST = "https://github.com/org/hubs/pull/1"


def test_a_release_opens_a_pull_request_with_the_proof_of_its_image_and_later_finds_it(
    github_hub: Hub, gh: StandInGh
) -> None:
    dry = succeed("--dry", "release", "--pr", "--json", cwd=github_hub.path)
    told = dry.json["pull_request"]
    assert (told["status"], told["url"]) == ("created", None)
    assert "To be built and verified before this is opened:\n" in told["body"]
    assert "The image is built and verified" not in told["body"]
    assert "| digest | not known |\n" in told["body"]
    assert gh.changes == []

    done = succeed("release", "--yes", "--pr", "--json", cwd=github_hub.path)
    (image,) = done.json["images"]
    (request,) = gh.requests
    assert done.json["pull_request"] | {"body": ""} == {
        "url": FIRST,
        "number": 1,
        "status": "created",
        "base": "main",
        "title": "Move z2jh from 3.2.1 to 3.3.8",
        "body": "",
        "labels": [],
        "reviewers": [],
        "warnings": [],
    }
    assert f"| image | `{image['repository']}:{image['tag']}` |\n" in request["body"]
    assert f"| digest | `{image['digest']}` |\n| platforms | `linux/amd64` |\n" in request["body"]
    assert f"| its digest | `{image['base']['digest']}` |\n" in request["body"]
    assert "| built on the base image | yes, proved by its layers |\n" in request["body"]
    assert github_hub.remote_git("rev-parse", "bump-z2jh-3.3.8") == github_hub.git("rev-parse", "HEAD")

    # The registry alone tells the same as the build that pushed.
    again = run_task("commit", "--pr", cwd=github_hub.path)
    assert (again.code, again.out) == (0, f"pull request present: {FIRST}\n"), again
    whole = succeed("release", "--yes", "--pr", cwd=github_hub.path)
    steps = (f"Wait for the review and the merge of {FIRST}", "Deploy as usual")
    assert whole.err.endswith("\n".join(("Nothing to do.", "Next steps:", *(f"- {step}" for step in steps), "")))
    assert gh.changes == ["create"]


def test_values_that_still_name_an_image_on_the_older_base_are_said_to(github_hub: Hub, gh: StandInGh) -> None:
    succeed("build", cwd=github_hub.path)
    github_hub.git("add", "--all")
    github_hub.git("commit", "--quiet", "--message", "Build it")
    github_hub.git("push", "--quiet")
    succeed("bump", "commit", "--pr", cwd=github_hub.path)
    (request,) = gh.requests
    assert "**Not verified**: the image is not built on 127.0.0.1:" in request["body"]
    assert "- [ ] The image is built and verified: `hubpress build`, then `hubpress commit --pr`.\n" in request["body"]
