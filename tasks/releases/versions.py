"""Versions and requirements as Helm parses them, and the order of z2jh's releases.

Helm uses https://github.com/Masterminds/semver: a version may begin with ``v`` and omit minor and patch, and a
requirement may be a part of a version (``3.2`` is ``~3.2``). A range includes pre-releases if it names one (Helm 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple, TypeAlias

import semver

# Longer than any real version, and shorter than Python's limit for numbers.
_LONGEST = 200
# Major, minor and patch.
_PARTS = 3
_SAME_SIGNS = {"": "=", "=>": ">=", "=<": "<=", "~>": "~"}
_STAGES = frozenset({"alpha", "beta", "rc"})
_OPERATOR = r"(=>|=<|=|!=|>=|>|<=|<|~>|~|\^)"
_NUMBER = r"[0-9]+|[xX*]"
_NAMES = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = rf"(v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?((?:-{_NAMES})?)(?:\+{_NAMES})?)"
_COMPARISON = rf"(?:{_OPERATOR}\s*)?{_VERSION}"
# Unambiguous about blanks, so that matching takes linear time.
_GROUP = rf"\s*{_COMPARISON}(?:(?:\s+|\s*,\s*){_COMPARISON})*\s*"
_HYPHEN = rf"\s*{_VERSION}\s+-\s+{_VERSION}\s*"
# A version or a part of one, after nothing, =, ~, ~> or ^.
_SIMPLE = r"(\s*(?:=|~|~>|\^)?\s*v?)([0-9]+(?:\.[0-9]+){0,2})((?:\.[xX*])*\s*)"
# A development build that is named after the previous release: 0.11.1-n259.h74abbb81.
_BUILD_AFTER = r"n([0-9]+)(?:\..*)?"
# The suffixes of z2jh's own tags.
_OF_Z2JH = r"(?:alpha|beta|rc|n[0-9]+\.|0\.dev\.|[0-9a-f]{6,}$).*"

Order: TypeAlias = tuple[semver.Version, int]


@lru_cache(maxsize=4096)
def parse_version(version: str) -> semver.Version | None:
    """Parse a version like Helm (``v3.2`` is 3.2.0); return None if it is invalid."""
    if len(version) > _LONGEST or not version.isascii():
        return None
    try:
        return semver.Version.parse(version.removeprefix("v"), optional_minor_and_patch=True)
    except ValueError:
        return None


def order(version: semver.Version) -> Order:
    """Return the sort key of a version among z2jh's releases.

    It is SemVer's, except for development builds of 0.8 to 1.1: ``0.11.1-n259.h74abbb81`` is newer than 0.11.1.
    """
    build = re.fullmatch(_BUILD_AFTER, version.prerelease or "")
    return (version.finalize_version(), int(build[1])) if build else (version, -1)


def is_dev(version: semver.Version) -> bool:
    """Whether the version is a development build: a pre-release other than ``alpha``, ``beta.2``, ``rc1`` and the like.

    Development builds end with a commit: ``0.dev.git.6085.h59225bad``, ``beta.1.n031.hc5adeae4``, ``a59cf29``.
    """
    if version.prerelease is None:
        return False
    stage, _, number = version.prerelease.partition(".")
    if not number:
        stage = stage.rstrip("0123456789")
    return stage not in _STAGES or not (number or "0").isdigit()


def is_like_z2jh(tag: str) -> bool:
    """Whether ``tag`` has the form of z2jh's own tags."""
    version = parse_version(tag)
    return version is not None and (version.prerelease is None or bool(re.fullmatch(_OF_Z2JH, version.prerelease)))


class _Comparison(NamedTuple):
    """A comparison in a requirement; ``given`` are the numbers of its version as written."""

    sign: str
    version: semver.Version
    given: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether major, minor and patch are given."""
        return len(self.given) == _PARTS

    def allows(self, version: semver.Version) -> bool:
        """Whether ``version`` satisfies it."""
        mine, ours, theirs = self.version, self.given, version.to_tuple()[:3][: len(self.given)]
        first = next((at for at, number in enumerate(ours, start=1) if number), _PARTS)
        return {
            "<": version < mine,
            ">=": version >= mine,
            ">": version > mine if self.is_whole else theirs > ours,
            "<=": version <= mine if self.is_whole else theirs <= ours,
            "!=": version != mine if self.is_whole else theirs != ours,
            "=": version == mine if self.is_whole else version >= mine and theirs == ours,
            "~": version >= mine and theirs[:2] == ours[:2],
            "^": version >= mine and theirs[:first] == ours[:first],
        }[self.sign]


class Constraint(NamedTuple):
    """A requirement: a version must satisfy all comparisons of at least one group."""

    groups: tuple[tuple[_Comparison, ...], ...]

    def allows(self, version: semver.Version) -> bool:
        """Whether ``version`` satisfies it in Helm."""
        is_pre = version.prerelease is not None
        groups = (group for group in self.groups if not is_pre or any(one.version.prerelease for one in group))
        return any(all(one.allows(version) for one in group) for group in groups)

    def newest_of(self, versions: Iterable[str]) -> str | None:
        """Return the one of ``versions`` that Helm chooses, the highest by SemVer, or None."""
        known = ((parsed, one) for one in versions if (parsed := parse_version(one)) is not None)
        allowed = [(parsed, one) for parsed, one in known if self.allows(parsed)]
        return max(allowed, key=lambda pair: pair[0])[1] if allowed else None


@lru_cache(maxsize=256)
def parse_constraint(text: str) -> Constraint | None:
    """Parse a requirement like Helm; return None if it is invalid."""
    groups = []
    for group in re.sub(_HYPHEN, r">= \1, <= \6 ", text).split("||") if len(text) <= _LONGEST else [""]:
        comparisons = [_comparison(*found) for found in re.findall(_COMPARISON, group)]
        known = tuple(one for one in comparisons if one is not None)
        if not re.fullmatch(_GROUP, group) or len(known) < len(comparisons):
            return None
        groups.append(known)
    return Constraint(tuple(groups))


def allows(text: str, version: str) -> bool:
    """Whether a pinned version is ``version``, or a pinned range includes it."""
    constraint, parsed = parse_constraint(text), parse_version(version)
    return text == version or (constraint is not None and parsed is not None and constraint.allows(parsed))


def is_range(text: str) -> bool:
    """Whether a requirement can match several versions: a range, or a part of a version (``3.2``)."""
    constraint = parse_constraint(text)
    if constraint is None:
        return False
    first = constraint.groups[0][0]
    is_one = len(constraint.groups) == len(constraint.groups[0]) == 1
    return not (is_one and first.is_whole and first.sign == "=")


def respelled(text: str, version: str, versions: Iterable[str]) -> str:
    """Return the requirement ``text`` changed so that Helm chooses ``version`` among ``versions``.

    It keeps its sign, its ``v`` and its number of parts if possible; otherwise it is the version itself.
    """
    known = list(versions)
    simple = re.fullmatch(_SIMPLE, text)
    candidates = [text]
    # A part of a version has no build metadata.
    if simple and "+" not in version:
        parts = version.removeprefix("v").split(".")[: simple[2].count(".") + 1]
        candidates.append(f"{simple[1]}{'.'.join(parts)}{simple[3]}")
    for candidate in candidates:
        constraint = parse_constraint(candidate)
        if constraint is not None and constraint.newest_of(known) == version:
            return candidate
    return f"v{version.removeprefix('v')}" if text.startswith("v") else version


def _comparison(sign: str, _: str, major: str, minor: str, patch: str, prerelease: str) -> _Comparison | None:
    given = tuple(map(int, takewhile(str.isdigit, (major, minor, patch))))
    written = ".".join(map(str, (*given, 0, 0, 0)[:_PARTS]))
    version = parse_version(f"{written}{prerelease}")
    return _Comparison(_SAME_SIGNS.get(sign, sign), version, given) if version else None
