"""What a run that is killed leaves half done: named so that the next run knows it, and removes it."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..faults import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..tools.git import Git

SUFFIX = ".hubpress-new"
_FOLDER = "hubpress-scratch-"
# What tempfile puts between a prefix and a suffix.
_RANDOM = "[a-z0-9_]{8}"
_HALF_WRITTEN = re.compile(rf"\..+\.{_RANDOM}{re.escape(SUFFIX)}", re.DOTALL)
_SCRATCH = re.compile(_FOLDER + _RANDOM)


def is_half_written(path: str) -> bool:
    """Whether ``path`` has the name of a file of ours that was not put in its place."""
    return bool(_HALF_WRITTEN.fullmatch(path.rpartition("/")[2]))


@contextlib.contextmanager
def scratch_folder(git: Git) -> Iterator[Path]:
    """Make a folder inside of the clone's own ``.git``, where nobody looks, for as long as the block runs.

    Raises:
        Unusable: it cannot be made.
    """
    with temporary_folder(_FOLDER, git.git_dir) as folder:
        yield folder


@contextlib.contextmanager
def temporary_folder(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """Make a folder of the user's own in ``place`` (None: where temporary files go) for as long as the block runs.

    Raises:
        Unusable: it cannot be made, or the block cannot write a file.
    """
    place = place or Path(tempfile.gettempdir())
    try:
        with tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True) as made:
            # A shared clone's .git hands its group on to what is made in it; a checkout would not do that.
            Path(made).chmod(0o700)
            yield Path(made)
    except OSError as err:
        where = shlex.quote(str(place))
        raise Unusable(
            f"temporary files cannot be written: {err.strerror}", where=place, hint=f"df -h {where}; ls -ld {where}"
        ) from err


def sweep(git: Git) -> None:
    """Remove what a run that was killed has left in the clone; what cannot be removed is left.

    To be called while no other run is under way.
    """
    for folder in git.git_dir.iterdir():
        if _SCRATCH.fullmatch(folder.name) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
    for path in git.names("ls-files", "--others", "-z", "--", f":(top,glob)**/.*{SUFFIX}"):
        file = git.folder / path
        if is_half_written(path) and not file.is_symlink():
            with contextlib.suppress(OSError):
                file.unlink()
