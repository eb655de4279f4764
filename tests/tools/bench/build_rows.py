"""The rows that build and push: nothing to do, a whole release, several images, a colleague's first build."""

import secrets
from collections.abc import Iterator
from functools import partial

from tests.support.hubs import Hub

from .lab import Lab, invoke
from .made import Shape
from .table import Row, ratio
from .timing import Call, pairs, quietly

CHARTPRESS = ("chartpress", "--push")
LINES, MANY_LINES = 500, 10_000
IMAGES, MANY_IMAGES = 3, 8
_SECONDS_OF_WORK = 3
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
    shape = Shape(images=IMAGES, run=f"sleep {_SECONDS_OF_WORK}")
    hub = lab.hub(shape)
    change = partial(change_image, hub)
    ours = Call("invoke build", invoke("build", cwd=hub.path).argv, hub.path, change)
    theirs = Call("chartpress --push", CHARTPRESS, hub.path, change)
    times = pairs(ours, theirs, lab.pairs, warm=False)
    yield ratio(f"{IMAGES} images from one Dockerfile, {_SECONDS_OF_WORK} s of work each", theirs.title, times, 0.5)


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
