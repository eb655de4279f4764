"""Choosing the release to move to."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import NamedTuple

import semver

from ..core.faults import Refused
from .index import Index, Release, parse_version

_STAGES = frozenset({"alpha", "beta", "rc"})


class Choice(NamedTuple):
    """The release to move to.

    Attributes:
        release: the chosen release; the pinned one where nothing is newer.
        newer_major: the newest release of a higher major version, where the choice stays below.
        reason: a clause for the plan.
    """

    release: Release
    newer_major: Release | None
    reason: str


class _Kinds(NamedTuple):
    """Which releases will do besides the stable ones."""

    pre: bool
    dev: bool

    def accept(self, version: semver.Version) -> bool:
        if version.prerelease is None:
            return True
        return self.dev if is_dev(version) else self.pre

    def __str__(self) -> str:
        return " or ".join(["stable release", *(["pre-release"] * self.pre), *(["build of main"] * self.dev)])


def choose(
    index: Index, pinned: str, *, to: str | None = None, pre: bool = False, dev: bool = False, major: bool = False
) -> Choice:
    """Choose a release by SemVer's order, not by the time at which its entry was made.

    Args:
        index: the releases.
        pinned: the version that the repository names now.
        to: exactly this version, whatever the other arguments are; it need not be SemVer.
        pre: also consider alpha, beta and rc.
        dev: also consider builds of main.
        major: also consider higher major versions.

    Raises:
        Refused: the index has no ``to``, or neither ``pinned`` nor anything newer; or ``pinned`` is not SemVer.
    """
    if to is not None:
        return Choice(_exactly(index, to), None, "asked for with --to")
    here = _require_semver(index, pinned)
    kinds = _Kinds(pre, dev)
    best = _best(index, kinds, range(here.major, sys.maxsize if major else here.major + 1))
    above = None if major else _best(index, kinds, range(here.major + 1, sys.maxsize))
    kind = f"{kinds}" if major else f"{kinds} of {here.major}.x"
    if best is not None and best > here:
        return Choice(index.releases[str(best)], _release(index, above), f"the newest {kind}")
    if pinned not in index.releases:
        raise Refused(
            f"the pinned version {pinned} does not exist, and nothing newer does",
            where=index.where,
            hint=f"name the release to move to: --to {best or _example(index)}",
        )
    reason = f"the newest {kind}" if str(best) == pinned else f"pinned, and newer than every {kind}"
    return Choice(index.releases[pinned], _release(index, above), reason)


def newest(index: Index, *, pre: bool = False, dev: bool = False, within_major: int | None = None) -> Release | None:
    """Return the newest release that will do (see ``choose``), or None where none does."""
    majors = range(sys.maxsize) if within_major is None else range(within_major, within_major + 1)
    return _release(index, _best(index, _Kinds(pre, dev), majors))


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


def _best(index: Index, kinds: _Kinds, majors: range) -> semver.Version | None:
    """Return the highest version that will do with one of the major versions; of equal ones the first."""
    versions = filter(None, map(parse_version, index.releases))
    return max((one for one in versions if one.major in majors and kinds.accept(one)), default=None)


def _release(index: Index, version: semver.Version | None) -> Release | None:
    return None if version is None else index.releases[str(version)]


def _exactly(index: Index, version: str) -> Release:
    release = index.releases.get(version)
    if release is not None:
        return release
    top = _best(index, _Kinds(pre=False, dev=False), range(sys.maxsize))
    names = dict.fromkeys([*get_close_matches(version, index.releases, n=2), *([str(top)] if top else [])])
    raise Refused(
        f"version {version} does not exist",
        where=index.where,
        hint=f"choose one that does: {' or '.join(f'--to {name}' for name in names) or '--dev'}",
    )


def _require_semver(index: Index, pinned: str) -> semver.Version:
    """Return the pinned version, which must have a place in SemVer's order."""
    version = parse_version(pinned)
    if version is None:
        raise Refused(
            f"the pinned version {pinned} is not SemVer, so nothing is newer or older than it",
            where=index.where,
            hint=f"name the release to move to: --to {_example(index)}",
        )
    return version


def _example(index: Index) -> str:
    """Return the newest stable version."""
    return str(_best(index, _Kinds(pre=False, dev=False), range(sys.maxsize)) or "VERSION")
