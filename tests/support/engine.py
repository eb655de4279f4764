"""A second Docker engine: its own socket, store and state, reached as a Docker context of its own."""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.image.build import STAND_IN_LABEL

from .cli import run, sh
from .processes import wait_until

START_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Engine:
    host: str

    def docker(self, *arguments: str) -> str:
        return sh("docker", "--host", self.host, *arguments, cwd=Path.cwd())

    def forget_everything(self) -> None:
        """Empty its store and its build cache: what a machine is that never built anything."""
        self.docker("image", "prune", "--all", "--force")
        self.docker("builder", "prune", "--all", "--force")


def missing_for_second_engine() -> str | None:
    """Return why no second engine can run here, or None."""
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        return "a second engine needs dockerd, and root: make engine"
    return None


@contextmanager
def second_engine(folder: Path, *, attests: bool = False) -> Iterator[Engine]:
    """Run an engine with all its state in ``folder`` for as long as the block runs.

    With ``attests`` it has the containerd image store, which can keep what a build states of an image.

    It takes the first one's bridge as it is: without one of its own, an engine removes it. Its containers have no way
    out of it: use ``RUN --network=none``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host = f"unix://{folder / 'docker.sock'}"
    settings = {"features": {"containerd-snapshotter": attests}, "insecure-registries": ["127.0.0.0/8"]}
    (folder / "daemon.json").write_text(json.dumps(settings))
    argv = (
        *("dockerd", "--host", host, "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--config-file", str(folder / "daemon.json")),
        *("--pidfile", str(folder / "pid"), "--bridge=docker0", "--iptables=false", "--ip6tables=false"),
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        look = ("docker", "--host", host, "info")
        wait_until(lambda: server.poll() is not None or run(*look, cwd=folder).code == 0, START_SECONDS)
        assert server.poll() is None, (folder / "log").read_text()[-2000:]
        yield Engine(host)
    finally:
        server.terminate()
        server.wait(STOP_SECONDS)


def make_context(name: str, engine: Engine) -> None:
    """Make a Docker context that leads to ``engine``, in the test's own Docker folder."""
    sh("docker", "context", "create", name, "--docker", f"host={engine.host}", cwd=Path.cwd())


@contextmanager
def in_local_store(image: str, base: str, *, is_stand_in: bool = False) -> Iterator[None]:
    """Let this machine's engine have ``image``, made of ``base``, as if it had been pulled, while the block runs."""
    mark = image if is_stand_in else ""
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(f'FROM {base}\nLABEL lab="{image}" {STAND_IN_LABEL}="{mark}"\n')
        sh("docker", "buildx", "build", "--quiet", "--load", "--provenance=false", "--tag", image, ".", cwd=context)
    try:
        yield
    finally:
        sh("docker", "image", "rm", image, cwd=Path.cwd())


def files_of(image: str, *, pull: str = "always") -> dict[str, tuple[int, str]]:
    """Return mode and text of each file and folder that ``image`` has, by its path; a folder's text is empty.

    It is exported, not run: output of a container that ends at once may get lost under load
    (https://github.com/moby/moby/issues/27289).
    """
    here = Path.cwd()
    container = sh("docker", "create", f"--pull={pull}", "--quiet", image, "true", cwd=here)
    with tempfile.TemporaryDirectory() as folder:
        sh("docker", "export", "--output", f"{folder}/tar", container, cwd=here)
        sh("docker", "rm", container, cwd=here)
        with tarfile.open(f"{folder}/tar") as tar:
            return {f"/{one.name}": (one.mode, _text(tar, one)) for one in tar if one.isfile() or one.isdir()}


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    data = tar.extractfile(member)
    return data.read().decode("utf-8", "replace") if data else ""
