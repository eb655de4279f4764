from __future__ import annotations

from ..servers.conftest import before, place
from ..verbs.release.conftest import hub, scene

__all__ = ["before", "hub", "place", "scene"]
