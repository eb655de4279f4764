"""The rows of the benchmark: what is measured, against what, and the limit."""

import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from tests.support.charts import LENGTH, write_real_index
from tests.support.cli import INVOKE
from tests.support.engine import missing_for_second_engine, second_engine
from tests.support.helm import served
from tests.support.hubs import Hub
from tests.support.machine import PROJECT

from . import children
from .lab import OLDER, VERSION, Lab, Shape, invoke, lengthen, make_index
from .table import Row, ratio
from .timing import Call, Pairs, pairs, quietly

# -- need no engine: starting, the index, the second look, the tag, a check


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


# -- build and push: nothing to do, a whole release, several images, a colleague's first build


CHARTPRESS = ("chartpress", "--push")
LINES, MANY_LINES = 500, 10_000
IMAGES, MANY_IMAGES = 3, 8
BUILD_SECONDS = 3
_SMALL = "one image and empty values"


def nothing_to_do(lab: Lab) -> Iterator[Row]:
    """``build`` with nothing to do, against ``chartpress --push`` with nothing to do."""
    shapes = {
        _SMALL: Shape(),
        f"{LINES} lines of values": Shape(lines=LINES),
        f"{MANY_LINES:,} lines of values": Shape(lines=MANY_LINES),
        f"{IMAGES} images": Shape(images=IMAGES),
        f"{MANY_IMAGES} images": Shape(images=MANY_IMAGES),
    }
    for title, shape in shapes.items():
        hub = built(lab.hub(shape))
        ours = invoke("build", cwd=hub.path)
        theirs = _with_values_put_back(hub, Call("chartpress --push", CHARTPRESS, hub.path))
        count = 3 * lab.pairs if shape.lines < MANY_LINES else lab.pairs
        yield ratio(
            f"build with nothing to do, {title}",
            theirs.title,
            pairs(ours, theirs, count),
            1.1 if title == _SMALL else 1,
        )


def several_images(lab: Lab) -> Iterator[Row]:
    """Three images from one Dockerfile, each with some seconds of work."""
    shape = Shape(images=IMAGES, run=f"sleep {BUILD_SECONDS}")
    hub = lab.hub(shape)
    change = partial(change_image, hub)
    ours = Call("invoke build", invoke("build", cwd=hub.path).argv, hub.path, change)
    theirs = Call("chartpress --push", CHARTPRESS, hub.path, change)
    times = pairs(ours, theirs, lab.pairs, warm=False)
    yield ratio(f"{IMAGES} images from one Dockerfile, {BUILD_SECONDS} s of work each", theirs.title, times, 0.5)


def built(hub: Hub) -> Hub:
    """Build and push a hub's images, and commit the values that name them."""
    invoke("build", cwd=hub.path).seconds()
    hub.commit("Name the built images")
    return hub


def change_image(hub: Hub) -> None:
    """Commit a change of the image that no layer of it survives, with values as they were at first."""
    hub.git("checkout", "--quiet", "--", ".")
    lines = hub.read("images/hub/Dockerfile").splitlines()
    changed = [f"ENV CHANGE={secrets.token_hex(4)}" if line.startswith("ENV CHANGE=") else line for line in lines]
    hub.write("images/hub/Dockerfile", "".join(f"{line}\n" for line in changed))
    hub.commit("Change the image")


def _with_values_put_back(hub: Hub, call: Call) -> Call:
    """Return ``call`` run in the hub as it was committed: chartpress rewrites the chart's files."""
    return Call(call.title, call.argv, call.cwd, quietly("git", "checkout", "--quiet", "--", ".", cwd=hub.path))


# -- an engine that never built anything: a colleague's first build, and a build after a squash merge


CACHE_SECONDS = 12


def first_build(lab: Lab) -> Iterator[Row]:
    """A first build after a change of one line, with ``hub.cache`` on, against chartpress's."""
    hub = _hub_with_cache(lab)
    times = _on_an_engine_that_never_built(lab, hub, _change_one_line)
    name = f"a colleague's first build, one line changed, layers of {CACHE_SECONDS} s"
    yield ratio(name, "chartpress --push", times, 0.15)


def squashing(lab: Lab) -> Iterator[Row]:
    """A build after a squash merge, whose image is in the registry under the tag of another commit."""
    hub = lab.hub(Shape(run=f"sleep {CACHE_SECONDS}"))
    hub.write("images/hub/settings.txt", "two\n")
    hub.commit("Change the image")
    invoke("build", cwd=hub.path).seconds()
    hub.commit("Name the built image")
    hub.git("reset", "--quiet", "--soft", "HEAD~2")
    times = _on_an_engine_that_never_built(lab, hub, _squash)
    yield ratio(f"build after a squash merge, layers of {CACHE_SECONDS} s", "chartpress --push", times, 0.1)


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
    hub = lab.hub(Shape(run=f"sleep {CACHE_SECONDS}"))
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


# -- a whole release, against the bare commands that it runs, in a shell script


RELEASE_SECONDS = 4
# What a person who knows every name and number beforehand would put into a script.
_SCRIPT = """\
set -eu
git switch --quiet --create bump
sed -i 's/{pattern}/{version}/' images/hub/Dockerfile hub/requirements.yaml
git commit --quiet --message 'Bump' -- images/hub/Dockerfile hub/requirements.yaml
tag=0.0.1-0.dev.git.$(git rev-list --count HEAD).h$(git log -1 --pretty=%h)
context=$(mktemp -d)
git archive HEAD:images/hub | tar --extract --directory "$context"
docker buildx build --quiet --provenance=false --push --tag {name}:$tag "$context"
rm -r "$context"
docker buildx imagetools inspect {name}:$tag >/dev/null
sed -i "s|name:|name: {name}|; s|tag:|tag: $tag|" hub/values.yaml
git commit --quiet --message 'Use the image' -- hub/values.yaml
"""


def releasing(lab: Lab) -> Iterator[Row]:
    """A release with a build of a few seconds, each in a new hub at one place."""
    release = (*INVOKE, "release", "--to", VERSION, "--yes")
    ours, theirs = lab.folder / "ours", lab.folder / "theirs"
    releasing = Call("invoke release --yes", release, ours, partial(_renew, lab, ours))
    title = "a script of git, tar, buildx and one look"
    script = Call(title, ("sh", ".git/bare.sh"), theirs, partial(_renew, lab, theirs))
    times = pairs(releasing, script, lab.pairs)
    yield ratio(f"release with a build of {RELEASE_SECONDS} s", script.title, times, 1.15)


def _renew(lab: Lab, place: Path) -> None:
    """Make a new hub, with the script for it, and let ``place`` lead there."""
    hub = lab.hub(Shape(run=f"sleep {RELEASE_SECONDS}"), OLDER)
    change_image(hub)
    hub.write(".git/bare.sh", _script(hub))
    place.unlink(missing_ok=True)
    place.symlink_to(hub.path)


def _script(hub: Hub) -> str:
    prefix = hub.read("chartpress.yaml").partition("imagePrefix: ")[2].split()[0]
    return _SCRIPT.format(pattern=OLDER.replace(".", "[.]"), version=VERSION, name=f"{prefix}hub-0")


# -- each task's peak memory: our own process, without the programs that it starts


_TASKS = (
    ("bump",),
    ("commit",),
    ("build",),
    ("status",),
    ("check",),
    ("doctor",),
    ("auth",),
    ("release", "--yes"),
)
_MIB = 1024 * 1024
_LIMIT = 80
MEMORY_LINES = 10_000
_RUNS = 3
# A check that finds something, and a doctor that misses a tool, have done their work too.
_ENDS = frozenset({0, 1})


def peaks(lab: Lab) -> Iterator[Row]:
    """Each task in a hub with a long values file."""
    for task in _TASKS:
        found = [_peak(lab, task) for _ in range(_RUNS)]
        name = f"peak memory of {task[0]}, {MEMORY_LINES:,} lines of values"
        yield Row(name, "", median(found), _LIMIT, "MiB", median(found), 0, _RUNS)


def _peak(lab: Lab, task: tuple[str, ...]) -> float:
    hub = lab.hub(Shape(lines=MEMORY_LINES), OLDER)
    note = hub.path / ".git" / "peak"
    Call(f"invoke {task[0]}", children.peak_of(note, *task), hub.path, ends=_ENDS).seconds()
    return int(note.read_text(encoding="utf-8")) / _MIB
