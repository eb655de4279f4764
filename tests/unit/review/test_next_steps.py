"""What the team does after a release: what the setting says, else what the repository shows."""

from pathlib import Path

import pytest

from tasks.core.faults import Unusable
from tasks.core.settings import section_in
from tasks.repo.deployments import of_hubploy
from tasks.repo.remotes import Remotes, Review
from tasks.review.team import next_steps, push_step
from tests.support.calls import opened, raised
from tests.support.hubs import Hub, make_hub, make_repository
from tests.support.team import LABELER

BRANCH = "bump-z2jh-3.3.8"
VALUES = "jupyterhub:\n  hub: {}\n"


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    made = make_hub(tmp_path / "hub")
    made.git("switch", "--quiet", "--create", BRANCH)
    return made


def into(base: str) -> Review:
    return Review(Remotes(("origin",), "origin", "origin", names_upstream=True, config={}), base, {})


def deployed(hub: Hub, *names: str, staging: bool = True) -> None:
    """Add deployments as hubploy has them."""
    for name in names:
        hub.write(f"deployments/{name}/hubploy.yaml", "cluster: {}\n")
        for environment in ("common", *(("staging", "prod") if staging else ())):
            hub.write(f"deployments/{name}/config/{environment}.yaml", VALUES)
    hub.commit("Deploy")


def test_a_repository_that_shows_nothing(hub: Hub) -> None:
    review = f"Review {BRANCH} (git log --patch main..{BRANCH})"
    assert next_steps(opened(hub), into("main")) == (review, f"Merge {BRANCH} into main", "Deploy as usual")
    hub.git("switch", "--quiet", "main")
    assert next_steps(opened(hub), into("main"), "https://github.com/org/hubs/pull/7") == (
        "Review https://github.com/org/hubs/pull/7",
        "Deploy as usual",
    )
    assert next_steps(opened(hub), into("main")) == ("Deploy as usual",)


def test_a_pull_request_that_is_yet_to_be_opened_is_the_first_step(hub: Hub) -> None:
    steps = next_steps(opened(hub, labels=["hub"]), into("main"), by_hand=True)
    assert steps[:4] == (
        f"Open the pull request from {BRANCH} into main",
        f"Review {BRANCH} (git log --patch main..{BRANCH})",
        "Check that the pull request has the labels hub",
        f"Merge {BRANCH} into main",
    )
    assert next_steps(opened(hub), into("main"), "https://forge/new", by_hand=True)[0] == (
        f"Open the pull request from {BRANCH} into main: https://forge/new"
    )


def test_an_image_that_was_not_pushed(hub: Hub) -> None:
    assert push_step(opened(hub)) == "Push the image and set it in the values: invoke release"


def test_deployments_by_hubploy_a_staging_branch_and_a_production_branch(hub: Hub) -> None:
    hub.write(".github/labeler.yml", LABELER)
    hub.edit("images/hub/Dockerfile", "USER root", "USER root\n")
    hub.edit("hub/values.yaml", "256M", "512M")
    deployed(hub, "csus", "dvc")
    hub.git("push", "--quiet", "origin", "main:refs/heads/staging", "main:refs/heads/prod")
    hub.git("fetch", "--quiet")
    assert next_steps(opened(hub), into("staging"), "PAGE") == (
        "Review PAGE",
        "Check that the pull request has the labels hub-images, jupyterhub-deployment",
        f"Merge {BRANCH} into staging",
        "Check the staging hubs (csus, dvc): a user can sign in and start a server",
        "Once they work, open a pull request from staging into prod",
    )
    assert next_steps(opened(hub), into("prod"), "PAGE")[-1] == "Deploy csus, dvc"


def test_the_deployments_that_use_the_chart(hub: Hub) -> None:
    deployed(hub, "one", staging=False)
    deployed(hub, "{{cookiecutter.hub_name}}")
    assert [one.name for one in of_hubploy(opened(hub))] == ["one"]
    assert next_steps(opened(hub), into("main"))[-1] == "Deploy one"
    deployed(hub, *(f"hub{number}" for number in range(9)), staging=False)
    assert next_steps(opened(hub), into("main"))[-1] == (
        "Deploy hub0, hub1, hub2, hub3, hub4, hub5, hub6, hub7 and 2 more"
    )


@pytest.mark.parametrize(
    "setting",
    [
        ["Merge {pull_request}", "Deploy {version} from {branch}"],
        "- Merge {pull_request}\n\n- Deploy {version} from {branch}\n",
    ],
)
def test_the_setting_takes_their_place(setting: object, hub: Hub) -> None:
    assert next_steps(opened(hub, next_steps=setting), into("main"), "PAGE") == (
        "Merge PAGE",
        f"Deploy 3.2.1 from {BRANCH}",
    )


def test_an_unknown_name_is_refused(hub: Hub) -> None:
    assert "it may use" in raised(Unusable, next_steps, opened(hub, next_steps=["Tell {team}"]), into("main"))


# -- without a chart of the repository's own, a release does not move all that is deployed

IMAGE = "{context: image, name: reg.example.edu/hub}"
DEPLOY = "helm upgrade hub jupyterhub/jupyterhub --version 3.2.1 -f config.yaml\n"
NO_VALUES = "Set the new tag of reg.example.edu/hub in the values that you deploy: no file here names it"


@pytest.mark.parametrize(
    ("files", "settings", "by_hand"),
    [
        ({}, "", ["Move the jupyterhub chart that you deploy to 3.3.8", NO_VALUES]),
        ({"deploy.sh": DEPLOY}, "", ["Set the chart's version to 3.3.8 in deploy.sh:1", NO_VALUES]),
        ({"deploy.sh": DEPLOY.replace("3.2.1", "3.3.8")}, "", [NO_VALUES]),
        (
            {"deploy.sh": DEPLOY.replace("3.2.1", "3.3.8"), "config.yaml": "hub: {image: {name: , tag: }}\n"},
            "values: [{file: config.yaml, path: hub.image}], pins: [{file: deploy.sh, marker: jupyterhub/jupyterhub}]",
            [],
        ),
    ],
    ids=["the image alone", "a command", "a command that somebody moved", "all of it moves"],
)
def test_what_a_release_leaves_to_people_is_among_the_steps(
    tmp_path: Path, files: dict[str, str], settings: str, by_hand: list[str]
) -> None:
    own = {"image/Dockerfile": "FROM quay.io/jupyterhub/k8s-hub:3.3.8\n", **files}
    made = make_repository(tmp_path / "hub", own)
    hub = opened(made, **section_in(f"hub: {{images: [{IMAGE}], {settings}}}".encode()))
    assert next_steps(hub, into("main"), "pull request 7") == ("Review pull request 7", *by_hand, "Deploy as usual")
