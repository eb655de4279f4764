"""The one place that names hubpress's version."""

from __future__ import annotations

__version__ = "0.1.0.dev0"
