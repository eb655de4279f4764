"""Disks that are full, and folders that cannot be written: as the system itself makes them, which root cannot pass."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
