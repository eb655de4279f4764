"""Where people read what a release brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .choose import is_dev
from .release import Release

if TYPE_CHECKING:
    import semver

REPOSITORY = "https://github.com/jupyterhub/zero-to-jupyterhub-k8s"
_DOCS = "https://z2jh.jupyter.org/en/stable"
CHANGELOG = f"{_DOCS}/changelog.html"
_JUPYTERHUB_CHANGELOG = "https://jupyterhub.readthedocs.io/en/stable/reference/changelog.html"
GUIDES = f"{_DOCS}/administrator/upgrading"
# The major versions that have an upgrade guide of their own, by where one comes from.
_GUIDED = range(1, 4)
_HASH_LENGTHS = range(7, 41)


def release_links(release: Release) -> tuple[str, ...]:
    """Return the pages about a release.

    For a release: z2jh's changelog (its anchors are numbered anew with every release, so the page itself) and
    JupyterHub's, where the entry names JupyterHub's version. For a build of main: what it holds, on GitHub.
    """
    version = release.semver
    is_released = version is not None and not is_dev(version)
    page = CHANGELOG if is_released else _history(release)
    return (page, _JUPYTERHUB_CHANGELOG) if release.app_version else (page,)


def comparison(before: Release, after: Release) -> str | None:
    """Return the page with every change between two releases, the lower one first.

    None where one is neither tagged nor names a commit.
    """
    is_down = before.semver and after.semver and after.semver < before.semver
    old, new = (_point(after), _point(before)) if is_down else (_point(before), _point(after))
    return f"{REPOSITORY}/compare/{old}...{new}" if old and new else None


def upgrade_links(before: str, after: str) -> tuple[str, ...]:
    """Return the upgrade guides to read when moving from one version to another.

    Returns:
        The general guide and that of each major version crossed, oldest first; none where no higher major
        version is reached, or where a version is not SemVer.
    """
    old, new = Release(before).semver, Release(after).semver
    if old is None or new is None or old.major >= new.major:
        return ()
    crossed = [major for major in _GUIDED if old.major <= major < new.major]
    return (
        f"{GUIDES}/index.html",
        *(f"{GUIDES}/upgrade-{major}-to-{major + 1}.html" for major in crossed),
    )


def _history(release: Release) -> str:
    """Return the page of the commits up to a build, from the release before it where its name tells that."""
    commit = _commit(release.version)
    if commit is None:
        return f"{REPOSITORY}/commits/main"
    tag = _tag_before(release.semver) if release.semver else None
    return f"{REPOSITORY}/compare/{tag}...{commit}" if tag else f"{REPOSITORY}/commits/{commit}"


def _point(release: Release) -> str | None:
    """Return what z2jh's repository calls a release: its tag, or the commit that a build of main is named after."""
    version = release.semver
    return release.version if version and not is_dev(version) else _commit(release.version)


def _commit(version: str) -> str | None:
    """Return the commit that a build's version ends in: ``n451.h198fc854``, ``git.6085.h59225bad``, ``a59cf29``."""
    last = version.replace("-", ".").rpartition(".")[2].removeprefix("h")
    is_hash = len(last) in _HASH_LENGTHS and not last.strip("0123456789abcdef")
    return last if is_hash else None


def _tag_before(version: semver.Version) -> str | None:
    """Return the tag that chartpress counted a build's commits from.

    ``1.1.3-n804.h96f6e96d`` comes after 1.1.3, ``4.0.0-beta.4.git.6831.habe06f4d`` after 4.0.0-beta.4, and
    ``2.0.1-0.dev.git.6085.h59225bad`` after 2.0.0: main carries the patch version that would come next.
    """
    release = version.finalize_version()
    parts = (version.prerelease or "").split(".")
    if parts[0].startswith("n") and parts[0][1:].isdigit():
        return str(release)
    if len(parts) > 2 and parts[1].isdigit():  # noqa: PLR2004 - a stage, its number, and then the build
        return f"{release}-{parts[0]}.{parts[1]}"
    return str(release.replace(patch=version.patch - 1)) if parts[:2] == ["0", "dev"] and version.patch else None
