"""``doctor`` from outside: the engine, the builder, the sign-in, the registry, the platform."""

from pathlib import Path

import pytest

from tasks.checks.machine import MachineFinding, examine
from tasks.core.names import Host
from tasks.core.settings import read_settings
from tasks.repo.hub import Hub as OpenHub
from tasks.repo.hub import open_hub
from tasks.tools.git import Git
from tests.support.hubs import make_hub
from tests.support.registry import private_registry, sign_in, use_helper

from .machines import Docker, write_tool

GOOGLE = "us-central1-docker.pkg.dev"
OTHER = "registry.example"
START_ENGINE = "start Docker Desktop or the docker service, then: docker info"
BUILDX_HINT = "install the buildx plugin: https://docs.docker.com/build/install-buildx/"
EMULATE = (
    "build on a machine of that platform: --builder NAME; or install what emulates it: "
    "docker run --privileged --rm tonistiigi/binfmt --install all"
)


def hub_at(folder: Path, registry: str, **settings: str) -> OpenHub:
    """Make a hub repository whose image goes to ``registry``, and open it."""
    made = make_hub(folder / "hub", registry=registry)
    return open_hub(read_settings(settings), Git(made.path))


def look(name: str, hub: OpenHub | None = None) -> MachineFinding:
    """Return what is found of ``name``."""
    (found,) = (finding for finding in examine(hub) if finding.name == name)
    return found


# -- engine and builder


@pytest.mark.parametrize(
    ("docker", "name", "version", "hint"),
    [
        pytest.param(
            Docker(buildx="github.com/docker/buildx v0.9.1 ed00243a0ce2a0aee75311b06e32d33b44729689"),
            "buildx",
            "0.9.1",
            f"at least 0.10 is needed: {BUILDX_HINT}",
            id="buildx too old",
        ),
        pytest.param(Docker(engine=""), "engine", None, START_ENGINE, id="engine that says nothing"),
        pytest.param(
            Docker(builder="Name: desktop-linux\nDriver: docker\nError: Cannot connect to the Docker daemon\n"),
            "builder",
            "Cannot connect to the Docker daemon",
            START_ENGINE,
            id="builder without its engine",
        ),
    ],
)
def test_docker_that_is_there_in_part(tools: Path, docker: Docker, name: str, version: str, hint: str) -> None:
    write_tool(tools, "docker", docker.script)
    assert look(name) == MachineFinding(name, version, hint=hint)
    assert look("docker").hint is None


def test_docker_without_buildx(tools: Path) -> None:
    words = "docker: 'buildx' is not a docker command."
    write_tool(tools, "docker", f'case $1 in buildx) echo "{words}" >&2; exit 1 ;; esac\n{Docker().script}')
    assert look("buildx") == MachineFinding("buildx", words, hint=BUILDX_HINT)
    assert look("builder").hint
    assert look("engine").hint is None


@pytest.mark.engine
def test_an_engine_that_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setenv("DOCKER_HOST", host)
    hint = f"start the engine that DOCKER_HOST names, {host}, or: unset DOCKER_HOST"
    assert look("engine") == MachineFinding("engine", "the Docker engine does not answer", hint=hint)
    builder = look("builder")
    assert builder.hint == hint


def test_an_engine_that_refuses_the_user(tools: Path) -> None:
    words = (
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
        "dial unix /var/run/docker.sock: connect: permission denied"
    )
    refuses = f"case $* in info*|'buildx inspect'*) echo '{words}' >&2; exit 1 ;; esac\n"
    write_tool(tools, "docker", f"{refuses}{Docker().script}")
    hint = (
        "join its group: sudo usermod -aG docker $USER, then sign out and in again; or run Docker rootless: "
        "https://docs.docker.com/engine/security/rootless/"
    )
    refused = "this user may not use the Docker engine"
    assert look("engine") == MachineFinding("engine", refused, hint=hint)
    assert look("builder").hint == hint


# -- the host's row of the table


@pytest.mark.parametrize(
    ("host", "wanted", "row", "emulation"),
    [
        pytest.param(Host("linux", "x86_64"), "linux/amd64", "PC, x86_64: native", None, id="PC"),
        pytest.param(
            Host("darwin", "arm64"), "linux/amd64", "Mac, arm64: --platform linux/amd64", True, id="Mac, Apple silicon"
        ),
        pytest.param(
            Host("linux", "aarch64"), "linux/amd64", "Linux, aarch64: --platform linux/amd64", True, id="Linux on Arm"
        ),
        pytest.param(
            Host("linux", "x86_64"), "linux/arm64", "PC, x86_64: --platform linux/arm64", False, id="PC for Arm"
        ),
    ],
)
@pytest.mark.usefixtures("tools")
def test_the_hosts_row_and_whether_its_builder_emulates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: Host, wanted: str, row: str, emulation: bool | None
) -> None:
    monkeypatch.setattr(Host, "here", lambda: host)
    hub = hub_at(tmp_path, OTHER, platform=wanted)
    found = {finding.name: finding for finding in examine(hub)}
    assert found["platform"] == MachineFinding("platform", row)
    if emulation is None:
        assert "emulation" not in found
        return
    words = f"none, the builder is of {wanted} itself" if emulation else f"the builder cannot run {wanted}"
    assert found["emulation"] == MachineFinding("emulation", words, hint=None if emulation else EMULATE)


def test_who_builds_on_cloud_build_needs_gcloud_and_no_engine(tmp_path: Path, tools: Path) -> None:
    write_tool(tools, "docker", Docker(engine="").script)
    (tools / "gcloud").unlink()
    found = {finding.name: finding for finding in examine(hub_at(tmp_path, OTHER, builder="cloudbuild"))}
    assert "builder" not in found
    assert (found["engine"].is_fault, found["gcloud"].is_fault) == (False, True)


@pytest.mark.parametrize("locked", [False, True])
def test_helm_is_needed_where_a_lock_is_committed(tmp_path: Path, tools: Path, *, locked: bool) -> None:
    (tools / "helm").unlink()
    made = make_hub(tmp_path / "hub")
    if locked:
        made.put("hub/requirements.lock", "dependencies: []\n")
    found = look("helm", open_hub(read_settings({}), Git(made.path)))
    assert (found.hint is None, found.needed) == (False, locked)


def test_a_remote_builder_at_whose_address_nobody_listens(tmp_path: Path, tools: Path) -> None:
    told = "Name: far\nDriver: remote\nStatus: inactive\n"
    write_tool(tools, "docker", Docker(builder=told).script)
    found = look("builder", hub_at(tmp_path, OTHER, builder="far"))
    assert found == MachineFinding(
        "builder", "the builder far does not answer", hint="docker buildx inspect --bootstrap far"
    )


@pytest.mark.usefixtures("tools")
def test_windows_itself_is_refused_with_the_way_to_wsl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "here", lambda: Host("win32", "AMD64"))
    found = look("platform")
    assert (found.is_fault, found.version) == (True, "hub images cannot be built on Windows directly")
    assert (found.hint or "").endswith("wsl --install")


# -- sign-in and registry


def test_nobody_signed_in_to_googles_registry(tools: Path, tmp_path: Path) -> None:
    hub = hub_at(tmp_path, f"{GOOGLE}/cal-icor-hubs")
    words = "Docker has no credential helper for it"
    assert look(f"sign-in {GOOGLE}", hub) == MachineFinding(f"sign-in {GOOGLE}", words, hint="invoke auth")
    (tools / "gcloud").unlink()
    assert look("gcloud", hub).hint


@pytest.mark.parametrize(
    ("host", "answer", "ok", "hint"),
    [
        pytest.param(GOOGLE, '/bin/sleep 1; echo \'{"Username": "x", "Secret": "y"}\'', True, None, id="a slow one"),
        pytest.param(GOOGLE, "echo no active account >&2; exit 1", False, "invoke auth", id="Google's has nothing"),
        pytest.param(OTHER, "echo '{}'", False, f"docker login {OTHER}", id="another one has nothing"),
    ],
)
def test_dockers_helper_is_asked(
    tools: Path, tmp_path: Path, host: str, answer: str, ok: bool, hint: str | None
) -> None:
    use_helper(host, "lab")
    write_tool(tools, "docker-credential-lab", f"{answer}\n")
    words = "Docker's helper answers" if ok else "Docker's helper returned no credentials"
    assert look(f"sign-in {host}", hub_at(tmp_path, host)) == MachineFinding(f"sign-in {host}", words, hint=hint)


def test_dockers_helper_is_asked_for_docker_hub_by_the_name_that_it_has_there(tools: Path, tmp_path: Path) -> None:
    key = "https://index.docker.io/v1/"
    use_helper(key, "lab")
    answer = 'echo \'{"Username": "x", "Secret": "y"}\''
    write_tool(tools, "docker-credential-lab", f'read -r host; [ "$host" = {key} ] && {answer}\n')
    assert look("sign-in docker.io", hub_at(tmp_path, "docker.io/team")).hint is None


@pytest.mark.engine
def test_a_registry_that_denies_until_one_signs_in(tmp_path: Path) -> None:
    with private_registry(tmp_path / "private", {"robin": "tulip-garden"}) as served:
        hub = hub_at(tmp_path, served.address)
        found = look(f"registry {served.address}", hub)
        assert found.hint == f"docker login {served.address}"
        sign_in(served.address, "robin", "tulip-garden")
        assert look(f"registry {served.address}", hub).hint is None
