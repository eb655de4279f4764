"""A rehearsal reaches nothing real, whatever the settings of the repository, git, Docker and CI say."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.core.faults import Refused
from tasks.core.names import Reference
from tasks.tools.command import Command, Reach, confined
from tasks.tools.git import Git
from tasks.tools.process import capture
from tasks.tools.registry import Conversation
from tests.support.cli import run_task, sh, succeed
from tests.support.processes import write_program
from tests.support.scene import PROGRAM, REFUSED, Scene
from tests.support.steps import set_image
from tests.support.world import demand_fault, ended

ENGINE = "this machine's engine, without a shared cache, attestations or signatures"
FAR = "ssh://far.invalid"


@pytest.mark.engine
def test_settings_that_lead_outside_are_not_used(scene: Scene) -> None:
    """Those of the repository, of git, of Docker and of the shell, all at once."""
    hub, folder = scene.hub, scene.folder
    cache = f"type=registry,ref={scene.registry}/core/cache"
    options = json.dumps([f"--cache-from={cache}", f"--cache-to={cache},mode=max", "--cache-to", cache, "--pull=false"])
    set_image(hub, f"extraBuildCommandOptions: {options}")
    signing = {"attest": ["sbom"], "sign": "cosign.key", "verify": "cosign.pub"}
    hub.put("invoke.yaml", f"hub: {json.dumps({'cache': 'on', 'builder': 'far', 'remote': 'upstream', **signing})}\n")
    hub.git("remote", "set-url", "origin", "ssh://git@far.invalid/hubs.git")
    hub.git("remote", "rename", "origin", "upstream")
    for name in ("pre-commit", "post-commit", "pre-push", "post-checkout", "post-receive", "reference-transaction"):
        write_program(folder / "hooks", name, f"echo {name} >>{folder / 'hooks.log'}")
    for key, value in (
        (f"url.{hub.remote.parent}/.pushInsteadOf", f"{tempfile.gettempdir()}/"),
        (f"url.{hub.remote}.pushInsteadOf", "/"),
        ("diff.external", f"echo external >>{folder / 'diff.log'}"),
        ("push.pushOption", "ci.skip"),
        ("push.gpgSign", "true"),
    ):
        sh("git", "config", "--global", "--add", key, value, cwd=folder)
    sh("docker", "buildx", "create", "--name=far", "--driver=remote", "--use", "tcp://far.invalid:1", cwd=folder)
    for name in ("gcloud", "gh", "ssh", "cosign"):
        write_program(folder / "programs", name, f'echo "$0 $*" >>{folder}/{name}.log\nexit 1')
    before = scene.world()

    path = f"{folder / 'programs'}{os.pathsep}{os.environ['PATH']}"
    hooks = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": str(folder / "hooks")}
    done = succeed("rehearse", "--pr", cwd=hub.path, env={"BUILDX_BUILDER": "far", "PATH": path, **hooks})

    assert "\n+    version: 3.3.8\n" in done.out
    named = "hub.builder far, hub.cache on, hub.attest sbom, hub.sign cosign.key, BUILDX_BUILDER far, "
    named += f"extraBuildCommandOptions --cache-from={cache} --cache-to={cache},mode=max --cache-to {cache}"
    said = [line for line in done.err.splitlines() if line.startswith("NOT USED")]
    assert said == [f"NOT USED: {named}; a rehearsal builds on {ENGINE}"]
    assert scene.world() == before
    assert list(folder.glob("*.log")) == []


@pytest.mark.engine
def test_an_option_that_names_or_pushes_another_image_is_not_passed_to_chartpress(scene: Scene) -> None:
    """As on a Mac, where a platform is named; release refuses such an option where bake builds."""
    hub = scene.hub
    options = [f"--tag={scene.registry}/real/a:1", "-t", f"{scene.registry}/real/b:1", "--push"]
    set_image(hub, f"extraBuildCommandOptions: {json.dumps(options)}")
    hub.git("tag", "main")
    hub.commit("Name more")
    before = scene.world()
    done = succeed("rehearse", "--engine", "chartpress", "--platform", "linux/amd64", cwd=hub.path)
    assert f"NOT USED: extraBuildCommandOptions {' '.join(options)}; " in done.err
    assert scene.world() == before
    demand_fault(
        run_task("rehearse", cwd=hub.path),
        2,
        "an extra build option cannot be used: --tag: bake has no field for it "
        "(chartpress.yaml: images.hub.extraBuildCommandOptions)",
        "take it out, or build as chartpress does: invoke build --engine chartpress",
    )
    status = succeed("status", cwd=hub.path)
    assert "an extra build option cannot be used: --tag" in status.out


@pytest.mark.engine
@pytest.mark.parametrize("named", ["DOCKER_HOST", "context far", "builder near"])
def test_an_engine_on_another_machine_is_refused(named: str, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = scene.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("DOCKER_HOST", FAR)
    if named != "DOCKER_HOST":
        monkeypatch.delenv("DOCKER_HOST")
    if named == "context far":
        sh("docker", "context", "create", "far", f"--docker=host={FAR}", cwd=scene.folder)
        sh("docker", "context", "use", "far", cwd=scene.folder)
    address = FAR
    if named == "builder near":
        sh("docker", "buildx", "create", "--name=near", "--driver=remote", "tcp://far.invalid:1", cwd=scene.folder)
        sh("docker", "context", "create", "near", "--docker=from=default", cwd=scene.folder)
        monkeypatch.setenv("DOCKER_CONTEXT", "near")
        address = "remote"
    before = scene.world()
    assert ended(run_task("rehearse", cwd=scene.hub.path, env={"TMPDIR": str(temporary)})) == (
        REFUSED,
        f"a rehearsal builds on this machine's engine only ({named}: {address})",
        "unset DOCKER_HOST DOCKER_CONTEXT; docker context use default",
    )
    assert (scene.world(), list(temporary.iterdir())) == (before, [])


@pytest.mark.engine
@pytest.mark.parametrize("dry", [(), ("--dry",)])
def test_an_engine_that_does_not_answer_stops_a_rehearsal_before_its_stage_is_set(
    dry: tuple[str, ...], scene: Scene
) -> None:
    temporary = scene.folder / "temporary"
    temporary.mkdir()
    host = f"unix://{scene.folder}/none.sock"
    done = run_task(*dry, "rehearse", cwd=scene.hub.path, env={"TMPDIR": str(temporary), "DOCKER_HOST": host})
    hint = f"start the engine that DOCKER_HOST names, {host}, or: unset DOCKER_HOST"
    demand_fault(done, PROGRAM, "the Docker engine does not answer (docker info)", hint)
    assert list(temporary.iterdir()) == []


# -- the doors themselves


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Path]:
    """The folder of a rehearsal that runs, with a clone and its remote."""
    folder = tmp_path / "rehearsal"
    folder.mkdir()
    sh("git", "init", "--quiet", "--bare", "remote.git", cwd=folder)
    sh("git", "init", "--quiet", "hub", cwd=folder)
    sh("git", "commit", "--quiet", "--allow-empty", "--message=x", cwd=folder / "hub")
    sh("git", "remote", "add", "origin", str(folder / "remote.git"), cwd=folder / "hub")
    sh("git", "init", "--quiet", "--bare", str(tmp_path / "real.git"), cwd=folder)
    with confined(Reach(folder, "127.0.0.1:5000", "default")):
        yield folder


REAL = "{real}"


@pytest.mark.parametrize(
    ("key", "address"),
    [
        *((key, REAL) for key in ("remote.origin.pushurl", "url.{}.insteadOf", "url.{}.pushInsteadOf")),
        ("remote.origin.receivepack", f"git receive-pack {REAL}; :"),
        *(("remote.origin.url", one) for one in (REAL, "https://far.invalid/x", "git@far.invalid:x", "ext::sh -c x")),
    ],
)
def test_git_reaches_no_other_address(inside: Path, key: str, address: str) -> None:
    address = address.format(real=inside.parent / "real.git")
    if key.startswith("url"):
        sh("git", "config", key.format(address), str(inside / "remote.git"), cwd=inside / "hub")
    else:
        sh("git", "config", "--add", key, address, cwd=inside / "hub")
    for words in (("push", "--", "origin", "HEAD:refs/heads/main"), ("ls-remote", "--", "origin")):
        with pytest.raises(Refused, match="a rehearsal does not reach"):
            Git(inside / "hub").read(*words)
    assert sh("git", "for-each-ref", cwd=inside.parent / "real.git") == ""


def test_only_what_lies_inside_is_cloned(inside: Path) -> None:
    sh("git", "config", "--global", "remote.corp.uploadpack", "/opt/corp/upload-pack", cwd=inside)
    Git(inside).read("clone", "--quiet", "--", str(inside / "hub"), "copy")
    with pytest.raises(Refused, match="a rehearsal does not reach"):
        Git(inside).read("clone", "--quiet", "--", str(inside.parent / "real.git"), "real")
    sh("git", "config", "--global", f"url.{inside.parent / 'real.git'}.insteadOf", str(inside / "hub"), cwd=inside)
    with pytest.raises(Refused, match="a rehearsal does not reach"):
        Git(inside).read("clone", "--quiet", "--", str(inside / "hub"), "other")


def test_git_itself_refuses_every_other_transport(inside: Path) -> None:
    """Also where a hook, a filter or a submodule starts it."""
    shown = capture(Git(inside / "hub").command("-c", "alias.x=!git fetch https://far.invalid/x", "x"))
    assert "transport 'https' not allowed" in shown.stderr


@pytest.mark.parametrize(
    "line",
    [
        "gcloud builds submit .",
        "gh pr list",
        "cosign sign x",
        "kubectl get pods",
        "chartpress --push",
        "docker -H ssh://far.invalid info",
        "docker --context far buildx bake",
        "docker buildx build --builder far .",
        "docker push quay.io/team/hub:1",
        "docker image push 127.0.0.1:5001/team/hub:1",
        "docker buildx build --push --tag quay.io/team/hub:1 .",
        "docker buildx build --output type=registry -t team/hub .",
        "docker buildx build --load --tag x --cache-to type=registry,ref=quay.io/team/cache .",
        "docker buildx build --load --tag x --cache-from quay.io/team/cache .",
    ],
)
def test_a_program_that_leads_outside_is_not_started(inside: Path, line: str) -> None:
    with pytest.raises(Refused):
        capture(Command(tuple(line.split()), inside.parent))


@pytest.mark.parametrize(
    "fields",
    [
        {"tags": ["quay.io/team/hub:1"], "output": ["type=registry"]},
        {"tags": ["127.0.0.1:5000/hub:1", "hub:1"], "output": ["type=registry"]},
        {"tags": ["quay.io/team/hub:1"]},
        {"tags": [], "cache-to": ["type=registry,ref=quay.io/team/cache,mode=max"]},
        {"tags": [], "cache-from": ["type=registry,ref=127.0.0.1:5001/team/cache"]},
        {"tags": [], "cache-from": ["quay.io/team/cache"]},
    ],
)
def test_bake_pushes_to_the_registry_inside_only(inside: Path, fields: dict[str, list[str]]) -> None:
    definition = json.dumps({"target": {"hub": fields}})
    with pytest.raises(Refused):
        capture(Command(("docker", "buildx", "bake", "--file", "-"), inside, definition))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_writes_goes_to_the_registry_inside_only(inside: Path, method: str) -> None:
    assert inside.is_dir()
    for name in ("127.0.0.1:1/team/hub", "quay.io/team/hub", "team/hub"):
        with pytest.raises(Refused, match="a rehearsal writes to its own registry only"):
            Conversation(Reference(name)).send(method, "manifests/1")
