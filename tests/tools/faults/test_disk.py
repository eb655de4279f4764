"""Disks that are full and folders that cannot be written, for real: one error, one hint, and later the same command."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.cli import Result
from tests.support.world import fault

from .harness import CONVERGED, Harness

NONE, UNUSABLE, PROGRAM, UNREACHABLE = 0, 2, 3, 4
DISKS = "df -h .git PLACE/tmp"
NO_SPACE, READ_ONLY = "No space left on device", "Read-only file system"
BRANCH = "bump-z2jh-3.3.8"
DONE = (NONE, "", "")

# What is said when so many pages of 4096 bytes are free, on the clone's disk (of which a release takes about twenty) or
# on that of temporary files.
FULL = {
    ("hub", 0): (
        UNUSABLE,
        f"the lock file cannot be used: {NO_SPACE} (PLACE/hub/.git/hubpress.lock)",
        "df -h PLACE/hub/.git",
    ),
    ("hub", 2): (UNUSABLE, f"the file cannot be written: {NO_SPACE} (hub/requirements.yaml)", "df -h hub"),
    ("hub", 16): (PROGRAM, f"git commit: unable to write loose object file: {NO_SPACE} (PLACE/hub)", DISKS),
    ("tmp", 1): (UNUSABLE, f"temporary files cannot be written: {NO_SPACE} (PLACE/tmp)", "df -h PLACE/tmp"),
    ("tmp", 2): (PROGRAM, "git read-tree: ", DISKS),
    ("tmp", 4): (PROGRAM, "git checkout-index: unable to write file ", DISKS),
}

# What is said when a folder cannot be written. The cache's is nobody's trouble: then nothing is kept.
LOCKED = {
    "hub/hub": (UNUSABLE, f"the file cannot be written: {READ_ONLY} (hub/requirements.yaml)", "ls -ld hub"),
    "hub/.git/refs": (PROGRAM, f"git switch: cannot lock ref 'refs/heads/{BRANCH}': ", "ls -ld .git; mount"),
    "hub/.git/objects": (PROGRAM, "git commit: unable to create temporary file: ", "ls -ld .git; mount"),
    "hub.git": (
        UNREACHABLE,
        f"the remote rejected the branch {BRANCH}: unpacker error (origin)",
        "ask who keeps origin",
    ),
    "home/cache": DONE,
}


@pytest.fixture(scope="module", autouse=True)
def _mounts(tmp_path_factory: pytest.TempPathFactory) -> None:
    demand_mounts(tmp_path_factory.mktemp("mount"))


def require_said(result: Result, place: Path, code: int, error: str, hint: str) -> None:
    assert result.code == code, result
    if code:
        told = fault(result)
        assert told[0].startswith(error.replace("PLACE", str(place))), told
        assert told[1].startswith(hint.replace("PLACE", str(place))), told


@pytest.mark.engine
@pytest.mark.parametrize(("disk", "pages"), FULL)
def test_a_disk_that_gets_full_stops_a_release_until_there_is_room(harness: Harness, disk: str, pages: int) -> None:
    stage, planted, undisturbed = harness.stage, harness.planted, harness.undisturbed
    stage.set_up()
    folder = {"hub": stage.hub.path, "tmp": stage.place / "tmp"}[disk]
    with small_disk(folder):
        with full(stage.hub.path / ".git" if disk == "hub" else folder, pages):
            require_said(stage.release(), stage.place, *FULL[disk, pages])
        stopped = stage.look()
        assert (stopped.users(), stopped.leftovers(planted, undisturbed)) == (planted.users(), [])
        assert harness.again(stopped) == (CONVERGED, "")


@pytest.mark.engine
@pytest.mark.parametrize("folder", LOCKED)
def test_a_folder_that_cannot_be_written_stops_a_release_until_it_can(harness: Harness, folder: str) -> None:
    stage, planted, undisturbed = harness.stage, harness.planted, harness.undisturbed
    stage.set_up()
    (stage.place / folder).mkdir(exist_ok=True)
    with read_only(stage.place / folder):
        require_said(stage.release(), stage.place, *LOCKED[folder])
    stopped = stage.look()
    assert (stopped.users(), stopped.leftovers(planted, undisturbed)) == (planted.users(), [])
    assert harness.again(stopped) == (CONVERGED, "")


# -- disks that are full, and folders that cannot be written: as the system itself makes them, which root cannot pass


PAGE = 4096
_SIZE = "4m"


def demand_mounts(folder: Path) -> None:
    """Skip a test where nothing can be mounted: that takes root, and Linux."""
    folder.mkdir(exist_ok=True)
    if platform.system() != "Linux" or not _succeeds("mount", "-t", "tmpfs", "tmpfs", str(folder)):
        pytest.skip("nothing can be mounted here: disks that are full and read-only folders are only simulated")
    _unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write into ``folder`` while the block runs."""
    _run("mount", "--bind", str(folder), str(folder))
    try:
        _run("mount", "-o", "remount,ro,bind", str(folder))
        yield
    finally:
        _unmount(folder)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Put ``folder`` on a small disk of its own while the block runs; what it holds then is gone afterwards."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder))
    try:
        shutil.copytree(aside, folder, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(aside)
        yield
    finally:
        _unmount(folder)


@contextmanager
def full(folder: Path, pages: int) -> Iterator[None]:
    """Fill the disk of ``folder`` up to some pages of 4096 bytes while the block runs."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        free = os.statvfs(folder).f_bavail - pages
        file.write(bytes(PAGE) * free)
        try:
            yield
        finally:
            filler.unlink()


def _succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _run(*argv: str) -> None:
    subprocess.run(argv, capture_output=True, check=True)


def _unmount(folder: Path) -> None:
    _run("umount", str(folder))
