"""Paths as chartpress.yaml and git write them: relative, with ``/``."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def join(*parts: str) -> str:
    """Join relative paths and tidy the result: no ``.``, no doubled ``/``, ``..`` resolved by name."""
    return posixpath.normpath(posixpath.join(*parts))


def place_of(top: Path, path: str) -> Path | None:
    """Return where symbolic links at ``path`` lead (those in a loop: to themselves); None for outside of ``top``.

    Args:
        top: the repository's top.
        path: relative to it.
    """
    # Names in files are UTF-8, whatever the locale's encoding is.
    named = os.fsdecode(path.encode("utf-8", "surrogateescape"))
    real, root = (Path(os.path.realpath(one)) for one in (top / named, top))
    return real if real.is_relative_to(root) else None


def behind_links(top: Path, path: str) -> str:
    """Return the path, relative to ``top``, of the file that symbolic links at ``path`` lead to: git knows it by that.

    One that they lead out of ``top`` keeps its own.
    """
    real = place_of(top, path)
    if real is None:
        return path
    return os.fsencode(real.relative_to(os.path.realpath(top))).decode("utf-8", "surrogateescape")


def is_below(file: str, paths: Iterable[str]) -> bool:
    """Whether ``file`` is one of ``paths``, or lies below one; all are relative to the repository's top, and tidy."""
    return any(path in (".", file) or file.startswith(f"{path}/") for path in paths)
