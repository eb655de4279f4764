"""What a build would do: planned against a real registry, with nothing built."""

import secrets
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry
from tests.support.cli import run_task
from tests.support.hubs import Hub, make_hub
from tests.support.registry import Repository

pytestmark = pytest.mark.engine


@pytest.fixture
def base(registry: Registry) -> Repository:
    """A mirror of z2jh's hub image that has 3.2.1 for linux/amd64."""
    repository = Repository(registry.address, f"{secrets.token_hex(4)}/k8s-hub")
    repository.push("3.2.1", "linux/amd64", "abc")
    return repository


@pytest.fixture
def hub(base: Repository, tmp_path: Path) -> Hub:
    return make_hub(tmp_path / "hub", base=f"{base.address}/{base.path}", registry=f"{base.address}/{base.path}")


@pytest.mark.parametrize(
    ("own_file", "env", "flags", "pushes"),
    [
        pytest.param("", {}, (), True, id="nothing is said"),
        pytest.param("", {"INVOKE_HUB_PUSH": "false"}, (), False, id="false in the shell means false"),
        pytest.param("", {"INVOKE_HUB_PUSH": "true"}, (), True, id="true in the shell"),
        pytest.param("hub: {push: false}\n", {}, (), False, id="false in the hub's own file"),
        pytest.param("hub: {push: false}\n", {"INVOKE_HUB_PUSH": "1"}, (), True, id="the shell wins over the file"),
        pytest.param("", {"INVOKE_HUB_PUSH": "true"}, ("--no-push",), False, id="the flag wins over the shell"),
    ],
)
def test_whether_a_build_pushes(
    hub: Hub, own_file: str, env: dict[str, str], flags: tuple[str, ...], pushes: bool
) -> None:
    if own_file:
        hub.write("invoke.yaml", own_file)
    planned = run_task("build", "--dry", "--json", *flags, cwd=hub.path, env=env)
    assert planned.code == 0, planned
    assert planned.json["values"]["changed"] is pushes
    shown = run_task("build", "--dry", *flags, cwd=hub.path, env=env)
    assert ('"type=registry"' in shown.out, '"type=docker"' in shown.out) == (pushes, not pushes)
