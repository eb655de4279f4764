"""Where the benchmark runs, and what is measured on: a home and a registry of its own, hubs of any size."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry, forget_images, registry
from tests.support import machine
from tests.support.helm import HelmServer, chart_repository, served
from tests.support.hubs import Hub, make_hub, make_repository
from tests.support.registry import put_mirror

VERSION, OLDER = "3.3.8", "3.2.1"
_TOUCH_EVERY = 400
# Hubs as a large deployment has them: ten lines for each.
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
_IMAGE = """\
      hub-{number}:
        contextPath: images/hub
        valuesPath: hubs.{number}.image
        buildArgs: {{IMAGE: '{number}'}}
"""


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

    def files(self, base: str, prefix: str, charts: str) -> dict[str, str]:
        numbers = range(self.images)
        images = "".join(_IMAGE.format(number=number) for number in numbers)
        places = "  - image:\n      name:\n      tag:\n" * self.images
        hubs = "".join(_HUB_VALUES.format(number=number) for number in range(self.lines // 10))
        name, _, version = base.rpartition(":")
        return {
            "chartpress.yaml": f"charts:\n  - name: hub\n    imagePrefix: {prefix}\n    images:\n{images}",
            "hub/Chart.yaml": "apiVersion: v1\nname: hub\nversion: 0.0.1\n",
            "hub/requirements.yaml": "dependencies:\n"
            f"  - name: jupyterhub\n    version: {version}\n    repository: {charts}\n",
            "hub/values.yaml": f"hubs:\n{places}{hubs}",
            "images/hub/Dockerfile": f"FROM {name}:{version}\nUSER root\nENV CHANGE=0\nARG IMAGE\n"
            f"RUN --network=none {self.run}\nCOPY settings.txt /srv/settings.txt\n",
            "images/hub/settings.txt": "one\n",
        }


def lengthen(hub: Hub, commits: int, files: int = 0) -> None:
    """Add ``commits`` commits to a hub's history; one in 400 touches the image, the last one long ago.

    The last of them adds ``files`` files that are no image's.

    git fast-import (https://git-scm.com/docs/git-fast-import) writes them in a second or two.
    """
    stream, parent = [], f"from {hub.git('rev-parse', 'HEAD')}\n"
    for number in range(commits):
        touches = number % _TOUCH_EVERY == 0 and number < commits // 2
        path = "images/hub/settings.txt" if touches else f"docs/note-{number % 100}.md"
        stream.append(
            f"commit refs/heads/main\ncommitter R <r@hub.example> {1_500_000_000 + 600 * number} +0000\n"
            f"data 6\nChange\n{parent}M 100644 inline {path}\ndata <<END\n{number}\nEND\n"
        )
        parent = ""
    stream += [
        f"M 100644 inline materials/{number // 100}/{number}.md\ndata <<END\n{number}\nEND\n" for number in range(files)
    ]
    argv = ("git", "fast-import", "--quiet", "--force")
    subprocess.run(argv, cwd=hub.path, input="".join(stream).encode(), check=True, capture_output=True)
    hub.git("reset", "--quiet", "--hard", "main")


@contextmanager
def open_lab(folder: Path, pairs: int) -> Iterator[Lab]:
    """Move into a home of its own below ``folder``: no settings of the user's count, and none are touched.

    Python keeps what it compiles there too, for both sides, whatever the user's variables say.
    """
    with pytest.MonkeyPatch.context() as patch, ExitStack() as held:
        machine.move_in(folder / "home", patch)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(folder / "compiled"))
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        yield Lab(folder, pairs, held)


@dataclass
class Lab:
    """What the rows are measured with; made when it is first asked for, taken down at the end."""

    folder: Path
    pairs: int
    held: ExitStack

    @cached_property
    def registry(self) -> Registry:
        made = self.held.enter_context(registry(self.folder / "registry"))
        self.held.callback(forget_images, made.address)
        return made

    @cached_property
    def mirror(self) -> str:
        """A repository in that registry with stand-ins for the base images."""
        return put_mirror(self.registry, self.folder / "mirror")

    @cached_property
    def charts(self) -> HelmServer:
        chart_repository(self.folder / "charts")
        return self.held.enter_context(served(self.folder / "charts"))

    def hub(self, shape: Shape, version: str = VERSION) -> Hub:
        """Make a hub whose images go to the registry and are built on the mirror's."""
        name = secrets.token_hex(4)
        files = shape.files(f"{self.mirror}:{version}", f"{self.registry.address}/{name}/", self.charts.url)
        return make_repository(self.folder / "hubs" / name, files)

    def sketch(self) -> Hub:
        """Make a hub that is only looked at: nothing is built, and nobody listens at its registry."""
        return make_hub(self.folder / "hubs" / secrets.token_hex(4), version=VERSION)
