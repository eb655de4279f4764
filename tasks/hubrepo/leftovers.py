"""What a run that is killed leaves half done: named so that the next run knows it, and removes it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..faults import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..tools.git import Git

SUFFIX = ".hubpress"
_FOLDER = "hubpress-"


def is_half_written(path: str) -> bool:
    """Whether ``path`` has the name of a file of ours that was not put in its place."""
    name = path.rpartition("/")[2]
    return name.startswith(".") and name.endswith(SUFFIX)


@contextlib.contextmanager
def scratch_folder(git: Git) -> Iterator[Path]:
    """Make a folder inside of the clone's own ``.git``, where nobody looks, for as long as the block runs.

    Raises:
        Unusable: it cannot be made.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix=_FOLDER, dir=git.git_dir, ignore_cleanup_errors=True)
    except OSError as err:
        raise Unusable(
            f"no folder can be made: {err.strerror}",
            where=git.git_dir,
            hint=f"df -h {git.git_dir}; ls -ld {git.git_dir}",
        ) from err
    with made as folder:
        yield Path(folder)


def sweep(git: Git) -> None:
    """Remove what a run that was killed has left in the clone; what cannot be removed is left.

    To be called while no other run is under way.
    """
    for folder in git.git_dir.glob(f"{_FOLDER}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for path in git.read("ls-files", "--others", "-z", "--", f":(top,glob)**/.*{SUFFIX}").split("\0"):
        if path:
            with contextlib.suppress(OSError):
                (git.folder / path).unlink()
