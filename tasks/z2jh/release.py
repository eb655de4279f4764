"""One release of the chart, as a Helm repository's index describes it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .images import hub_image_among

if TYPE_CHECKING:
    from collections.abc import Mapping

    import semver

    from ..image.reference import Reference

IMAGES = "artifacthub.io/images"

# Far above any real version, and far below where Python refuses to read a number.
_LONGEST_VERSION = 200
# Choosing compares each version with several others.
_KEPT = 4096
_NUMBER = r"(0|[1-9][0-9]*)"
_STABLE = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"


class VersionKey(NamedTuple):
    """Where SemVer orders a version (https://semver.org/#spec-item-11): places compare as their versions do.

    Attributes:
        major: its major version.
        minor: its minor version.
        patch: its patch version.
        is_stable: whether it is no pre-release.
        pre: the pre-release that it is, in full; None where it is stable.
    """

    major: int
    minor: int
    patch: int
    is_stable: bool = True
    pre: semver.Version | None = None


class Release(NamedTuple):
    """One entry of the index.

    Attributes:
        version: the chart's version as it is written; it may be no SemVer.
        app_version: the version of JupyterHub, where the entry names one.
        kube_version: the constraint on Kubernetes' version (``>=1.28.0-0``), where the entry has one.
        urls: the addresses of the archive as they are written, relative ones too.
        digest: the archive's SHA-256 in hexadecimal, as it is written.
        images: the text of the annotation ``IMAGES``: a YAML list of images.
    """

    version: str
    app_version: str | None = None
    kube_version: str | None = None
    urls: tuple[str, ...] = ()
    digest: str | None = None
    images: str | None = None

    @property
    def semver(self) -> semver.Version | None:
        """The version in SemVer, or None where it is none (``v0.6.0-fb64667``)."""
        return _in_semver(self.version)

    @property
    def place(self) -> VersionKey | None:
        """Where SemVer orders the version, or None where it is none."""
        return _placed(self.version)

    @property
    def oldest_kubernetes(self) -> str | None:
        """The oldest Kubernetes that it takes: ``1.28`` for ``>=1.28.0-0``; None where the entry does not tell."""
        version = (self.kube_version or "").strip().removeprefix(">=").strip()
        return version.removesuffix("-0").removesuffix(".0") or None

    @property
    def hub_image(self) -> Reference | None:
        """The hub image that the entry's annotation names, or None: then only the archive knows it."""
        return hub_image_among(self.images) if self.images else None


@lru_cache(maxsize=_KEPT)
def _placed(version: str) -> VersionKey | None:
    stable = re.fullmatch(_STABLE, version) if len(version) <= _LONGEST_VERSION else None
    if stable is not None:
        major, minor, patch = map(int, stable.groups())
        return VersionKey(major, minor, patch)
    full = _in_semver(version)
    if full is None:
        return None
    is_stable = full.prerelease is None
    return VersionKey(full.major, full.minor, full.patch, is_stable, None if is_stable else full)


@lru_cache(maxsize=_KEPT)
def _in_semver(version: str) -> semver.Version | None:
    # The import takes as long as reading the index: not for ``v0.6``, nor for a stable version's place.
    if not version[:1].isdigit() or len(version) > _LONGEST_VERSION:
        return None
    import semver  # noqa: PLC0415

    try:
        return semver.Version.parse(version)
    except ValueError:
        return None


class Index(NamedTuple):
    """What a Helm repository offers of one chart.

    Attributes:
        releases: the releases by their version as written, in the index's order.
        where: the address that the index came from.
    """

    releases: Mapping[str, Release]
    where: str = ""
