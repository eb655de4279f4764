"""What this machine has, and what a test may reach of it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

import pytest

from .processes import write_program

PROJECT = Path(__file__).resolve().parents[2]
# The real helm, 3 and 4: see tests/machine/helm.sh.
HELMS = {major: PROJECT / ".helm" / major / "helm" for major in ("3", "4")}
# Read once: the isolation of each test hides it from the programs under test.
IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
ENGINE_HINT = "set this machine up: make engine"
HINTS = {"cosign": ENGINE_HINT, "gcloud": "see https://cloud.google.com/sdk/docs/install", "gh": "make gh"}
_MEMORY = Path("/dev/shm")  # noqa: S108 - Linux's own, and each run's folder in it is its user's alone
_ROOM = 4 * 1024**3
_GUARDED = ("docker-credential-gcloud", "gcloud", "gh", "helm")
_USERS_OWN = (
    *("BUILDKIT_", "BUILDX_", "CLOUDSDK_", "COSIGN_", "DOCKER_", "GH_", "GIT_", "GITHUB_", "HELM_", "INVOKE_"),
    *("SIGSTORE_", "XDG_"),
)
_USERS_OWN_NAMES = frozenset(
    {
        *("CI", "COLUMNS", "LINES", "EDITOR", "FORCE_COLOR", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
        *("MAKEFLAGS", "MAKELEVEL", "MFLAGS"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "VIRTUAL_ENV", "SSL_CERT_FILE", "SUDO_USER"),
    }
)
_GIT_CONFIG = """\
[user]
\tname = Robin Operator
\temail = robin@hub.example
[init]
\tdefaultBranch = main
[commit]
\tgpgSign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


def make_home(folder: Path) -> dict[str, str]:
    """Make a user's own folder, empty but for what git needs to commit, and return the variables that lead there."""
    folder.mkdir(parents=True, exist_ok=True)
    docker, git_config = folder / "docker", folder / "gitconfig"
    docker.mkdir()
    plugins = docker_plugin_folders()
    (docker / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": plugins} if plugins else {}))
    git_config.write_text(_GIT_CONFIG)
    env = {
        "HOME": str(folder),
        **{f"XDG_{kind.upper()}_HOME": str(folder / kind) for kind in ("cache", "config", "data", "state")},
        "DOCKER_CONFIG": str(docker),
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "GIT_CONFIG_GLOBAL": str(git_config),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "INVOKE_HUB_CACHE_FOLDER": str(folder / "cache" / "hubpress"),
        "INVOKE_HUB_PREVIEW": "false",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TZ": "UTC",
    }
    host = engine_address()
    return {**env, "DOCKER_HOST": host} if host else env


def users_own_variables() -> list[str]:
    """Return the names of the variables that would let a user's own settings into a test."""
    return [name for name in os.environ if name.upper() in _USERS_OWN_NAMES or name.startswith(_USERS_OWN)]


def move_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Let this process live in a home of its own: no settings of the user's count, and none are touched."""
    home = make_home(folder)
    for name in users_own_variables():
        patch.delenv(name)
    for name, value in home.items():
        patch.setenv(name, value)


@cache
def docker_plugin_folders() -> list[str]:
    """Return the folders of the user's own Docker plugins: Docker Desktop keeps buildx in one."""
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "cli-plugins"
    return [str(own)] if own.is_dir() else []


@cache
def engine_address() -> str | None:
    """Return where the engine of the user's Docker context listens, or None for Docker's own default."""
    if not shutil.which("docker"):
        return None
    look = ("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    seen = subprocess.run(look, capture_output=True, text=True, timeout=60, check=False)
    return seen.stdout.strip() or None


@cache
def real_gh() -> str | None:
    """Return where the GitHub CLI is on this machine; asked first before a test's guards stand before it."""
    return shutil.which("gh")


@cache
def missing_for(marker: str) -> str | None:
    """Return what a test with the marker lacks here, or None."""
    if marker == "engine":
        looks = (("docker", "buildx", "version"), ("docker", "info"), ("git", "--version"))
        return next((f"{' '.join(look)} fails; {ENGINE_HINT}" for look in looks if not _succeeds(*look)), None)
    if marker == "helm":
        return None if all(program.exists() for program in HELMS.values()) else "helm is not here: make helm"
    there = real_gh() if marker == "gh" else shutil.which(marker)
    return None if there else f"{marker} is not installed; {HINTS[marker]}"


def demand(missing: str | None) -> None:
    """Skip the test that lacks ``missing``; in CI that is a failure."""
    if missing and IN_CI:
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)


def write_guards(folder: Path) -> Path:
    """Write programs into ``folder`` that stand before those which would reach out, and only complain."""
    for name in _GUARDED:
        write_program(folder, name, f'echo "a test started the real {name}: $0 $*" >&2\nexit 97')
    return folder


def stay_in_memory() -> None:
    """Let temporary files lie in memory from now on, where there is room for them and nobody named another place.

    A run writes and removes thousands of small files, and each program that it starts waits for the disk to sync.
    """
    if "TMPDIR" not in os.environ and _has_room(_MEMORY):
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


def _has_room(folder: Path) -> bool:
    if not os.access(folder, os.W_OK):
        return False
    there = os.statvfs(folder)
    runs_programs = not there.f_flag & getattr(os, "ST_NOEXEC", 0)
    return runs_programs and there.f_bavail * there.f_frsize >= _ROOM


def stay_on_this_machine() -> None:
    """Let this process see a machine that is offline but for its loopback, from now on."""
    sys.addaudithook(_refuse_network)


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo" and not is_loopback(arguments[0]):
        raise socket.gaierror(socket.EAI_NONAME, f"tests stay on this machine: {arguments[0]!r}")
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address and not is_loopback(address[0]):
            raise ConnectionRefusedError(f"tests stay on this machine: {address!r}")


def keep_compiled(folder: Path) -> None:
    """Let every Python that is started from here keep what it compiles in ``folder``: the tests start thousands.

    The user's own variable against it does not count: nothing is written beside anybody's sources.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def hear_interrupts() -> None:
    """Let the programs under test be interrupted, also where the tests themselves run in the background.

    A shell has its background jobs ignore Ctrl-C, nohup lets a program ignore hangups, and every child inherits that.
    """
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
            signal.signal(number, handler)


def is_loopback(host: object) -> bool:
    """Whether ``host`` is a name or address of this machine alone (netlink's numbers are)."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str):
        return True
    return host in {"", "localhost", "::1"} or host.startswith("127.")


def _succeeds(*argv: str) -> bool:
    if not shutil.which(argv[0]):
        return False
    return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0
