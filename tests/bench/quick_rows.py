"""The rows that need no engine: starting, the index, the second look, the tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.helm import served
from tests.lab.machine import PROJECT

from . import children
from .lab import Lab, invoke
from .made import REAL_LENGTH, Shape, lengthen, make_index
from .row import Row, more, ratio
from .timing import Call, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HISTORY = 10_000
LONG_INDEX = 20_000
_EMPTY_TASKS = '''from invoke import task


@task
def nothing(c):
    """Do nothing."""
'''


def starting(lab: Lab) -> Iterator[Row]:
    """Listing and completing the tasks, against a tasks.py with one empty task."""
    folder = lab.folder / "empty"
    folder.mkdir()
    (folder / "tasks.py").write_text(_EMPTY_TASKS, encoding="utf-8")
    python, *_ = children.empty_python()
    theirs = Call("invoke --list, one empty task", (python, "-m", "invoke", "--list"), folder)
    listing = invoke("--list", cwd=PROJECT)
    completing = invoke("--complete", "--", "invoke --", cwd=PROJECT)
    yield ratio(listing.title, theirs.title, pairs(listing, theirs, 3 * lab.pairs), 1.25)
    yield ratio("completion", theirs.title, pairs(completing, theirs, 3 * lab.pairs), 1.25)


def deciding(lab: Lab) -> Iterator[Row]:
    """From the index to the decision: version and base image."""
    index = make_index(lab.folder / "short.yaml", REAL_LENGTH)
    short = _decision(index, REAL_LENGTH)
    full = Call("ruamel.yaml's full load", children.full_load(index))
    yield ratio(short.title, full.title, pairs(short, full, lab.pairs), 1 / 40)
    empty = Call("an empty Python", children.empty_python())
    over_short = pairs(short, empty, 3 * lab.pairs)
    yield more(short.title, empty.title, over_short, 60)
    long = _decision(make_index(lab.folder / "long.yaml", LONG_INDEX), LONG_INDEX)
    over_long = pairs(long, empty, lab.pairs)
    times, against = over_long.more / over_short.more, f"{REAL_LENGTH:,} entries, both over an empty Python"
    yield Row(long.title, against, times, 20, "x", over_long.more, over_short.more, lab.pairs)


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


def _decision(index: Path, length: int) -> Call:
    return Call(f"index to decision, {length:,} entries", children.decide(index, "3.3.7"))


def _require_same(ours: Call, theirs: Call) -> None:
    if ours.output() != theirs.output():
        raise RuntimeError(f"{ours.title}: {ours.output()!r}, {theirs.title}: {theirs.output()!r}")
