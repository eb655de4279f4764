"""``doctor``'s looks at the tools: every one missing, too old, broken or hanging."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.checks import machine
from tasks.checks.machine import MachineFinding, examine
from tasks.core.names import Host
from tasks.repo.hub import Hub as OpenHub
from tests.support.calls import opened
from tests.support.cli import run_task, succeed
from tests.support.helm import HelmServer
from tests.support.hubs import NO_REGISTRY, ON_GITHUB, Hub, at, make_hub
from tests.support.layouts import make_2i2c_like
from tests.support.processes import write_program
from tests.support.registry import private_registry, sign_in, use_helper
from tests.support.server import misbehaving
from tests.support.world import nothing_written

from .places import image_name

BUILDER = """\
Name:          default
Driver:        docker
Last Activity: 2026-06-10 10:00:00 +0000 UTC

Nodes:
Name:      default
Endpoint:  default
Status:    running
Platforms: linux/amd64, linux/amd64/v2, linux/386
Name:      default1
Status:    running
Platforms: linux/arm64/v8, linux/riscv64*
"""


@dataclass(frozen=True)
class Docker:
    """What a Docker client says; ``first`` is what its stand-in does before."""

    version: str = "Docker version 28.2.2, build e6534b4"
    buildx: str = "github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3"
    engine: str = "26.1.5+dfsg1"
    builder: str = BUILDER
    first: str = ""

    @property
    def script(self) -> str:
        """A stand-in that says so."""
        return f"""\
{self.first}
case "$*" in
--version) echo '{self.version}' ;;
'buildx version') echo '{self.buildx}' ;;
info*) echo '{self.engine}' ;;
'buildx inspect'*) printf '%s' '{self.builder}' ;;
esac
"""


FIT: Mapping[str, str] = {
    # The hub repository itself is looked at with the real one.
    "git": f"[ $1 != --version ] && exec {shutil.which('git')} \"$@\"\necho 'git version 2.39.5'\n",
    "docker": Docker().script,
    "gcloud": "echo 'Google Cloud SDK 528.0.0'; echo 'bq 2.1.17'\n",
    "helm": "echo 'v3.15.2+g1a500d5'\n",
    "cosign": "echo 'GitVersion:    v2.5.0'\n",
    "gh": "echo 'gh version 2.62.0 (2024-11-14)'\n",
}


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that is on PATH, of a PC: stand-ins for the tools, every one fit; and each registry that a test looks at."""
    folder = tmp_path / "tools"
    for name, script in FIT.items():
        write_program(folder, name, script)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(Host, "here", lambda: Host("linux", "x86_64"))
    monkeypatch.setattr(machine, "inspect", lambda _: None)
    return folder


TOOLS = {
    "git": "install git: https://git-scm.com/downloads",
    "docker": "install Docker: https://docs.docker.com/engine/install/",
    "gcloud": "install the Google Cloud CLI, for Google's registries: https://cloud.google.com/sdk/docs/install",
    "helm": "install Helm, for previews and lock files: https://helm.sh/docs/intro/install/",
    "cosign": "install cosign, for signatures: https://docs.sigstore.dev/cosign/system_config/installation/",
    "gh": "install the GitHub CLI, for pull requests: https://cli.github.com",
}


def seen(hub: OpenHub | None = None) -> dict[str, MachineFinding]:
    return {finding.name: finding for finding in examine(hub)}


def unfit(name: str, version: str | None, hint: str) -> MachineFinding:
    """Return what is found of a tool that a release cannot do with."""
    return MachineFinding(name, version, needed=name in ("git", "docker"), hint=hint)


# -- the tools


@pytest.mark.usefixtures("tools")
def test_a_machine_that_is_fit() -> None:
    assert examine(None) == [
        MachineFinding("git", "2.39.5"),
        MachineFinding("docker", "28.2.2"),
        MachineFinding("buildx", "0.13.1"),
        MachineFinding("engine", "26.1.5+dfsg1"),
        MachineFinding("builder", "default (docker)"),
        MachineFinding("gcloud", "528.0.0", needed=False),
        MachineFinding("helm", "3.15.2", needed=False),
        MachineFinding("cosign", "v2.5.0", needed=False),
        MachineFinding("gh", "2.62.0", needed=False),
        MachineFinding("platform", "PC, x86_64: native"),
    ]


def test_tools_that_are_missing_or_cannot_be_executed(tools: Path) -> None:
    for name in TOOLS:
        (tools / name).chmod(0o644)
    (tools / "gh").unlink()
    found = seen()
    wanted = {name: unfit(name, None, f"{name} is not installed: {hint}") for name, hint in TOOLS.items()}
    assert {name: found[name] for name in TOOLS} == wanted


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("echo 'Traceback (most recent call last):' >&2; echo \"KeyError: 'x'\" >&2; exit 1", "KeyError: 'x'"),
        (r"printf '\377\376\000\033[2J'", "it tells no version"),
        ("printf '%05000d.1' 7", "it tells no version"),
    ],
    ids=["a fault", "bytes that are no text", "a number of 5000 digits"],
)
def test_tools_that_fail_or_talk_nonsense(tools: Path, said: str, version: str) -> None:
    for name in TOOLS:
        write_program(tools, name, f"{said}\n")
    found = seen()
    assert {name: found[name] for name in TOOLS} == {name: unfit(name, version, hint) for name, hint in TOOLS.items()}


@pytest.mark.parametrize(
    ("name", "says", "version", "needed"),
    [
        ("git", "git version 2.20.1", "2.20.1", "2.23"),
        ("docker", "Docker version 19.03.15, build 99e3ed8919", "19.03.15", "20.10"),
        ("gcloud", "Google Cloud SDK 300.0.0", "300.0.0", "400.0"),
        ("helm", "Client: v2.17.0+ga690bad", "2.17.0", "3.0"),
        ("gh", "gh version 1.14.0 (2021-08-04)", "1.14.0", "2.0"),
    ],
)
def test_a_tool_that_is_too_old(tools: Path, name: str, says: str, version: str, needed: str) -> None:
    write_program(tools, name, f"echo '{says}'\n")
    assert seen()[name] == unfit(name, version, f"at least {needed} is needed: {TOOLS[name]}")


def test_whatever_hangs_is_waited_for_within_one_bound(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CHECK_SECONDS", 0.7)
    monkeypatch.setattr("tasks.tools.process._TIDY_SECONDS", 0.3)
    for name in TOOLS:
        write_program(tools, name, "trap '' TERM; /bin/sleep 20\n")
    told = [finding.version for finding in examine(None) if finding.name != "platform"]
    assert len(told) == len(TOOLS) + 3
    assert all((one or "").endswith("did not end within 0.7 seconds") for one in told)


# -- ``doctor`` from outside: its table, its JSON, its exit code


@pytest.fixture
def reached(settled: Hub) -> Iterator[Hub]:
    """A hub repository whose registry answers, and has no image yet."""
    with misbehaving() as registry:
        settled.change("chartpress.yaml", NO_REGISTRY, registry.address)
        yield settled


def test_doctors_table_and_one_hint_for_each_fault(tools: Path, reached: Hub) -> None:
    write_program(tools, "docker", f"[ $1 = info ] && exit 1\n{FIT['docker']}")
    with nothing_written(reached):
        result = run_task("doctor", cwd=reached.path)
    assert (result.code, result.err) == (1, ""), result
    *table, hint = result.out.splitlines()
    assert [line.split(maxsplit=2) for line in table[2:4]] == [
        ["ok", "buildx", "0.13.1"],
        ["FAULT", "engine", "the Docker engine does not answer"],
    ]
    name = image_name(reached)
    assert f"ok     registry {name.partition('/')[0]}  answers for {name}" in table
    assert hint == "hint: engine: start Docker Desktop or the docker service, then: docker info"


def test_what_is_missing_and_not_needed_is_no_fault(tools: Path, reached: Hub) -> None:
    (tools / "gh").unlink()
    result = run_task("doctor", cwd=reached.path)
    assert (result.code, result.err) == (0, ""), result
    (line,) = (line for line in result.out.splitlines() if " gh " in line)
    assert line.split(maxsplit=2) == [
        "-",
        "gh",
        "gh is not installed: install the GitHub CLI, for pull requests: https://cli.github.com",
    ]
    assert "hint:" not in result.out
    report = run_task("doctor", "--json", cwd=reached.path).json
    assert (list(report), report["ok"]) == (["ok", "tools"], True)
    told = {tool["name"]: tool for tool in report["tools"]}
    assert told["git"] == {"name": "git", "version": "2.39.5", "ok": True, "needed": True, "hint": None}
    assert (told["gh"]["ok"], told["gh"]["needed"]) == (False, False)


def test_a_remote_that_does_not_answer_and_gh_signed_out_are_told_with_the_command(tools: Path, reached: Hub) -> None:
    write_program(tools, "gh", f"[ $1 = auth ] && exit 1\n{FIT['gh']}")
    reached.git("remote", "set-url", "origin", ON_GITHUB)
    reached.git("config", "url./no/such/folder.insteadOf", ON_GITHUB)
    result = run_task("doctor", cwd=reached.path)
    assert (result.code, result.err) == (0, ""), result
    rows = {name: words for mark, name, words in (line.split(maxsplit=2) for line in result.out.splitlines())}
    assert rows["remote"].split(maxsplit=1)[1].startswith("cannot reach the remote: ")
    assert rows["remote"].endswith("; for --push: git ls-remote origin")
    assert [line.split(maxsplit=3) for line in result.out.splitlines() if "gh auth" in line] == [
        ["-", "sign-in", "github.com", "gh is not signed in; for --pr: gh auth login --hostname github.com"]
    ]
    write_program(tools, "gh", FIT["gh"])
    assert "gh is signed in" in run_task("doctor", cwd=reached.path).out


def test_gh_signed_out_of_a_server_with_a_port_is_told_with_a_command_that_gh_takes(tools: Path, reached: Hub) -> None:
    write_program(tools, "gh", f"[ $1 = auth ] && exit 1\n{FIT['gh']}")
    at(reached, "https://github.example.edu:8443/org/hubs.git")
    shown = run_task("doctor", "--json", cwd=reached.path).json
    (hint,) = (tool["hint"] for tool in shown["tools"] if tool["name"] == "sign-in github.example.edu:8443")
    assert hint == "for --pr: GH_HOST=github.example.edu:8443 gh auth login --web"


@pytest.mark.usefixtures("tools")
def test_a_registry_that_does_not_answer_is_told_once(tmp_path: Path, charts: HelmServer) -> None:
    hub = make_2i2c_like(tmp_path / "hub", chart_repository=charts.url)
    lines = run_task("doctor", cwd=hub.path).out.splitlines()
    assert [line for line in lines if "127.0.0.1:1" in line] == [
        "FAULT  registry 127.0.0.1:1  cannot reach the registry: connection refused",
        "hint: registry 127.0.0.1:1: curl -I http://127.0.0.1:1/v2/",
    ]
    shown = succeed("status", "--json", cwd=hub.path)
    not_checked = shown.json["not_checked"]
    refused = "cannot reach the registry: connection refused (127.0.0.1:1)"
    assert len([one for one in not_checked if one["message"].endswith(refused)]) == 1


GOOGLE = "us-central1-docker.pkg.dev"
OTHER = "registry.example"
START_ENGINE = "start Docker Desktop or the docker service, then: docker info"
BUILDX_HINT = "install the buildx plugin: https://docs.docker.com/build/install-buildx/"
EMULATE = (
    "build on a machine of that platform: --builder NAME; or install what emulates it: "
    "docker run --privileged --rm tonistiigi/binfmt --install all"
)


def hub_at(folder: Path, registry: str, **settings: str) -> OpenHub:
    return opened(make_hub(folder / "hub", registry=registry), **settings)


# -- engine and builder


NO_BUILDX = "docker: 'buildx' is not a docker command."
DENIED = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
NO_ENGINE = "Cannot connect to the Docker daemon"
MAY_NOT = Docker(first=f"case $* in info*|'buildx inspect'*) echo '{DENIED}' >&2; exit 1 ;; esac")
JOIN = (
    "join its group: sudo usermod -aG docker $USER, then sign out and in again; or run Docker rootless: "
    "https://docs.docker.com/engine/security/rootless/"
)
SILENT = "the Docker engine does not answer"
REFUSED = "this user may not use the Docker engine"
# What Docker says, what is looked at, and what is found.
DOCKERS = {
    "buildx too old": (
        Docker(buildx="x v0.9.1 ed00243a"),
        "buildx",
        "0.9.1",
        f"at least 0.10 is needed: {BUILDX_HINT}",
    ),
    "no buildx": (
        Docker(first=f'case $1 in buildx) echo "{NO_BUILDX}" >&2; exit 1 ;; esac'),
        *("buildx", NO_BUILDX, BUILDX_HINT),
    ),
    "an engine that says nothing": (Docker(engine=""), "engine", SILENT, START_ENGINE),
    "an engine that refuses the user": (MAY_NOT, "engine", REFUSED, JOIN),
    "a builder whose engine does": (MAY_NOT, "builder", REFUSED, JOIN),
    "a builder without its engine": (
        Docker(builder=f"Name: desktop-linux\nDriver: docker\nError: {NO_ENGINE}\n"),
        *("builder", SILENT, START_ENGINE),
    ),
}


@pytest.mark.parametrize(("docker", "name", "version", "hint"), DOCKERS.values(), ids=DOCKERS)
def test_docker_that_is_there_in_part(tools: Path, docker: Docker, name: str, version: str, hint: str) -> None:
    write_program(tools, "docker", docker.script)
    found = seen()
    assert found[name] == MachineFinding(name, version, hint=hint)
    assert found["docker"].hint is None


# -- the host's row of the table


PC, MAC = Host("linux", "x86_64"), Host("darwin", "arm64")
CANNOT_RUN = "Docker's current builder cannot run linux/s390x"
EMULATIONS = {
    "PC": (PC, "amd64", "PC, x86_64: native", "default (docker)"),
    "Mac": (MAC, "amd64", "Mac, arm64: --platform linux/amd64", "default (docker)"),
    "Intel Mac": (Host("darwin", "x86_64"), "amd64", "Mac, x86_64: --platform linux/amd64", "default (docker)"),
    "WSL": (Host("linux", "AMD64"), "amd64", "PC, AMD64: native", "default (docker)"),
    "Linux on Arm": (Host("linux", "aarch64"), "amd64", "Linux, aarch64: --platform linux/amd64", "default (docker)"),
    "Linux on Arm for Arm": (Host("linux", "aarch64"), "arm64", "Linux, aarch64: native", "default (docker)"),
    "Mac for Arm": (MAC, "arm64", "Mac, arm64: --platform linux/arm64", "default (docker)"),
    "BSD": (Host("freebsd14", "amd64"), "amd64", "freebsd14, amd64: --platform linux/amd64", "default (docker)"),
    "Mac for 386": (MAC, "386", "Mac, arm64: --platform linux/386", "default (docker), emulates linux/386"),
    "PC for Arm": (PC, "arm64", "PC, x86_64: --platform linux/arm64", "default (docker)"),
    "PC for RISC-V": (
        PC,
        "riscv64",
        "PC, x86_64: --platform linux/riscv64",
        "default (docker), emulates linux/riscv64",
    ),
    "PC for s390x": (PC, "s390x", "PC, x86_64: --platform linux/s390x", CANNOT_RUN),
}


@pytest.mark.parametrize(("host", "wanted", "row", "builder"), EMULATIONS.values(), ids=EMULATIONS)
@pytest.mark.usefixtures("tools")
def test_the_hosts_row_and_whether_its_builder_emulates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: Host, wanted: str, row: str, builder: str
) -> None:
    monkeypatch.setattr(Host, "here", lambda: host)
    found = examine(hub_at(tmp_path, OTHER, platform=f"linux/{wanted}"))
    assert MachineFinding("platform", row) in found
    assert MachineFinding("builder", builder, hint=EMULATE if builder == CANNOT_RUN else None) in found


def test_who_builds_on_cloud_build_needs_gcloud_and_no_engine(tmp_path: Path, tools: Path) -> None:
    write_program(tools, "docker", Docker(engine="").script)
    (tools / "gcloud").unlink()
    found = seen(hub_at(tmp_path, OTHER, builder="cloudbuild"))
    assert "builder" not in found
    assert (found["engine"].is_fault, found["gcloud"].is_fault) == (False, True)


def test_helm_is_needed_where_a_lock_is_committed(tmp_path: Path, tools: Path) -> None:
    (tools / "helm").unlink()
    made = make_hub(tmp_path / "hub")
    assert not seen(opened(made))["helm"].is_fault
    made.put("hub/requirements.lock", "dependencies: []\n")
    assert seen(opened(made))["helm"].is_fault


def test_a_remote_builder_at_whose_address_nobody_listens(tmp_path: Path, tools: Path) -> None:
    told = "Name: far\nDriver: remote\nStatus: inactive\n"
    write_program(tools, "docker", Docker(builder=told).script)
    hint = "docker buildx inspect --bootstrap far"
    found = seen(hub_at(tmp_path, OTHER, builder="far"))["builder"]
    what = "the builder does not answer: nothing listens at its address"
    assert found == MachineFinding("builder", what, hint=hint)


# -- sign-in and registry


def test_nobody_signed_in_to_googles_registry(tools: Path, tmp_path: Path) -> None:
    hub = hub_at(tmp_path, f"{GOOGLE}/cal-icor-hubs")
    words = "Docker has no credential helper for it"
    (tools / "gcloud").unlink()
    found = seen(hub)
    assert found[f"sign-in {GOOGLE}"] == MachineFinding(f"sign-in {GOOGLE}", words, hint="invoke auth")
    assert found["gcloud"].hint


HUBS_KEY, LOGIN = "https://index.docker.io/v1/", """echo '{"Username": "x", "Secret": "y"}'"""


@pytest.mark.parametrize(
    ("host", "answer", "ok", "hint"),
    [
        pytest.param(GOOGLE, f"/bin/sleep 1; {LOGIN}", True, None, id="a slow one"),
        pytest.param(GOOGLE, "echo no active account >&2; exit 1", False, "invoke auth", id="Google's has nothing"),
        pytest.param(OTHER, "echo '{}'", False, f"docker login {OTHER}", id="another one has nothing"),
        pytest.param("docker.io", f'read -r host; [ "$host" = {HUBS_KEY} ] && {LOGIN}', True, None, id="Docker Hub's"),
    ],
)
def test_dockers_helper_is_asked(
    tools: Path, tmp_path: Path, host: str, answer: str, ok: bool, hint: str | None
) -> None:
    # Docker Hub has a name of its own there.
    use_helper(HUBS_KEY if host == "docker.io" else host, "lab")
    write_program(tools, "docker-credential-lab", f"{answer}\n")
    words = "Docker's helper answers" if ok else "Docker's helper returned no credentials"
    name = f"sign-in {host}"
    assert seen(hub_at(tmp_path, host))[name] == MachineFinding(name, words, hint=hint)


@pytest.mark.engine
def test_a_registry_that_denies_until_one_signs_in(tmp_path: Path) -> None:
    with private_registry(tmp_path / "private", {"robin": "tulip-garden"}) as served:
        hub = hub_at(tmp_path, served.address)
        assert seen(hub)[f"registry {served.address}"].hint == f"docker login {served.address}"
        sign_in(served.address, "robin", "tulip-garden")
        assert seen(hub)[f"registry {served.address}"].hint is None
