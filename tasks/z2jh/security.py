"""The releases of z2jh that mend a vulnerability, as far as its changelog told them when this was written.

After https://z2jh.jupyter.org/en/stable/changelog.html, and JupyterHub's own for what a release brings along. A release
that is not among them may be one too.
"""

from __future__ import annotations

from typing import NamedTuple

import semver

from .release import Release


class SecurityRelease(NamedTuple):
    """A release that mends a vulnerability.

    Attributes:
        version: its version.
        mends: what it mends, and in which part.
    """

    version: str
    mends: str


SECURITY_RELEASES = (
    SecurityRelease("1.2.0", "CVE-2021-41247 in JupyterHub"),
    SecurityRelease("3.3.0", "CVE-2024-28233 in JupyterHub"),
    SecurityRelease("3.3.8", "CVE-2024-41942 in JupyterHub"),
    SecurityRelease(
        "4.3.3", "CVE-2026-33709 in JupyterHub, CVE-2026-33175 in OAuthenticator, CVE-2026-34052 in LTIAuthenticator"
    ),
    SecurityRelease("4.3.4", "CVE-2026-40864 in JupyterHub"),
    SecurityRelease("4.4.0", "GHSA-p43p-whwx-q52h in JupyterHub"),
)


def security_news(before: str | None, after: str) -> tuple[str, ...]:
    """Return a sentence for each security release on the way from one version to another, or back behind it.

    None where a version is missing or is not SemVer.
    """
    old, new = Release(before or "").semver, Release(after).semver
    if old is None or new is None:
        return ()
    if new < old:
        return tuple(f"Goes back behind {one.version}, which mends {one.mends}." for one in _between(new, old))
    return tuple(f"{one.version} is a security release: it mends {one.mends}." for one in _between(old, new))


def _between(low: semver.Version, high: semver.Version) -> tuple[SecurityRelease, ...]:
    return tuple(one for one in SECURITY_RELEASES if low < semver.Version.parse(one.version) <= high)
