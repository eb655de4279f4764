"""A problem: what is inconsistent, where, and what mends it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ..visible import one_line


class Code(str, Enum):
    """The kinds of problems; their values are what scripts rely on."""

    BASE = "base-not-of-release"
    BASES_DIFFER = "base-images-differ"
    REQUIREMENTS_DIFFER = "requirements-differ"
    RELEASE_UNKNOWN = "release-unknown"
    LOCK = "lock-differs"
    VALUES_EMPTY = "values-empty"
    VALUES_NAME = "values-name-differs"
    VALUES_DIFFER = "values-differ"
    TAG_STALE = "values-tag-stale"
    COMMIT_GONE = "values-commit-gone"
    NOT_IN_REGISTRY = "tag-not-in-registry"
    PLATFORM = "wrong-platform"
    WRONG_BASE = "wrong-base"
    OVERRIDE = "image-override"
    OLD_PIN = "pin-older-than-base"


class Problem(NamedTuple):
    """One inconsistency.

    Attributes:
        code: its kind.
        path: the file that is to be mended, relative to the repository's top; ``path:line`` where a line is known.
        message: what is wrong, in one clause.
        hint: what mends it.
    """

    code: Code
    path: str
    message: str
    hint: str

    def report(self) -> dict[str, str]:
        """Return it for the JSON report."""
        return {**self._asdict(), "code": self.code.value}

    def __str__(self) -> str:
        return f"{one_line(f'{self.path}: {self.message}')} [{self.code.value}]\n  hint: {one_line(self.hint)}"
