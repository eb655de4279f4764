"""Facts about releases: links, and the upgrade notes and security fixes in ``known.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import semver

from ..core.yaml_tree import load
from .index import Release
from .versions import is_dev, order, parse_version

REPOSITORY = "https://github.com/jupyterhub/zero-to-jupyterhub-k8s"
_KNOWN = Path(__file__).with_name("known.yaml")
_DOCS = "https://z2jh.jupyter.org/en/stable"
CHANGELOG = f"{_DOCS}/changelog.html"
_JUPYTERHUB_CHANGELOG = "https://jupyterhub.readthedocs.io/en/stable/reference/changelog.html"
_GUIDES = f"{_DOCS}/administrator/upgrading"
_HASH_LENGTHS = range(7, 41)


class Watch(NamedTuple):
    """The values that a note concerns: those that contain ``holds``, or differ from ``other_than``.

    ``path`` is below the chart's key. Its parts may have wildcards like file names; a final ``**`` means everything
    below.
    """

    path: str
    holds: str = ""
    other_than: str = ""


class Note(NamedTuple):
    """A note on an upgrade, and the values that it concerns; without any, it concerns every hub."""

    text: str
    watches: tuple[Watch, ...] = ()


class Upgrade(NamedTuple):
    """An upgrade from some releases to others: ``z2jh 3 to 4``.

    ``first`` is the lowest version to upgrade to, as a SemVer pre-release, so that all builds of it count, and
    ``since`` the lowest to upgrade from. An upgrade with ``until`` applies to all moves that end between ``first`` and
    ``until``, any other one only to those that cross ``first``.
    """

    title: str
    guide: str
    notes: tuple[Note, ...]
    first: str = "0.0.0-0"
    since: str = "0.0.0-0"
    until: str | None = None
    kubernetes: str | None = None
    jupyterhub: tuple[str, str] | None = None

    def is_on_the_way(self, old: semver.Version, new: semver.Version) -> bool:
        """Whether it applies to a move up from ``old`` to ``new``."""
        first, since, until = map(semver.Version.parse, (self.first, self.since, self.until or self.first))
        return since <= old < until and first <= new and (self.until is None or new < until)


class Known(NamedTuple):
    """The content of ``known.yaml``, as of ``date``; ``security`` and ``upgrades`` are oldest first.

    ``security`` are the vulnerabilities that each release fixes, with the parts that have them.
    """

    date: str
    security: Mapping[str, tuple[str, ...]]
    any_major: Upgrade
    going_back: Upgrade
    upgrades: tuple[Upgrade, ...]


@lru_cache(maxsize=1)
def known() -> Known:
    """Read ``known.yaml``."""
    data: Any = load(_KNOWN.read_text(encoding="utf-8"))
    return Known(
        date=data["date"],
        security={version: tuple(fixes) for version, fixes in data["security"].items()},
        any_major=_upgrade(data["any_major"]),
        going_back=_upgrade(data["going_back"]),
        upgrades=tuple(map(_upgrade, data["upgrades"])),
    )


def security_fixes(before: str | None, after: str) -> tuple[str, ...]:
    """Return the fixes of each security release in a move up from one version to another."""
    between, is_down = _security_between(before, after)
    return () if is_down else tuple(f"{version} fixes {', '.join(fixes)}" for version, fixes in between.items())


def security_news(before: str | None, after: str) -> tuple[str, ...]:
    """Return a sentence for each security release in a move from one version to another, up or down."""
    between, is_down = _security_between(before, after)
    words = "This downgrades below {}, which fixes {}." if is_down else "{} is a security release: it fixes {}."
    return tuple(words.format(version, ", ".join(fixes)) for version, fixes in between.items())


def fixes_between(old: semver.Version, new: semver.Version) -> tuple[str, ...]:
    """Return the vulnerabilities that the releases after ``old`` up to ``new`` fix, each once."""
    between, _ = _security_between(str(old), str(new))
    return tuple(dict.fromkeys(fix for fixes in between.values() for fix in fixes))


def _security_between(before: str | None, after: str) -> tuple[dict[str, tuple[str, ...]], bool]:
    """Return the fixes of security releases between two versions, oldest first, and whether the move is down."""
    old, new = parse_version(before or ""), parse_version(after)
    if old is None or new is None:
        return {}, False
    low, high = sorted((order(old), order(new)))
    security = known().security.items()
    found = {version: fixes for version, fixes in security if low < order(semver.Version.parse(version)) <= high}
    return found, order(new) < order(old)


def upgrades_between(before: str | None, after: str) -> tuple[Upgrade, ...]:
    """Return the upgrades in a move from one version to another, oldest first.

    For a move down, these are the notes on going back, unless only the patch version changes.
    """
    old, new = parse_version(before or ""), parse_version(after)
    if old is None or new is None:
        return ()
    if new < old:
        return (known().going_back,) if (new.major, new.minor) < (old.major, old.minor) else ()
    crossed = tuple(upgrade for upgrade in known().upgrades if upgrade.is_on_the_way(old, new))
    return (known().any_major, *crossed) if old.major < new.major else crossed


def release_links(release: Release) -> tuple[str, ...]:
    """Return the pages about a release: z2jh's changelog, or a development build's commits, and JupyterHub's."""
    version = release.semver
    is_released = version is not None and not is_dev(version)
    page = CHANGELOG if is_released else f"{REPOSITORY}/commits/{_commit(release.version) or 'main'}"
    return (page, _JUPYTERHUB_CHANGELOG) if release.app_version else (page,)


def comparison(before: Release, after: Release) -> str | None:
    """Return the page with the changes between two releases; None if one has neither a git tag nor a commit."""
    is_down = before.semver and after.semver and order(after.semver) < order(before.semver)
    old, new = (_point(after), _point(before)) if is_down else (_point(before), _point(after))
    return f"{REPOSITORY}/compare/{old}...{new}" if old and new else None


def guide_links(upgrades: Iterable[Upgrade]) -> tuple[str, ...]:
    """Return z2jh's guides for the upgrades of a move up."""
    crossed = (one.guide for one in upgrades if one is not known().going_back)
    return tuple(guide for guide in crossed if guide.startswith(_GUIDES))


def _point(release: Release) -> str | None:
    version = release.semver
    return release.version if version and not is_dev(version) else _commit(release.version)


def _commit(version: str) -> str | None:
    """Return the commit in a development build's version: ``n451.h198fc854``, ``git.6085.h59225bad``, ``a59cf29``."""
    last = version.replace("-", ".").rpartition(".")[2].removeprefix("h")
    is_hash = len(last) in _HASH_LENGTHS and not last.strip("0123456789abcdef")
    return last if is_hash else None


def _upgrade(fields: dict[str, Any]) -> Upgrade:
    notes = []
    for one in fields["notes"]:
        watches = (Watch(each) if isinstance(each, str) else Watch(**each) for each in one.get("watches", ()))
        notes.append(Note(one["text"], tuple(watches)))
    return Upgrade(**{**fields, "notes": tuple(notes), "jupyterhub": tuple(fields.get("jupyterhub", ())) or None})
