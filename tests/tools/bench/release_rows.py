"""The row of a whole release, against the bare commands that it runs, in a shell script."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.support.cli import INVOKE
from tests.support.hubs import Hub

from .build_rows import change_image
from .lab import OLDER, VERSION, Lab
from .made import Shape
from .table import Row, ratio
from .timing import Call, pairs

_SECONDS_OF_WORK = 4
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
    yield ratio(f"release with a build of {_SECONDS_OF_WORK} s", script.title, times, 1.15)


def _renew(lab: Lab, place: Path) -> None:
    """Make a new hub, with the script for it, and let ``place`` lead there."""
    hub = lab.hub(Shape(run=f"sleep {_SECONDS_OF_WORK}"), OLDER)
    change_image(hub)
    hub.write(".git/bare.sh", _script(hub))
    place.unlink(missing_ok=True)
    place.symlink_to(hub.path)


def _script(hub: Hub) -> str:
    prefix = hub.read("chartpress.yaml").partition("imagePrefix: ")[2].split()[0]
    return _SCRIPT.format(pattern=OLDER.replace(".", "[.]"), version=VERSION, name=f"{prefix}hub-0")
