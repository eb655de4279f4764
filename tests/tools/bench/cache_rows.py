"""The rows of an engine that never built anything: a colleague's first build, and a build after a squash merge."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.engine import missing_for_second_engine, second_engine
from tests.support.hubs import Hub

from .build_rows import CHARTPRESS
from .lab import Lab, invoke
from .made import Shape
from .table import Row, ratio
from .timing import Call, Pairs, pairs

_SECONDS_OF_WORK = 12


def first_build(lab: Lab) -> Iterator[Row]:
    """A first build after a change of one line, with ``hub.cache`` on, against chartpress's."""
    hub = _hub_with_cache(lab)
    times = _on_an_engine_that_never_built(lab, hub, _change_one_line)
    name = f"a colleague's first build, one line changed, layers of {_SECONDS_OF_WORK} s"
    yield ratio(name, "chartpress --push", times, 0.15)


def squashing(lab: Lab) -> Iterator[Row]:
    """A build after a squash merge, whose image is in the registry under the tag of another commit."""
    hub = lab.hub(Shape(run=f"sleep {_SECONDS_OF_WORK}"))
    hub.write("images/hub/settings.txt", "two\n")
    hub.commit("Change the image")
    invoke("build", cwd=hub.path).seconds()
    hub.commit("Name the built image")
    hub.git("reset", "--quiet", "--soft", "HEAD~2")
    times = _on_an_engine_that_never_built(lab, hub, _squash)
    yield ratio(f"build after a squash merge, layers of {_SECONDS_OF_WORK} s", "chartpress --push", times, 0.1)


def _on_an_engine_that_never_built(lab: Lab, hub: Hub, change: Callable[[Hub], None]) -> Pairs:
    """Time a build after ``change``, each on an engine that has forgotten everything, against chartpress's."""
    missing = missing_for_second_engine()
    if missing:
        raise RuntimeError(missing)

    def prepare() -> None:
        change(hub)
        engine.forget_everything()

    # A socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="hubpress-") as folder, second_engine(Path(folder)) as engine:
        env = {**os.environ, "DOCKER_HOST": engine.host}
        ours = Call("invoke build", invoke("build", cwd=hub.path).argv, hub.path, prepare, env)
        theirs = Call("chartpress --push", CHARTPRESS, hub.path, prepare, env)
        return pairs(ours, theirs, lab.pairs, warm=False)


def _hub_with_cache(lab: Lab) -> Hub:
    """Make a hub whose image was built once, on the first engine, with the cache on."""
    hub = lab.hub(Shape(run=f"sleep {_SECONDS_OF_WORK}"))
    hub.write("invoke.yaml", "hub: {cache: on}\n")
    hub.commit("Share the build cache")
    invoke("build", cwd=hub.path).seconds()
    hub.commit("Name the built image")
    return hub


def _change_one_line(hub: Hub) -> None:
    hub.git("checkout", "--quiet", "--", ".")
    hub.write("images/hub/settings.txt", f"{secrets.token_hex(4)}\n")
    hub.commit("Change one line")


def _squash(hub: Hub) -> None:
    """Make the same commit anew, as a forge does that squashes: another hash, the same files."""
    if hub.git("diff", "--cached", "--name-only"):
        hub.git("commit", "--quiet", "--message", "Change the image")
    hub.git("checkout", "--quiet", "--", ".")
    hub.git("commit", "--quiet", "--amend", "--message", f"Change the image (#{secrets.token_hex(4)})")
