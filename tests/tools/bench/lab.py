"""Where the benchmark runs: a folder, a home and a registry of its own, and stand-ins for the base images."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tasks.rehearsal.registry import Registry, forget_images, registry
from tests.support import machine
from tests.support.cli import INVOKE
from tests.support.helm import HelmServer, chart_repository, served
from tests.support.hubs import Hub
from tests.support.registry import push_mirror

from .made import Shape, make_bench_hub
from .timing import Call

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
