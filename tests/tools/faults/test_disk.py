"""Disks that are full and folders that cannot be written, for real: one error, one hint, and later the same command."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path

import pytest

from tests.support.cli import Result, sh
from tests.support.scene import PROGRAM, UNREACHABLE, UNUSABLE
from tests.support.steps import BRANCH
from tests.support.world import fault

from .harness import Harness

pytestmark = pytest.mark.engine

DISKS = "df -h .git PLACE/tmp"
NO_SPACE, READ_ONLY = "No space left on device", "Read-only file system"
PAGE = 4096

# What is said when so many pages are free, on the clone's disk (of which a release takes about twenty) or on that of
# temporary files.
FULL = {
    ("hub", 0): (
        UNUSABLE,
        f"the lock file cannot be used: {NO_SPACE} (PLACE/hub/.git/hubpress.lock)",
        "df -h PLACE/hub/.git",
    ),
    ("hub", 2): (UNUSABLE, f"the file cannot be written: {NO_SPACE} (hub/requirements.yaml)", "df -h hub"),
    ("hub", 16): (PROGRAM, f"git commit: unable to write loose object file: {NO_SPACE} (PLACE/hub)", DISKS),
    # Python takes another folder then.
    ("tmp", 0): (0, "", ""),
    ("tmp", 1): (PROGRAM, "git read-tree: ", DISKS),
    ("tmp", 2): (PROGRAM, "git checkout-index: unable to write file ", DISKS),
}
# What is said when a folder cannot be written. The cache's is nobody's trouble: then nothing is kept.
LOCKED = {
    "hub/hub": (UNUSABLE, f"the file cannot be written: {READ_ONLY} (hub/requirements.yaml)", "ls -ld hub"),
    "hub/.git/refs": (PROGRAM, f"git switch: cannot lock ref 'refs/heads/{BRANCH}': ", "git status"),
    "hub/.git/objects": (PROGRAM, "git commit: unable to create temporary file: ", "git status"),
    "hub.git": (
        UNREACHABLE,
        f"the remote rejected the branch {BRANCH}: unpacker error (origin)",
        "ask the owners of origin",
    ),
    "home/cache": (0, "", ""),
}


@pytest.fixture(scope="module", autouse=True)
def _mounts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where nothing can be mounted: that takes root, and Linux."""
    try:
        with mounted(tmp_path_factory.mktemp("mount"), "-t", "tmpfs", "tmpfs"):
            return
    except (OSError, AssertionError):
        pytest.skip("nothing can be mounted here: disks that are full and read-only folders are only simulated")


def require_said(result: Result, place: Path, code: int, error: str, hint: str) -> None:
    assert result.code == code, result
    told = "{}\n{}".format(*fault(result)) if code else ""
    assert fnmatchcase(told, f"{escape(error)}*{escape(hint)}*".replace("PLACE", str(place))), told


@pytest.mark.parametrize(("disk", "pages"), FULL)
def test_a_disk_that_gets_full_stops_a_release_until_there_is_room(harness: Harness, disk: str, pages: int) -> None:
    stage = harness.stage
    assert harness.planted
    assert harness.undisturbed
    stage.set_up()
    folder = stage.place / disk
    with small_disk(folder):
        with full(folder, pages):
            require_said(stage.release(), stage.place, *FULL[disk, pages])
        assert harness.lost() == ""
        assert harness.again() == ""


@pytest.mark.parametrize("folder", LOCKED)
def test_a_folder_that_cannot_be_written_stops_a_release_until_it_can(harness: Harness, folder: str) -> None:
    stage = harness.stage
    assert harness.planted
    assert harness.undisturbed
    stage.set_up()
    locked = stage.place / folder
    locked.mkdir(exist_ok=True)
    with mounted(locked, "--bind", str(locked)):
        sh("mount", "-o", "remount,ro,bind", str(locked), cwd=stage.folder)
        require_said(stage.release(), stage.place, *LOCKED[folder])
    assert harness.lost() == ""
    assert harness.again() == ""


# -- as the system itself makes them, which root cannot pass


@contextmanager
def mounted(folder: Path, *what: str) -> Iterator[None]:
    """Mount something at ``folder`` while the block runs."""
    sh("mount", *what, str(folder), cwd=folder.parent)
    try:
        yield
    finally:
        sh("umount", str(folder), cwd=folder.parent)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Put ``folder`` on a small disk of its own while the block runs; what it holds then is gone afterwards."""
    aside = folder.rename(folder.with_name(f"{folder.name}-aside"))
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", "size=4m", "tmpfs"):
        shutil.copytree(aside, folder, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(aside)
        yield


@contextmanager
def full(folder: Path, pages: int) -> Iterator[None]:
    """Fill the disk of ``folder`` up to some pages while the block runs."""
    filler = folder / (".git/filler" if (folder / ".git").is_dir() else "filler")
    with filler.open("wb", buffering=0) as file:
        file.write(bytes(PAGE) * (os.statvfs(folder).f_bavail - pages))
        try:
            yield
        finally:
            filler.unlink()
