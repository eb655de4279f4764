"""Paths as chartpress.yaml and git write them: relative, with ``/``."""

from __future__ import annotations

import posixpath


def join(*parts: str) -> str:
    """Join relative paths and tidy the result: no ``.``, no doubled ``/``, ``..`` resolved by name."""
    return posixpath.normpath(posixpath.join(*parts))
