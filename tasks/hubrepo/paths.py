"""Paths as chartpress.yaml and git write them: relative, with ``/``."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def join(*parts: str) -> str:
    """Join relative paths and tidy the result: no ``.``, no doubled ``/``, ``..`` resolved by name."""
    return posixpath.normpath(posixpath.join(*parts))


def behind_links(top: Path, path: str) -> str:
    """Return the path, relative to ``top``, of the file that symbolic links at ``path`` lead to: git knows it by that.

    One that they lead out of ``top`` keeps its own.
    """
    real, root = (top / path).resolve(), top.resolve()
    return real.relative_to(root).as_posix() if real.is_relative_to(root) else path


def is_below(file: str, paths: Iterable[str]) -> bool:
    """Whether ``file`` is one of ``paths``, or lies below one; all are relative to the repository's top, and tidy."""
    return any(path in (".", file) or file.startswith(f"{path}/") for path in paths)
