from __future__ import annotations

from ..servers.conftest import before, place

__all__ = ["before", "place"]
