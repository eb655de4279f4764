"""Python's search for reference cycles: a run is short, and each search walks all that was imported."""

from __future__ import annotations

import atexit
import gc

# Between two searches; after Python's own 700, an index or a YAML file is read under dozens of them.
_ALLOCATIONS = 100_000


def search_rarely() -> None:
    """Let Python search rarely from now on, and not at its end: the process gives back all that it has."""
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
    atexit.register(gc.freeze)
