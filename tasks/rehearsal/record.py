"""What a rehearsal leaves outside of its folder, written down before it is made, for whoever clears up after it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Unusable
from ..image.reference import Reference
from ..reading import read_file

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "rehearsal.json"
_LARGEST = 64 * 1024
_LAST_PORT = 65535


class Record(NamedTuple):
    """What a rehearsal leaves outside of its folder.

    Attributes:
        port: its registry's; the engine's copies of images and a registry's container are named after it.
        stand_ins: the base images that stand-ins are made for.
    """

    port: int
    stand_ins: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """Return the record in a rehearsal's folder; None where there is none that can be read."""
        try:
            content = json.loads(read_file(folder / _FILE, _LARGEST))
            port, stand_ins = content["port"], tuple(str(Reference.parse(name)) for name in content["stand_ins"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, Unusable):
            return None
        return cls(port, stand_ins) if type(port) is int and 0 < port <= _LAST_PORT else None

    def write(self, folder: Path) -> None:
        """Put the record into the folder: a power cut leaves the old one or the new one.

        Raises:
            OSError: it cannot be written.
        """
        new = folder / f"{_FILE}.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump(self._asdict(), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / _FILE)
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Have the folder's entries outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
