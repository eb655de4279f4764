"""What a rehearsal writes down of itself before it does it: whoever clears up after it reads that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "rehearsal.json"


class Record(NamedTuple):
    """What a rehearsal leaves outside of its folder.

    Attributes:
        port: its registry's; the images that the engine built are named after it.
        stand_ins: the base images that stand-ins are made for.
    """

    port: int
    stand_ins: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """Return the record in a rehearsal's folder; None where it came to none."""
        file = folder / _FILE
        if not file.is_file():
            return None
        content = json.loads(file.read_text(encoding="utf-8"))
        return cls(int(content["port"]), tuple(content.get("stand_ins", ())))

    def write(self, folder: Path) -> None:
        """Put it into the folder, whole or not at all."""
        new = folder / f"{_FILE}.new"
        new.write_text(json.dumps(self._asdict()), encoding="utf-8")
        new.replace(folder / _FILE)
