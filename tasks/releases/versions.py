"""Versions and requirements as Helm reads them, and the order of z2jh's releases.

Helm uses https://github.com/Masterminds/semver: a version may begin with ``v`` and leave out minor and patch, and a
requirement may be a part of one (``3.2`` is ``~3.2``). A range takes pre-releases where a part names one (Helm 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple, TypeAlias

import semver

# Far above any real version, and far below where Python refuses to read a number.
_LONGEST = 200
# Major, minor and patch.
_PARTS = 3
_SAME_SIGNS = {"": "=", "=>": ">=", "=<": "<=", "~>": "~"}
_STAGES = frozenset({"alpha", "beta", "rc"})
_OPERATOR = r"(=>|=<|=|!=|>=|>|<=|<|~>|~|\^)"
_NUMBER = r"[0-9]+|[xX*]"
_NAMES = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = rf"(v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?((?:-{_NAMES})?)(?:\+{_NAMES})?)"
_COMPARED = rf"(?:{_OPERATOR}\s*)?{_VERSION}"
_COMPARISON = re.compile(_COMPARED)
# Blanks belong to one part of it only: with several ways to read them all would be tried.
_GROUP = re.compile(rf"\s*{_COMPARED}(?:(?:\s+|\s*,\s*){_COMPARED})*\s*")
_HYPHEN = re.compile(rf"\s*{_VERSION}\s+-\s+{_VERSION}\s*")
# One version or a part of one, after nothing or a sign that fixes its first parts.
_SIMPLE = re.compile(r"(\s*(?:=|~|~>|\^)?\s*v?)([0-9]+(?:\.[0-9]+){0,2})((?:\.[xX*])*\s*)")
# A build of main that is named after the release before it: 0.11.1-n259.h74abbb81.
_BUILD_AFTER = re.compile(r"n([0-9]+)(?:\..*)?")
# What z2jh's own tags have behind the numbers.
_OF_Z2JH = re.compile(r"(?:alpha|beta|rc|n[0-9]+\.|0\.dev\.|[0-9a-f]{6,}$).*")

Order: TypeAlias = tuple[semver.Version, int]


@lru_cache(maxsize=4096)
def parse_version(version: str) -> semver.Version | None:
    """Return a version as Helm reads it, or None where it is not one: ``v3.2`` is 3.2.0."""
    if len(version) > _LONGEST or not version.isascii():
        return None
    try:
        return semver.Version.parse(version.removeprefix("v"), optional_minor_and_patch=True)
    except ValueError:
        return None


def order(version: semver.Version) -> Order:
    """Return the place of a version among z2jh's releases.

    That is SemVer's, except for builds of main of 0.8 to 1.1: ``0.11.1-n259.h74abbb81`` was made after 0.11.1.
    """
    build = _BUILD_AFTER.fullmatch(version.prerelease or "")
    return (version.finalize_version(), int(build[1])) if build else (version, -1)


def is_dev(version: semver.Version) -> bool:
    """Whether the version is a build of main: a pre-release other than ``alpha``, ``beta.2``, ``rc1`` and the like.

    Those name a commit: ``0.dev.git.6085.h59225bad``, ``beta.1.n031.hc5adeae4``, ``n451.h198fc854``, ``a59cf29``.
    """
    if version.prerelease is None:
        return False
    stage, _, number = version.prerelease.partition(".")
    if not number:
        stage = stage.rstrip("0123456789")
    return stage not in _STAGES or not (number or "0").isdigit()


def is_like_z2jh(tag: str) -> bool:
    """Whether ``tag`` is spelled as the tags of z2jh's own hub images are."""
    version = parse_version(tag)
    return version is not None and (version.prerelease is None or bool(_OF_Z2JH.fullmatch(version.prerelease)))


class _Comparison(NamedTuple):
    """One part of a requirement; ``given`` are the numbers of its version that are written."""

    sign: str
    version: semver.Version
    given: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether major, minor and patch are written."""
        return len(self.given) == _PARTS

    def allows(self, version: semver.Version, *, pre: bool) -> bool:
        """Whether ``version`` fits, a pre-release only with ``pre``."""
        mine, ours, theirs = self.version, self.given, version.to_tuple()[:3][: len(self.given)]
        first = next((at for at, number in enumerate(ours, start=1) if number), _PARTS)
        fits = {
            "<": version < mine,
            ">=": version >= mine,
            ">": version > mine if self.is_whole else theirs > ours,
            "<=": version <= mine if self.is_whole else theirs <= ours,
            "!=": version != mine if self.is_whole else theirs != ours,
            "=": version == mine if self.is_whole else version >= mine and theirs == ours,
            "~": version >= mine and theirs[:2] == ours[:2],
            "^": version >= mine and theirs[:first] == ours[:first],
        }
        return fits[self.sign] and (pre or not version.prerelease)


class Constraint(NamedTuple):
    """A requirement: every part of one of its groups must allow a version."""

    groups: tuple[tuple[_Comparison, ...], ...]

    def allows(self, version: semver.Version) -> bool:
        """Whether Helm takes ``version`` for it."""
        pre = [any(one.version.prerelease for one in group) for group in self.groups]
        groups = zip(self.groups, pre, strict=True)
        return any(all(one.allows(version, pre=takes) for one in group) for group, takes in groups)

    def newest_of(self, versions: Iterable[str]) -> str | None:
        """Return the one of ``versions`` that Helm takes, the highest by SemVer; None where none is allowed."""
        known = ((parsed, one) for one in versions if (parsed := parse_version(one)) is not None)
        allowed = [(parsed, one) for parsed, one in known if self.allows(parsed)]
        return max(allowed, key=lambda pair: pair[0])[1] if allowed else None


@lru_cache(maxsize=256)
def parse_constraint(text: str) -> Constraint | None:
    """Return a requirement as Helm reads it, or None where Helm refuses it."""
    groups = []
    for group in _HYPHEN.sub(r">= \1, <= \6 ", text).split("||") if len(text) <= _LONGEST else [""]:
        comparisons = [_comparison(*found) for found in _COMPARISON.findall(group)]
        known = tuple(one for one in comparisons if one is not None)
        if not _GROUP.fullmatch(group) or len(known) < len(comparisons):
            return None
        groups.append(known)
    return Constraint(tuple(groups))


def allows(text: str, version: str) -> bool:
    """Whether a pinned text means ``version``, or Helm may take that for it."""
    constraint, parsed = parse_constraint(text), parse_version(version)
    return text == version or (constraint is not None and parsed is not None and constraint.allows(parsed))


def is_range(text: str) -> bool:
    """Whether Helm may take several versions for a requirement: a range, or a part of a version (``3.2``)."""
    constraint = parse_constraint(text)
    if constraint is None:
        return False
    first = constraint.groups[0][0]
    is_one = len(constraint.groups) == len(constraint.groups[0]) == 1
    return not (is_one and first.is_whole and first.sign == "=")


def without_sign(text: str) -> str:
    """Return a requirement of one version without ``=`` and ``v`` before it."""
    exact = text.lstrip("= ")
    return exact.removeprefix("v") if parse_version(exact) else text


def respelled(text: str, version: str, versions: Iterable[str]) -> str:
    """Return the requirement ``text`` moved to ``version``, so that Helm takes that one of ``versions``.

    It keeps its sign, its ``v`` and its number of parts where that does; otherwise it is the version itself.
    """
    known = list(versions)
    simple = _SIMPLE.fullmatch(text)
    candidates = [text]
    if simple:
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
