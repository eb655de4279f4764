"""The base images that a check compares with their release, or with each other."""

from pathlib import Path

from tasks.checks.files import base_problems
from tasks.core.settings import Settings
from tasks.repo.hub import open_hub
from tasks.tools.git import Git
from tests.support.hubs import make_hub

BASE = "quay.io/jupyterhub/k8s-hub"


def test_a_base_image_without_a_tag_is_not_the_releases(tmp_path: Path) -> None:
    """Online, too: the registry's ``latest`` is what a build takes, whatever the chart's release is."""
    made = make_hub(tmp_path / "hub", version="3.3.8")
    made.edit("images/hub/Dockerfile", f"{BASE}:3.3.8", BASE)
    hub = open_hub(Settings(), Git(made.path))
    (problem,) = base_problems(hub, "3.3.8")
    assert (problem.code.value, problem.hint) == ("base-not-of-release", "invoke bump --to 3.3.8")
    assert problem.message == f"the base image is {BASE}, but jupyterhub 3.3.8 uses 3.3.8"
    assert [*base_problems(hub, None)] == []
