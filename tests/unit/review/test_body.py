import os
from pathlib import Path

import pytest

from tasks.core.settings import Settings
from tasks.releases.index import Release
from tasks.repo.hub import open_hub
from tasks.repo.remotes import find_review
from tasks.review.bump import Changes, Move
from tasks.review.pull_request import LONGEST_BODY, LONGEST_TITLE, Description, Evidence, describe
from tasks.tools.git import Git
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub

EXPECTED = Path(__file__).with_name("expected")
NAME = "us-central1-docker.pkg.dev/cal-icor-hubs/core/hub"
DEV = "5.0.0-0.dev.git.7340.h48ea50e3"
DEVS_IMAGE = "5.0.0-0.dev.git.7334.hb9d05a1f"
VALUES = """\
jupyterhub:
  proxy: {chp: {image: {tag: 4.6.2}}}
  hub:
    image:
      name:
      tag:
    config:
      JupyterHub: {authenticator_class: cilogon}
      Authenticator: {allowed_users: [robin]}
    extraConfig:
      volumes: |
        c.KubeSpawner.extra_labels = {"team": "hub"}
        c.KubeSpawner.pod_name_template = "user-{username}"
  singleuser:
    storage: {type: static, static: {subPath: "{username}"}}
httpRoute: {gateway: not-the-charts-own}
"""


def story(hub: Hub, version: str, tag: str, base_tag: str, evidence: Evidence) -> Description:
    """Move a hub to a release by hand, its image included, and tell of it."""
    now = hub.read("hub/requirements.yaml").partition("version: ")[2].split()[0]
    hub.git("switch", "--quiet", "--create", f"bump-z2jh-{version}")
    hub.edit("images/hub/Dockerfile", f"k8s-hub:{now}", f"k8s-hub:{base_tag}")
    hub.edit("hub/requirements.yaml", f"version: {now}", f"version: {version}")
    hub.edit("hub/values.yaml", "name:\n      tag:\n", f"name: {NAME}\n      tag: {tag}\n")
    hub.commit(f"Move to {version}")
    settings = Settings(cache_folder=os.environ["INVOKE_HUB_CACHE_FOLDER"])
    git = Git(hub.path)
    return describe(open_hub(settings, git), find_review(git, settings, ask=False), (evidence,), "HEAD", None)


def proved(tag: str, base_tag: str) -> Evidence:
    digest, base_digest = f"sha256:{'4' * 64}", f"sha256:{'b' * 64}"
    return Evidence(f"{NAME}:{tag}", f"quay.io/jupyterhub/k8s-hub:{base_tag}", digest, ("linux/amd64",), base_digest)


def a_hub(folder: Path, charts: HelmServer, version: str) -> Hub:
    hub = make_hub(folder / "hub", version=version, chart_repository=charts.url)
    hub.put("hub/values.yaml", VALUES)
    hub.git("push", "--quiet")
    return hub


@pytest.mark.parametrize(("name", "before", "after"), [("minor", "3.2.1", "3.3.8"), ("major", "3.3.8", "4.4.0")])
def test_the_text_of_a_pull_request(
    name: str, before: str, after: str, tmp_path: Path, helm_repository: HelmServer
) -> None:
    tag = "0.0.1-0.dev.git.12.h1234567"
    told = story(a_hub(tmp_path, helm_repository, before), after, tag, after, proved(tag, after))
    assert told.title == f"Move z2jh from {before} to {after}"
    assert told.body == (EXPECTED / f"{name}.md").read_text(encoding="utf-8")


def test_a_development_build_is_to_be_confirmed(tmp_path: Path, helm_repository: HelmServer) -> None:
    body = story(a_hub(tmp_path, helm_repository, "4.4.0"), DEV, "1", DEVS_IMAGE, proved("1", DEVS_IMAGE)).body
    assert f"- [ ] `{DEV}` is a development build of z2jh: confirm that this is intended.\n" in body
    assert f"| base image | `quay.io/jupyterhub/k8s-hub:{DEVS_IMAGE}` |\n" in body


def test_what_was_not_proved_is_said_and_comes_first_among_what_to_check(
    tmp_path: Path, helm_repository: HelmServer
) -> None:
    gap = Evidence(f"{NAME}:1", "quay.io/jupyterhub/k8s-hub:3.3.8", gap="docker is not installed")
    body = story(a_hub(tmp_path, helm_repository, "3.2.1"), "3.3.8", "1", "3.3.8", gap).body
    assert "**Not verified**: docker is not installed.\n" in body
    assert "| digest | not known |\n| platforms | not known |\n" in body
    assert "| built on the base image | not known |\n" in body
    check = "- [ ] The image is built and verified: `hubpress build`, then `hubpress commit --pr`.\n"
    assert f"### Before deploying\n\n{check}" in body


def test_without_the_helm_repository_its_facts_are_not_known(tmp_path: Path, helm_repository: HelmServer) -> None:
    hub = a_hub(tmp_path, helm_repository, "3.2.1")
    helm_repository.answers["/index.yaml"] = (500, b"")
    body = story(hub, "3.3.8", "1", "3.3.8", proved("1", "3.3.8")).body
    assert "| JupyterHub | not known | not known | the chart's release |\n" in body
    assert "Kubernetes 1." not in body


@pytest.mark.parametrize(
    ("constraint", "oldest"), [(">=1.28.0-0", "1.28"), (">= 1.32.1-0", "1.32.1"), ("^1.20", "^1.20"), (None, None)]
)
def test_the_oldest_kubernetes_of_a_release(constraint: str | None, oldest: str | None) -> None:
    assert Release("4.4.0", kube_version=constraint).oldest_kubernetes == oldest


def test_a_text_that_is_too_long_for_github_is_cut_at_a_lines_end() -> None:
    moves = tuple(Move("base image", "1", "2", f"{index}/{'x' * 200}") for index in range(400))
    told = Description(Changes(Move("chart", "1", "9" * 400, "f"), moves, ()), (), None, Release("2"), {})
    assert len(told.title) == LONGEST_TITLE
    assert len(told.body) < LONGEST_BODY + 100
    assert told.body.endswith("` |\n\n(cut here: it is too long for a pull request)\n")
