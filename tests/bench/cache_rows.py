"""The row of a colleague's first build: an engine that never built anything, and one line changed."""

from __future__ import annotations

import os
import secrets
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.engine import Engine, missing_for_second_engine, second_engine

from .build_rows import CHARTPRESS
from .lab import invoke
from .made import Shape
from .row import Row, ratio
from .timing import Call, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.hubs import Hub

    from .lab import Lab

_SECONDS_OF_WORK = 12


def first_build(lab: Lab) -> Iterator[Row]:
    """A first build after a change of one line, with ``hub.cache`` on, against chartpress's."""
    missing = missing_for_second_engine()
    if missing:
        raise RuntimeError(missing)
    hub = _hub_with_cache(lab)
    # A socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="hubpress-") as folder, second_engine(Path(folder)) as engine:
        env = {**os.environ, "DOCKER_HOST": engine.host}
        change = partial(_change_one_line, hub, engine)
        argv = invoke("build", cwd=hub.path).argv
        ours = Call("build, hub.cache on", argv, hub.path, change, env)
        theirs = Call("chartpress --push", CHARTPRESS, hub.path, change, env)
        times = pairs(ours, theirs, lab.pairs, warm=False)
    name = f"a colleague's first build, one line changed, layers of {_SECONDS_OF_WORK} s"
    yield ratio(name, theirs.title, times, 0.3)


def _hub_with_cache(lab: Lab) -> Hub:
    """Make a hub whose image was built once, on the first engine, with the cache on."""
    hub = lab.hub(Shape(run=f"sleep {_SECONDS_OF_WORK}"))
    hub.write("invoke.yaml", "hub: {cache: on}\n")
    hub.commit("Share the build cache")
    invoke("build", cwd=hub.path).seconds()
    hub.commit("Name the built image")
    return hub


def _change_one_line(hub: Hub, engine: Engine) -> None:
    hub.git("checkout", "--quiet", "--", ".")
    hub.write("images/hub/settings.txt", f"{secrets.token_hex(4)}\n")
    hub.commit("Change one line")
    engine.forget_everything()
