"""The rows that need no engine: starting, the index, the second look, the tag, a check."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.support.charts import LENGTH, write_real_index
from tests.support.helm import served
from tests.support.machine import PROJECT

from . import children
from .lab import Lab, invoke
from .made import Shape, lengthen, make_index
from .table import Row, ratio
from .timing import Call, pairs

HISTORY = 10_000
FILES = 30_000
LONG_INDEX = 20_000
_EMPTY_TASKS = '''from invoke import task


@task
def nothing(c):
    """Do nothing."""
'''


def starting(lab: Lab) -> Iterator[Row]:
    """Listing and completing the tasks, against a tasks.py with one empty task."""
    theirs = Call("invoke --list, one empty task", (sys.executable, "-m", "invoke", "--list"), _empty_task(lab))
    listing = invoke("--list", cwd=PROJECT)
    completing = invoke("--complete", "--", "invoke --", cwd=PROJECT)
    yield ratio(listing.title, theirs.title, pairs(listing, theirs, 3 * lab.pairs), 1.25)
    yield ratio("completion", theirs.title, pairs(completing, theirs, 3 * lab.pairs), 1.25)


def deciding(lab: Lab) -> Iterator[Row]:
    """From the index to the decision: version and base image."""
    index = write_real_index(lab.folder / "real") / "index.yaml"
    ours = Call(f"index to decision, {LENGTH:,} entries", children.decide(index, "3.3.7"))
    theirs = Call("ruamel.yaml's full load", children.full_load(index))
    yield ratio(ours.title, theirs.title, pairs(ours, theirs, lab.pairs), 0.1)


def second_look(lab: Lab) -> Iterator[Row]:
    """The second look at a Helm repository that has not changed: one conditional request, no body."""
    folder = lab.folder / "index"
    folder.mkdir()
    make_index(folder / "made.yaml", LONG_INDEX).rename(folder / "index.yaml")
    with served(folder) as server:
        look = Call("second look", children.fetch_index(server.url, lab.folder / "index-cache"), PROJECT)
        look.seconds()
        first = len(server.requests)
        look.seconds()
        second = server.requests[first:]
    if second != ["GET /index.yaml 304"]:
        raise RuntimeError(f"the second look asked: {second}")
    yield Row("second look at an unchanged Helm repository", "its first look", len(second), 1, "requests", 1, first, 1)


def tagging(lab: Lab) -> Iterator[Row]:
    """The tag of one image in a long history."""
    hub = lab.sketch(Shape())
    lengthen(hub, HISTORY)
    ours = Call(f"tag of one image, {HISTORY:,} commits", children.print_tags(), hub.path)
    theirs = Call("chartpress --list-images", ("chartpress", "--list-images"), hub.path)
    _require_same(ours, theirs)
    yield ratio(ours.title, theirs.title, pairs(ours, theirs, 3 * lab.pairs), 1)


def checking(lab: Lab) -> Iterator[Row]:
    """``check --offline`` in a large repository, against an empty task."""
    hub = lab.sketch(Shape())
    lengthen(hub, HISTORY, files=FILES)
    ours = replace(invoke("check", "--offline", cwd=hub.path), ends=frozenset({0, 1}))
    theirs = Call("invoke, one empty task", (sys.executable, "-m", "invoke", "nothing"), _empty_task(lab))
    title = f"check --offline, {FILES:,} files and {HISTORY:,} commits"
    yield ratio(title, theirs.title, pairs(ours, theirs, 3 * lab.pairs), 2.5)


def _empty_task(lab: Lab) -> Path:
    """Return a folder whose tasks.py has one empty task."""
    folder = lab.folder / "empty"
    folder.mkdir(exist_ok=True)
    (folder / "tasks.py").write_text(_EMPTY_TASKS, encoding="utf-8")
    return folder


def _require_same(ours: Call, theirs: Call) -> None:
    if ours.output() != theirs.output():
        raise RuntimeError(f"{ours.title}: {ours.output()!r}, {theirs.title}: {theirs.output()!r}")
