"""The folder of a rehearsal: made for it, and removed with all that the rehearsal leaves elsewhere.

After one that was killed, the next one clears up.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..core import output
from ..core.faults import Fault, Unusable, held_back
from ..core.names import Reference
from ..core.safe_files import MARK, MarkedFolder, read_file, unwritable
from ..tools.process import find
from .registry import LOOPBACK, engine_answers, forget_images, remove_container
from .stand_in import remove_unused

TEMPORARY, KEPT = "hubpress-rehearsal-", "hubpress-kept-"
_FILE = "rehearsal.json"
_LARGEST = 64 * 1024
_LAST_PORT = 65535


@contextlib.contextmanager
def rehearsal_folder(*, keep: bool) -> Iterator[Path]:
    """Make a rehearsal's folder, and clear up after the block and after rehearsals that were killed."""
    clear_up_after_killed_ones()
    try:
        place = MarkedFolder.make(KEPT if keep else TEMPORARY)
    except OSError as err:
        raise unwritable(err) from err
    try:
        with _temporary_files_in(place.path):
            yield place.path
    finally:
        try:
            with held_back():
                _clear_up(place)
        except (Fault, OSError) as err:
            why = err.told if isinstance(err, Fault) else err
            output.say(f"warning: cannot remove all of the rehearsal: {why}; the next one tries again: {place.path}")
        os.close(place.lock)


def clear_up_after_killed_ones() -> None:
    """Clear up after each rehearsal of this user that was killed; what cannot be removed is left for the next time."""
    killed = [place for prefix in (TEMPORARY, KEPT) for place in MarkedFolder.left_behind(prefix)]
    # An engine that is down still has their images.
    reachable = bool(killed) and engine_answers()
    for place in killed:
        with held_back(), contextlib.suppress(Fault, OSError):
            if reachable or Record.read(place.path) is None:
                _clear_up(place)
        os.close(place.lock)


class Record(NamedTuple):
    """What a rehearsal leaves outside of its folder: what is named after its registry's port, and stand-ins."""

    port: int
    stand_ins: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """Return the record in a rehearsal's folder; None where it is missing or cannot be read."""
        try:
            content = json.loads(read_file(folder / _FILE, _LARGEST))
            port, stand_ins = content["port"], tuple(str(Reference.parse(name)) for name in content["stand_ins"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, Unusable):
            return None
        return cls(port, stand_ins) if type(port) is int and 0 < port <= _LAST_PORT else None

    def write(self, folder: Path) -> None:
        """Put the record into the folder: whoever is killed leaves the old one or the new one."""
        new = folder / f"{_FILE}.new"
        new.write_text(json.dumps(self._asdict()), encoding="utf-8")
        new.replace(folder / _FILE)


def _clear_up(place: MarkedFolder) -> None:
    """Remove what the rehearsal left: in the engine, then its folder; of one to be kept, only the mark."""
    record = Record.read(place.path)
    if record is not None and find("docker"):
        remove_container(record.port)
        forget_images(f"{LOOPBACK}:{record.port}")
        remove_unused(record.stand_ins)
    if place.path.name.startswith(KEPT):
        (place.path / MARK).unlink()
    else:
        place.remove()


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    temporary = folder / "tmp"
    temporary.mkdir()
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
    try:
        yield
    finally:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
