"""A repository without chartpress.yaml, released for real."""

from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.cli import run_task, succeed
from tests.support.helm import HelmServer
from tests.support.hubs import make_repository
from tests.support.world import images_in, labels

pytestmark = pytest.mark.engine

CHART = """\
apiVersion: v2
name: hub
version: 0.0.1
dependencies:
- name: jupyterhub
  version: 3.2.1
  repository: {url}
"""


def test_a_release_moves_builds_and_commits_it(
    tmp_path: Path, prefix: str, mirror: str, helm_repository: HelmServer, registry: Registry
) -> None:
    name = f"{prefix}/site-hub"
    hub = make_repository(
        tmp_path / "hub",
        {
            "hub/Chart.yaml": CHART.format(url=helm_repository.url),
            "hub/values.yaml": f"jupyterhub:\n  hub:\n    image:\n      name: {name}\n      tag: pr-499\n",
            "images/site-hub/Dockerfile": f"FROM {mirror}:3.2.1\nCOPY logo.svg /logo.svg\n",
            "images/site-hub/logo.svg": "<svg/>\n",
        },
    )
    told = succeed("release", "--yes", "--json", cwd=hub.path)
    (image,) = told.json["images"]
    assert (image["name"], image["status"], image["base"]["inherited"]) == ("site-hub", "built", True)
    changed = hub.git("diff", "-U0", "main", "HEAD").splitlines()
    assert [line for line in changed if line[:2] in {"- ", "+ ", "-F", "+F"}] == [
        *("-  version: 3.2.1", "+  version: 3.3.8"),
        *("-      tag: pr-499", f"+      tag: {image['tag']}"),
        *(f"-FROM {mirror}:3.2.1", f"+FROM {mirror}:3.3.8"),
    ]
    subjects = [commit["subject"] for commit in told.json["commits"]]
    assert subjects == ["Move z2jh from 3.2.1 to 3.3.8", f"Use hub image {image['tag']}"]
    path = name.partition("/")[2]
    assert list(images_in(registry.address, path)) == [f"{path}:{image['tag']}"]
    assert labels(f"{name}:{image['tag']}")["org.opencontainers.image.base.name"] == f"{mirror}:3.3.8"
    again = run_task("release", "--yes", cwd=hub.path)
    assert (again.code, again.out.splitlines()[-1][:12]) == (0, "  base      "), again
    assert run_task("status", cwd=hub.path).out.startswith("invoke release has nothing to do.\n")
    assert "- : " not in run_task("release", "--dry", cwd=hub.path).out
    checked = run_task("check", cwd=hub.path)
    # 4.4.0 has fixes that 3.3.8 lacks.
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "No faults, 1 warning."), checked
