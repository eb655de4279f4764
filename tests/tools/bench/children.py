"""What the timed child processes run: small programs around the rooms, and what those are held against."""

import sys
from pathlib import Path

from tests.support.machine import PROJECT

# The rooms without the verbs, so that Invoke's own start, a row of its own, is not in every other row too.
_ROOMS = f"""
import sys, types
rooms = types.ModuleType("tasks")
rooms.__path__ = [{str(PROJECT / "tasks")!r}]
sys.modules["tasks"] = rooms
"""
_DECIDE = """
from tasks.releases.index import choose
from tasks.releases.index import read_index
with open(sys.argv[1], "rb") as file:
    index = read_index(file.read(), sys.argv[1])
choice = choose(index, sys.argv[2])
print(choice.release.version, choice.release.hub_image)
"""
_FULL_LOAD = """
import sys
from pathlib import Path
from ruamel.yaml import YAML
YAML(typ="safe", pure=True).load(Path(sys.argv[1]))
"""
_TAG = """
from pathlib import Path
from tasks.repo.hub import open_hub
from tasks.image.tag import history_of, name_image
from tasks.core.settings import Settings
from tasks.tools.git import Git
hub = open_hub(Settings(), Git.around(Path.cwd()))
history = history_of(hub)
for image in hub.images:
    print(f"{image.spec.name}:{name_image(hub, history, image).tag}")
"""
_FETCH = """
from pathlib import Path
from tasks.releases.repository import HelmRepository
print(len(HelmRepository(sys.argv[1], Path(sys.argv[2])).index().releases))
"""
# The peak of this process alone, without Docker's client or git. Linux counts what the parent had at the fork into
# getrusage's number, but not into VmHWM (https://docs.kernel.org/filesystems/proc.html).
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


def decide(index: Path, pinned: str) -> tuple[str, ...]:
    """Return what reads an index file and prints version and base image of the release to move to."""
    return sys.executable, "-c", _ROOMS + _DECIDE, str(index), pinned


def full_load(index: Path) -> tuple[str, ...]:
    """Return what loads the same file with ruamel.yaml."""
    return sys.executable, "-c", _FULL_LOAD, str(index)


def print_tags() -> tuple[str, ...]:
    """Return what prints the images of the hub in the current folder, as ``chartpress --list-images`` does."""
    return sys.executable, "-c", _ROOMS + _TAG


def fetch_index(url: str, cache: Path) -> tuple[str, ...]:
    """Return what fetches an index, keeping it in ``cache``."""
    return sys.executable, "-c", _ROOMS + _FETCH, url, str(cache)


def peak_of(note: Path, *arguments: str) -> tuple[str, ...]:
    """Return what runs ``invoke ARGUMENTS`` and writes its own peak memory, in bytes, into ``note``."""
    return sys.executable, "-c", _PEAK, str(note), "--search-root", str(PROJECT), *arguments
