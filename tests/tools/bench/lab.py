"""Where the benchmark runs, and what is measured on: a home and a registry of its own, long histories and indexes."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tasks.rehearsal.registry import Registry, forget_images, registry
from tests.support import machine
from tests.support.cli import INVOKE
from tests.support.helm import ChartRelease, HelmServer, chart_repository, index_text, served
from tests.support.hubs import Hub, make_repository
from tests.support.registry import push_mirror

from .timing import Call

_TOUCH_EVERY = 400
_LINES_OF_A_HUB = 10


@dataclass(frozen=True)
class Shape:
    """How a made hub looks.

    Attributes:
        images: how many images its chart has, all from one Dockerfile.
        lines: about how many lines its values.yaml has.
        run: the command of the Dockerfile's ``RUN``, without a network: a second engine has none. Every image runs it
            anew, since each has its own ``IMAGE``.
    """

    images: int = 1
    lines: int = 20
    run: str = "true"


def make_index(file: Path, length: int) -> Path:
    """Write an index of ``length`` entries as Helm writes it."""
    releases = [_release(number) for number in reversed(range(length))]
    digests = {release.version: hashlib.sha256(release.version.encode()).hexdigest() for release in releases}
    file.write_text(index_text(releases, digests, "https://hub.example/"), encoding="utf-8")
    return file


def _release(number: int) -> ChartRelease:
    """Return a release; two of three are builds of main, as in the real index."""
    stable = f"{number // 300}.{number // 30 % 10}.{number % 30}"
    version = stable if number % 3 == 0 else f"{stable}-0.dev.git.{number}.h{number:08x}"
    return ChartRelease(version, "5.2.1", ">=1.28.0-0", "2024-10-24")


def make_bench_hub(path: Path, *, base: str, version: str, prefix: str, charts: str, shape: Shape) -> Hub:
    """Make a hub repository of ``shape``."""
    requirement = f"  - name: jupyterhub\n    version: {version}\n    repository: {charts}\n"
    return make_repository(
        path,
        {
            "chartpress.yaml": _chartpress(prefix, shape),
            "hub/Chart.yaml": "apiVersion: v1\nname: hub\nversion: 0.0.1\n",
            "hub/requirements.yaml": f"dependencies:\n{requirement}",
            "hub/values.yaml": "".join(_values(shape)),
            "images/hub/Dockerfile": _dockerfile(f"{base}:{version}", shape.run),
            "images/hub/settings.txt": "one\n",
        },
    )


def _chartpress(prefix: str, shape: Shape) -> str:
    images = "".join(
        f"      hub-{number}:\n        contextPath: images/hub\n        valuesPath: hubs.{number}.image\n"
        f"        buildArgs: {{IMAGE: '{number}'}}\n"
        for number in range(shape.images)
    )
    return f"charts:\n  - name: hub\n    imagePrefix: {prefix}\n    images:\n{images}"


def _values(shape: Shape) -> Iterator[str]:
    """Yield a values file: a list of places for images, then hubs as a large deployment has them."""
    yield "hubs:\n"
    for _ in range(shape.images):
        yield "  - image:\n      name:\n      tag:\n"
    for number in range(shape.lines // _LINES_OF_A_HUB):
        yield _HUB_VALUES.format(number=number)


def _dockerfile(base: str, run: str) -> str:
    steps = f"USER root\nENV CHANGE=0\nARG IMAGE\nRUN --network=none {run}\nCOPY settings.txt /srv/settings.txt\n"
    return f"FROM {base}\n{steps}"


def lengthen(hub: Hub, commits: int, files: int = 0) -> None:
    """Add ``commits`` commits to a hub's history; one in 400 touches the image, the last one long ago.

    The last of them adds ``files`` files that are no image's.

    git fast-import (https://git-scm.com/docs/git-fast-import) writes them in a second or two.
    """
    stream = "".join((*_commits(hub.git("rev-parse", "HEAD"), commits), *_files(files))).encode()
    subprocess.run(
        ("git", "fast-import", "--quiet", "--force"), cwd=hub.path, input=stream, check=True, capture_output=True
    )
    hub.git("reset", "--quiet", "--hard", "main")


def _commits(head: str, commits: int) -> Iterator[str]:
    for number in range(commits):
        touches = number % _TOUCH_EVERY == 0 and number < commits // 2
        path = "images/hub/settings.txt" if touches else f"docs/note-{number % 100}.md"
        body, subject = f"{number}\n", f"Change {number}"
        parent = f"from {head}\n" if number == 0 else ""
        yield (
            f"commit refs/heads/main\ncommitter R <r@hub.example> {1_500_000_000 + 600 * number} +0000\n"
            f"data {len(subject)}\n{subject}\n{parent}"
            f"M 100644 inline {path}\ndata {len(body)}\n{body}\n"
        )


def _files(count: int) -> Iterator[str]:
    """Yield the lines that add files to the commit before."""
    for number in range(count):
        body = f"{number}\n"
        yield f"M 100644 inline materials/{number // 100}/{number}.md\ndata {len(body)}\n{body}\n"


_HUB_VALUES = """\
hub{number}:
  # Who may come in.
  singleuser:
    memory: {{limit: 2G, guarantee: 512M}}
    extraEnv:
      COURSE: "data {number}"
  ingress:
    hosts: [hub{number}.example.edu]
  scheduling:
    userPods: {{nodeAffinity: {{matchNodePurpose: require}}}}
"""


VERSION, OLDER = "3.3.8", "3.2.1"


@contextmanager
def open_lab(folder: Path, pairs: int) -> Iterator[Lab]:
    """Move into a home of its own below ``folder``: no settings of the user's count, and none are touched.

    Python keeps what it compiles there too, for both sides, whatever the user's variables say.
    """
    before = dict(os.environ)
    for name in machine.users_own_variables():
        del os.environ[name]
    os.environ.update(machine.make_home(folder / "home").env)
    machine.keep_compiled(folder / "compiled")
    beside = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join((beside, os.environ.get("PATH", os.defpath)))
    try:
        with ExitStack() as held:
            yield Lab(folder, pairs, held)
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass
class Lab:
    """What the rows are measured with; made when it is first asked for, taken down at the end."""

    folder: Path
    pairs: int
    held: ExitStack

    @cached_property
    def registry(self) -> Registry:
        """A registry on this machine that lets everybody in."""
        served_registry = self.held.enter_context(registry(self.folder / "registry"))
        self.held.callback(forget_images, served_registry.address)
        return served_registry

    @cached_property
    def mirror(self) -> str:
        """A repository in that registry with stand-ins for the base images."""
        return push_mirror(self.registry.address, (OLDER, VERSION))

    @cached_property
    def charts(self) -> HelmServer:
        """A chart repository on this machine."""
        folder = self.folder / "charts"
        chart_repository(folder)
        return self.held.enter_context(served(folder))

    def hub(self, shape: Shape, version: str = VERSION) -> Hub:
        """Make a hub whose images go to the registry and are built on the mirror's."""
        name = secrets.token_hex(4)
        return make_bench_hub(
            self.folder / "hubs" / name,
            base=self.mirror,
            version=version,
            prefix=f"{self.registry.address}/{name}/",
            charts=self.charts.url,
            shape=shape,
        )

    def sketch(self, shape: Shape) -> Hub:
        """Make a hub that is only looked at: nothing is built, and nobody listens at its registry."""
        name = secrets.token_hex(4)
        return make_bench_hub(
            self.folder / "hubs" / name,
            base="quay.io/jupyterhub/k8s-hub",
            version=VERSION,
            prefix="127.0.0.1:1/hub/",
            charts="https://hub.jupyter.org/helm-chart/",
            shape=shape,
        )


def invoke(*arguments: str, cwd: Path) -> Call:
    """Return ``invoke ARGUMENTS`` with this project's tasks."""
    return Call(f"invoke {' '.join(arguments)}", (*INVOKE, *arguments), cwd)
