"""The rows of the benchmark: what is measured, against what, and the limit."""

import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from tests.support.charts import LENGTH, write_real_index
from tests.support.cli import INVOKE
from tests.support.engine import missing_for_second_engine, second_engine
from tests.support.hubs import Hub
from tests.support.machine import PROJECT

from .lab import OLDER, VERSION, Lab, Shape, lengthen
from .measure import Call, Row, ratio

# A check that finds something, and a doctor that misses a tool, have done their work too.
_ENDS = frozenset({0, 1})

# -- need no engine: starting, a check

HISTORY, FILES = 10_000, 30_000
_EMPTY_TASKS = '''from invoke import task


@task
def nothing(c):
    """Do nothing."""
'''


def invoke(title: str, *arguments: str, cwd: Path) -> Call:
    """Return ``invoke ARGUMENTS`` with this project's tasks."""
    return Call(title, (*INVOKE, *arguments), cwd)


def empty_task(lab: Lab, *arguments: str) -> Call:
    """Return ``invoke ARGUMENTS`` in a folder whose tasks.py has one empty task."""
    folder = lab.folder / "empty"
    folder.mkdir(exist_ok=True)
    (folder / "tasks.py").write_text(_EMPTY_TASKS, encoding="utf-8")
    return Call(f"invoke {' '.join(arguments)}, one empty task", (sys.executable, "-m", "invoke", *arguments), folder)


def starting(lab: Lab) -> Iterator[Row]:
    """Listing and completing the tasks, against a tasks.py with one empty task."""
    theirs = empty_task(lab, "--list")
    for title, arguments in {"invoke --list": ("--list",), "completion": ("--complete", "--", "invoke --")}.items():
        yield ratio(invoke(title, *arguments, cwd=PROJECT), theirs, 3 * lab.pairs, 1.25)


def checking(lab: Lab) -> Iterator[Row]:
    """``check --offline`` in a large repository, against an empty task."""
    hub = lab.sketch()
    lengthen(hub, HISTORY, files=FILES)
    title = f"check --offline, {FILES:,} files and {HISTORY:,} commits"
    ours = Call(title, (*INVOKE, "check", "--offline"), hub.path, ends=_ENDS)
    yield ratio(ours, empty_task(lab, "nothing"), 3 * lab.pairs, 2.5)


# -- the index, a tag

# The rooms without the verbs, so that Invoke's own start, a row of its own, is not in these rows too.
_ROOMS = f"""
import sys, types
from pathlib import Path
rooms = types.ModuleType("tasks")
rooms.__path__ = [{str(PROJECT / "tasks")!r}]
sys.modules["tasks"] = rooms
"""
_DECIDE = """
from tasks.releases.index import choose, read_index
choice = choose(read_index(Path(sys.argv[1]).read_bytes(), sys.argv[1]), "3.3.7")
print(choice.release.version, choice.release.base_image)
"""
_FULL_LOAD = """
import sys
from pathlib import Path
from ruamel.yaml import YAML
YAML(typ="safe", pure=True).load(Path(sys.argv[1]))
"""
_TAG = """
from tasks.core.settings import Settings
from tasks.image.tag import name_image
from tasks.repo.hub import open_hub
from tasks.tools.git import Git
hub = open_hub(Settings(), Git.around(Path.cwd()))
for image in hub.images:
    print(f"{image.spec.name}:{name_image(hub, image).tag}")
"""


def python(title: str, program: str, *arguments: str, cwd: Path = PROJECT) -> Call:
    """Return a run of a Python program."""
    return Call(title, (sys.executable, "-c", program, *arguments), cwd)


def deciding(lab: Lab) -> Iterator[Row]:
    """From the index to the decision: version and base image."""
    index = str(write_real_index(lab.folder / "real") / "index.yaml")
    ours = python(f"index to decision, {LENGTH:,} entries", _ROOMS + _DECIDE, index)
    yield ratio(ours, python("ruamel.yaml's full load", _FULL_LOAD, index), lab.pairs, 0.1)


def tagging(lab: Lab) -> Iterator[Row]:
    """The tag of one image in a long history."""
    hub = lab.sketch()
    lengthen(hub, HISTORY)
    ours = python(f"tag of one image, {HISTORY:,} commits", _ROOMS + _TAG, cwd=hub.path)
    theirs = Call("chartpress --list-images", ("chartpress", "--list-images"), hub.path)
    if ours.output() != theirs.output():
        raise RuntimeError(f"{ours.title}: {ours.output()!r}, {theirs.title}: {theirs.output()!r}")
    yield ratio(ours, theirs, 3 * lab.pairs, 1)


# -- build and push: nothing to do, several images, an engine that never built, a whole release

CHARTPRESS = ("chartpress", "--push")
MANY_LINES, IMAGES = 10_000, 3
BUILD_SECONDS, RELEASE_SECONDS = 3, 4


def nothing_to_do(lab: Lab) -> Iterator[Row]:
    """``build`` with nothing to do, against ``chartpress --push`` with nothing to do."""
    small = Shape()
    shapes = {
        "one image and empty values": small,
        "500 lines of values": Shape(lines=500),
        f"{MANY_LINES:,} lines of values": Shape(lines=MANY_LINES),
        f"{IMAGES} images": Shape(images=IMAGES),
        "8 images": Shape(images=8),
    }
    for title, shape in shapes.items():
        hub = lab.hub(shape)
        ours = invoke(f"build with nothing to do, {title}", "build", cwd=hub.path)
        ours.seconds()
        hub.commit("Name the built images")
        # chartpress rewrites the chart's files.
        put_back = partial(hub.git, "checkout", "--quiet", "--", ".")
        theirs = Call("chartpress --push", CHARTPRESS, hub.path, put_back)
        count = 3 * lab.pairs if shape.lines < MANY_LINES else lab.pairs
        yield ratio(ours, theirs, count, 1.1 if shape is small else 1)


def several_images(lab: Lab) -> Iterator[Row]:
    """Three images from one Dockerfile, each with some seconds of work."""
    hub = lab.hub(Shape(images=IMAGES, run=f"sleep {BUILD_SECONDS}"))
    change = partial(change_image, hub)
    title = f"{IMAGES} images from one Dockerfile, {BUILD_SECONDS} s of work each"
    ours = Call(title, (*INVOKE, "build"), hub.path, change)
    yield ratio(ours, Call("chartpress --push", CHARTPRESS, hub.path, change), lab.pairs, 0.5, warm=False)


def change_image(hub: Hub) -> None:
    """Commit a change of the image that no layer of it survives, with values as they were at first."""
    hub.git("checkout", "--quiet", "--", ".")
    lines = hub.read("images/hub/Dockerfile").splitlines()
    changed = [f"ENV CHANGE={secrets.token_hex(4)}" if line.startswith("ENV CHANGE=") else line for line in lines]
    hub.put("images/hub/Dockerfile", "".join(f"{line}\n" for line in changed))


# -- an engine that never built anything: a colleague's first build, and a build after a squash merge

CACHE_SECONDS = 12


def first_build(lab: Lab) -> Iterator[Row]:
    """A first build after a change of one line, with ``hub.cache`` on, against chartpress's."""
    hub = lab.hub(Shape(run=f"sleep {CACHE_SECONDS}"))
    hub.put("invoke.yaml", "hub: {cache: on}\n")
    _build_first(hub)

    def change() -> None:
        hub.git("checkout", "--quiet", "--", ".")
        hub.write("images/hub/settings.txt", f"{secrets.token_hex(4)}\n")
        hub.commit("Change one line")

    title = f"a colleague's first build, one line changed, layers of {CACHE_SECONDS} s"
    yield _on_an_engine_that_never_built(lab, hub, title, change, 0.15)


def squashing(lab: Lab) -> Iterator[Row]:
    """A build after a squash merge, whose image is in the registry under the tag of another commit."""
    hub = lab.hub(Shape(run=f"sleep {CACHE_SECONDS}"))
    hub.put("images/hub/settings.txt", "two\n")
    _build_first(hub)
    hub.git("reset", "--quiet", "--soft", "HEAD~2")
    hub.git("commit", "--quiet", "--message", "Change the image")

    def squash() -> None:
        # As a forge does that squashes: another hash, the same files.
        hub.git("checkout", "--quiet", "--", ".")
        hub.git("commit", "--quiet", "--amend", "--message", f"Change the image (#{secrets.token_hex(4)})")

    title = f"build after a squash merge, layers of {CACHE_SECONDS} s"
    yield _on_an_engine_that_never_built(lab, hub, title, squash, 0.1)


def _build_first(hub: Hub) -> None:
    invoke("build", "build", cwd=hub.path).output()
    hub.commit("Name the built images")


def _on_an_engine_that_never_built(lab: Lab, hub: Hub, title: str, change: Callable[[], None], limit: float) -> Row:
    """Time a build after ``change``, each on an engine that has forgotten everything, against chartpress's."""
    if missing := missing_for_second_engine():
        raise RuntimeError(missing)

    def prepare() -> None:
        change()
        engine.forget_everything()

    # A socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="hubpress-") as folder, second_engine(Path(folder)) as engine:
        on_engine = ("env", f"DOCKER_HOST={engine.host}")
        ours = Call(title, (*on_engine, *INVOKE, "build"), hub.path, prepare)
        theirs = Call("chartpress --push", (*on_engine, *CHARTPRESS), hub.path, prepare)
        return ratio(ours, theirs, lab.pairs, limit, warm=False)


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
    """A release with a build of a few seconds, against the bare commands that it runs; each in a new hub."""
    release = (*INVOKE, "release", "--to", VERSION, "--yes")
    ours, theirs = lab.folder / "ours", lab.folder / "theirs"
    title, against = f"release with a build of {RELEASE_SECONDS} s", "a script of git, tar, buildx and one look"
    releasing = Call(title, release, ours, partial(_renew, lab, ours))
    script = Call(against, ("sh", ".git/bare.sh"), theirs, partial(_renew, lab, theirs))
    yield ratio(releasing, script, lab.pairs, 1.15)


def _renew(lab: Lab, place: Path) -> None:
    """Make a new hub, with the script for it, and let ``place`` lead there."""
    hub = lab.hub(Shape(run=f"sleep {RELEASE_SECONDS}"), OLDER)
    change_image(hub)
    script = _SCRIPT.format(pattern=OLDER.replace(".", "[.]"), version=VERSION, name=f"{hub.prefix}hub-0")
    hub.write(".git/bare.sh", script)
    place.unlink(missing_ok=True)
    place.symlink_to(hub.path)


# -- each task's peak memory: our own process, without the programs that it starts

_TASKS = ("bump", "commit", "build", "status", "check", "doctor", "auth", "release --yes")
_MIB = 1024 * 1024
# Linux counts what the parent had at the fork into getrusage's number, but not into VmHWM
# (https://docs.kernel.org/filesystems/proc.html).
_PEAK = """
import atexit, resource, sys
from pathlib import Path
note = Path(sys.argv.pop(1))
def peak():
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
def write():
    note.write_text(str(peak()))
atexit.register(write)
from invoke.main import program
program.run()
"""


def memory(lab: Lab) -> Iterator[Row]:
    """Each task in a hub with a long values file."""
    for task in _TASKS:
        found = median(_peak(lab, task) for _ in range(3))
        yield Row(f"peak memory of {task}, {MANY_LINES:,} lines of values", "", found, 80, "MiB")


def _peak(lab: Lab, task: str) -> float:
    hub = lab.hub(Shape(lines=MANY_LINES), OLDER)
    note = hub.path / ".git/peak"
    argv = (sys.executable, "-c", _PEAK, str(note), *INVOKE[3:], *task.split())
    Call(f"invoke {task}", argv, hub.path, ends=_ENDS).seconds()
    return int(note.read_text(encoding="utf-8")) / _MIB
