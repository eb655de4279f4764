"""Choosing the release to move to."""

from __future__ import annotations

import sys
from typing import NamedTuple, cast

import semver

from ..core.faults import Refused
from .index import Index, Release, VersionKey

_STAGES = frozenset({"alpha", "beta", "rc"})


class Choice(NamedTuple):
    """The release to move to.

    Attributes:
        release: the chosen release; the pinned one where nothing is newer.
        newer_major: the newest release of a higher major version that would do, where the choice stays below.
        reason: why this one, as a clause for the plan.
    """

    release: Release
    newer_major: Release | None
    reason: str


class _Taste(NamedTuple):
    """Which releases will do besides the stable ones."""

    pre: bool
    dev: bool

    def may_accept(self, version: str) -> bool:
        """Whether a version as it is written may do; stable ones are told by it, and most versions are not."""
        return self.pre or self.dev or "-" not in version.partition("+")[0]

    def accepts(self, place: VersionKey) -> bool:
        if place.pre is None:
            return True
        return self.dev if is_dev(place.pre) else self.pre

    def __str__(self) -> str:
        kinds = ["stable release", *(["pre-release"] * self.pre), *(["build of main"] * self.dev)]
        return " or ".join(kinds)


def choose(
    index: Index, pinned: str, *, to: str | None = None, pre: bool = False, dev: bool = False, major: bool = False
) -> Choice:
    """Choose a release by SemVer's order; the time at which an entry was made says nothing.

    Args:
        index: what there is. Versions that are not SemVer are chosen by ``to`` alone.
        pinned: the version that the repository names now.
        to: exactly this version, whatever the other arguments say.
        pre: alpha, beta and rc will do too.
        dev: builds of main will do too.
        major: a higher major version will do too.

    Raises:
        Refused: the index has no ``to``; or ``pinned`` has no place in the order; or the index has neither
            ``pinned`` nor anything newer.
    """
    if to is not None:
        return Choice(_exactly(index, to), None, "asked for with --to")
    here = _place(index, pinned)
    taste = _Taste(pre, dev)
    best = _best(index, taste, range(here.major, sys.maxsize) if major else range(here.major, here.major + 1))
    above = None if major else _best(index, taste, range(here.major + 1, sys.maxsize))
    kind = f"{taste}" if major else f"{taste} of {here.major}.x"
    if best is not None and _order(best) > here:
        return Choice(best, above, f"the newest {kind}")
    if pinned not in index.releases:
        raise _nothing_newer(index, pinned, best)
    is_best = best is not None and best.version == pinned
    reason = f"the newest {kind}" if is_best else f"pinned, and newer than every {kind}"
    return Choice(index.releases[pinned], above, reason)


def newest(index: Index, *, pre: bool = False, dev: bool = False, within_major: int | None = None) -> Release | None:
    """Return the newest release that will do (see ``choose``), or None where none does."""
    majors = range(sys.maxsize) if within_major is None else range(within_major, within_major + 1)
    return _best(index, _Taste(pre, dev), majors)


def is_dev(version: semver.Version) -> bool:
    """Whether the version is a build of main rather than one that somebody released.

    Released are stable versions and ``alpha``, ``beta.2``, ``rc1`` and the like; any other pre-release names
    a commit: ``0.dev.git.6085.h59225bad``, ``beta.1.n031.hc5adeae4``, ``n451.h198fc854``, ``a59cf29``.
    """
    if version.prerelease is None:
        return False
    stage, _, number = version.prerelease.partition(".")
    if not number:
        stage = stage.rstrip("0123456789")
    return stage not in _STAGES or not (number or "0").isdigit()


def _best(index: Index, taste: _Taste, majors: range) -> Release | None:
    """Return the highest release that will do with one of the major versions."""
    candidates = (
        release
        for release in index.releases.values()
        if taste.may_accept(release.version)
        and (place := release.place) is not None
        and place.major in majors
        and taste.accepts(place)
    )
    return max(candidates, key=_order, default=None)


def _order(release: Release) -> VersionKey:
    """Return what SemVer orders the release by; only for releases that have it."""
    return cast("VersionKey", release.place)


def _exactly(index: Index, version: str) -> Release:
    release = index.releases.get(version)
    if release is not None:
        return release
    from difflib import get_close_matches  # noqa: PLC0415 - only who names a version that is not there pays for it

    close = get_close_matches(version, index.releases, n=2)
    top = newest(index)
    names = dict.fromkeys([*close, *([top.version] if top else [])])
    raise Refused(
        f"version {version} does not exist",
        where=index.where,
        hint=f"choose one that does: {' or '.join(f'--to {name}' for name in names) or '--dev'}",
    )


def _place(index: Index, pinned: str) -> VersionKey:
    """Return the pinned version's place in SemVer's order."""
    place = Release(pinned).place
    if place is None:
        raise Refused(
            f"the pinned version {pinned} is not SemVer, so nothing is newer or older than it",
            where=index.where,
            hint=f"name the release to move to: --to {_example(index)}",
        )
    return place


def _nothing_newer(index: Index, pinned: str, best: Release | None) -> Refused:
    return Refused(
        f"the pinned version {pinned} does not exist, and nothing newer does",
        where=index.where,
        hint=f"name the release to move to: --to {best.version if best else _example(index)}",
    )


def _example(index: Index) -> str:
    top = newest(index)
    return top.version if top else "VERSION"
