from __future__ import annotations

from ..release.conftest import hub, scene
from ..servers.conftest import before, place

__all__ = ["before", "hub", "place", "scene"]
