"""Choosing the release to move to."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from typing import NamedTuple

import semver

from ..core.faults import Refused
from .index import Index, Release
from .versions import is_dev, is_range, order, parse_constraint, parse_version

_PART = re.compile(r"v?\d+(\.\d+)?")
_NEWEST = frozenset({"latest", "newest", "stable"})


class Choice(NamedTuple):
    """The release to move to.

    Attributes:
        release: the chosen release; the pinned one where nothing is newer.
        newer_major: the newest release of a higher major version, where the choice stays below.
        reason: a clause for the plan.
        beyond: the newest release of the same major version, where the pinned range ends before it.
    """

    release: Release
    newer_major: Release | None
    reason: str
    beyond: Release | None = None


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
    """Choose a release by the order of z2jh's releases, not by the time at which its entry was made.

    Without an option a range keeps its say: the release is the one that Helm takes for it.

    Args:
        index: the releases.
        pinned: the version that the repository names now, or a range.
        to: exactly this version, whatever the other arguments are; it need not be SemVer.
        pre: also consider alpha, beta and rc.
        dev: also consider builds of main.
        major: also consider higher major versions.

    Raises:
        Refused: the index has no ``to``, or neither ``pinned`` nor anything newer; or ``pinned`` is no version.
    """
    if to is not None:
        return Choice(_exactly(index, to, pinned), None, "the requested release")
    taken = pinned_release(index, pinned)
    here = _version_of(taken, pinned)
    if here is None:
        raise Refused(
            f"the pinned version {pinned} is neither a version nor a range of versions that exist",
            where=index.where,
            hint=f"name the release to move to: --to {_example(index)}",
        )
    kinds = _Kinds(pre, dev)
    best = _best(index, kinds, range(here.major, sys.maxsize if major else here.major + 1))
    above = None if major else _best(index, kinds, range(here.major + 1, sys.maxsize))
    kind = f"{kinds}" if major else f"{kinds} of {here.major}.x"
    is_newer = best is not None and best.semver is not None and order(best.semver) > order(here)
    if taken is not None and is_range(pinned) and not (pre or dev or major):
        return Choice(taken, above, f"what Helm takes for {pinned}", best if is_newer else None)
    if best is not None and is_newer:
        return Choice(best, above, f"the newest {kind}")
    if taken is None:
        raise Refused(
            f"the pinned version {pinned} does not exist, and nothing newer does",
            where=index.where,
            hint=f"name the release to move to: --to {best.version if best else _example(index)}",
        )
    reason = f"the newest {kind}" if best == taken else f"pinned, and newer than every {kind}"
    return Choice(taken, above, reason)


def pinned_release(index: Index, pinned: str) -> Release | None:
    """Return the release that Helm takes for a pinned version or range; None where the index has none."""
    constraint = parse_constraint(pinned)
    if constraint is None or not is_range(pinned):
        return index.find(pinned)
    version = constraint.newest_of(index.releases)
    return index.releases[version] if version else None


def release_with_image(index: Index, tag: str) -> Release | None:
    """Return the first release whose hub image has ``tag``; None where the index names none.

    A build of main mostly has another tag than its image, which was built at its commit or before.
    """
    built = parse_version(tag)
    if built is None:
        return None
    versions = ((parsed, name) for name in index.releases if (parsed := parse_version(name)) is not None)
    same = ((order(one), name) for one, name in versions if one.finalize_version() == built.finalize_version())
    later = sorted((at, name) for at, name in same if at >= order(built))
    releases = (index.releases[name] for _, name in later)
    return next((one for one in releases if one.hub_image is not None and one.hub_image.tag == tag), None)


def newest(index: Index, *, pre: bool = False, dev: bool = False, within_major: int | None = None) -> Release | None:
    """Return the newest release that will do (see ``choose``), or None where none does."""
    majors = range(sys.maxsize) if within_major is None else range(within_major, within_major + 1)
    return _best(index, _Kinds(pre, dev), majors)


def _best(index: Index, kinds: _Kinds, majors: range) -> Release | None:
    """Return the newest release that will do with one of the major versions; of equal ones the first."""
    parsed = ((version, parse_version(version)) for version in index.releases)
    fitting = [(order(one), name) for name, one in parsed if one and one.major in majors and kinds.accept(one)]
    return index.releases[max(fitting, key=lambda pair: pair[0])[1]] if fitting else None


def _exactly(index: Index, version: str, pinned: str) -> Release:
    is_part = _PART.fullmatch(version) is not None
    release = index.releases[version] if version in index.releases else None if is_part else index.find(version)
    if release is not None:
        return release
    what = f"{version} is not a full version" if is_part else f"version {version} does not exist"
    raise Refused(what, where=index.where, hint=_instead(index, version, pinned))


def _instead(index: Index, version: str, pinned: str) -> str:
    """Return the hint for a version that does not exist; never one of a major that was neither typed nor pinned."""
    typed, here = parse_version(version), _version_of(pinned_release(index, pinned), pinned)
    part = _PART.fullmatch(version)
    lines = [(typed.major, typed.minor if part and part[1] else None)] if typed else []
    lines += [(one.major, None) for one in (typed, here) if one]
    names = next(filter(None, (_line(index, *line) for line in lines)), [_example(index)])
    if version.lower() in _NEWEST:
        return f"leave --to out for the newest release{f' of {here.major}.x' if here else ''}: {names[0]}"
    near = get_close_matches(version, names, n=1) if typed and not part else []
    return f"choose one that exists: {' or '.join(f'--to {name}' for name in dict.fromkeys([*near, names[0]]))}"


def _line(index: Index, major: int, minor: int | None) -> list[str]:
    """Return the versions of one major version, or of one minor version of it: stable ones first, newest first."""
    parsed = ((parse_version(name), name) for name in index.releases)
    found = [(one, name) for one, name in parsed if one and one.major == major and minor in (None, one.minor)]
    found.sort(key=lambda pair: (pair[0].prerelease is None, order(pair[0])), reverse=True)
    return [name for _, name in found]


def _version_of(release: Release | None, pinned: str) -> semver.Version | None:
    return parse_version(release.version if release else pinned)


def _example(index: Index) -> str:
    """Return the newest stable version."""
    release = newest(index)
    return release.version if release else "VERSION"
