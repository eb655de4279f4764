"""What is known of the releases: notes on upgrades, and which of them fix a vulnerability.

The table follows z2jh's upgrade guides and changelog (https://z2jh.jupyter.org/en/stable/administrator/upgrading/,
https://z2jh.jupyter.org/en/stable/changelog.html), in this project's own words. It replaces neither: each entry
links what it is taken from.

Security fixes: after https://z2jh.jupyter.org/en/stable/changelog.html, and JupyterHub's own for what a release brings
along. A release that is not among them may be one too.
"""

from __future__ import annotations

from typing import NamedTuple

import semver

from .choose import is_dev
from .index import Release


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


class Watch(NamedTuple):
    """Values that a note concerns.

    Attributes:
        path: a values path below the chart's own key. In a part, ``*`` and ``[a-z]`` stand for text as in a file
            name; ``**`` at the end for all below.
        holds: only values that have this text in them; empty for any value.
        other_than: only values that are not this text; empty for any value.
    """

    path: str
    holds: str = ""
    other_than: str = ""


class Note(NamedTuple):
    """One thing that an operator should know before an upgrade.

    Attributes:
        text: what it is, in a sentence or two without line breaks.
        watches: the values that it concerns; empty where it concerns every hub.
    """

    text: str
    watches: tuple[Watch, ...] = ()


class Upgrade(NamedTuple):
    """The way from some releases to others.

    Attributes:
        first: the lowest version that it leads to; a SemVer pre-release, so that all of them count.
        title: what is crossed, for people: ``z2jh 3 to 4``.
        guide: the page that tells it all.
        kubernetes: the oldest Kubernetes that it needs, where that rises.
        jupyterhub: JupyterHub's major versions before and after, where that rises.
        notes: what to know.
        since: the lowest version that it leads from.
        until: the version at which it is left behind; None where it stays crossed.
    """

    first: str
    title: str
    guide: str
    kubernetes: str | None
    jupyterhub: tuple[str, str] | None
    notes: tuple[Note, ...]
    since: str = "0.0.0-0"
    until: str | None = None

    def is_on_the_way(self, old: semver.Version, new: semver.Version) -> bool:
        """Whether it is crossed on the way up from ``old`` to ``new``, or, where it has an end, not yet left then."""
        first, since, until = map(semver.Version.parse, (self.first, self.since, self.until or self.first))
        return since <= old < until and first <= new and (self.until is None or new < until)


def upgrades_between(before: str | None, after: str) -> tuple[Upgrade, ...]:
    """Return what is crossed on the way from one version to another, oldest first.

    What holds for every major version comes before the first of them. On the way down it is what holds for going back,
    unless only the patch version falls. None where a version is missing or is not SemVer.
    """
    old, new = Release(before or "").semver, Release(after).semver
    if old is None or new is None:
        return ()
    if new < old:
        return (GOING_BACK,) if (new.major, new.minor) < (old.major, old.minor) else ()
    crossed = tuple(upgrade for upgrade in UPGRADES if upgrade.is_on_the_way(old, new))
    return (ANY_MAJOR, *crossed) if old.major < new.major else crossed


_ANY = (
    Note("Back up the hub's database first: going back needs that backup."),
    Note(
        "An SQLite database is backed up and moved by the hub itself. For MySQL and PostgreSQL set `hub.db.upgrade: "
        "true` for this upgrade, and remove it afterwards.",
        (Watch("hub.db.type", other_than="sqlite-pvc"), Watch("hub.db.upgrade")),
    ),
    Note(
        "Images that the values pin stay where they are while the chart moves: see whether they still fit.",
        (
            Watch("proxy.chp.image"),
            Watch("proxy.traefik.image"),
            Watch("prePuller.*.image"),
            Watch("scheduling.userScheduler.image"),
        ),
    ),
    Note(
        "JupyterHub in the users' images should be of the hub's major version.",
        (Watch("singleuser.image"), Watch("singleuser.profileList")),
    ),
    Note("Try it on a staging hub. Users' servers may have to be stopped, or started again."),
)

_TO_2 = (
    Note(
        "Security: network policies let out more than before, since the new `egressAllowRules` add to what `egress` "
        "allows. Where a policy was narrowed, set those rules to false.",
        (
            Watch("hub.networkPolicy.egress"),
            Watch("proxy.chp.networkPolicy.egress"),
            Watch("proxy.traefik.networkPolicy.egress"),
            Watch("singleuser.networkPolicy.egress"),
        ),
    ),
    Note(
        "JupyterHub has roles now: `admin_access` is gone, and the tokens of servers and services may do less.",
        (Watch("hub.config.*.admin_access"), Watch("hub.extraConfig.**", holds="admin_access"), Watch("hub.services")),
    ),
    Note("JupyterLab is the default interface.", (Watch("singleuser.defaultUrl"),)),
    Note(
        "Users cannot gain privileges any more: where they use sudo, set `singleuser.allowPrivilegeEscalation: true`.",
        (Watch("singleuser.allowPrivilegeEscalation"),),
    ),
    Note(
        "Users' servers start with their image's own command, no longer with `jupyterhub-singleuser`. Where it is set, "
        "`singleuser.cmd` must be the whole command.",
        (Watch("singleuser.cmd"),),
    ),
    Note(
        "`hub.extraConfig` and `hub.extraFiles` win over `hub.config` now, no longer the other way round.",
        (Watch("hub.extraConfig"), Watch("hub.extraFiles")),
    ),
    Note("`hub.fsGid` is `hub.podSecurityContext.fsGroup` now.", (Watch("hub.fsGid"),)),
    Note(
        "`rbac.enabled` is `rbac.create` now, and each of the four service accounts (`hub`, `proxy.traefik`, "
        "`scheduling.userScheduler`, `prePuller.hook`) has a `serviceAccount.create` of its own.",
        (Watch("rbac.enabled"), Watch("rbac.enable")),
    ),
    Note(
        "The user scheduler's plugins are configured in the form `v1beta3`, and need Kubernetes 1.21.",
        (Watch("scheduling.userScheduler.plugins"), Watch("scheduling.userScheduler.pluginConfig")),
    ),
    Note(
        "The hub image is Debian, not Ubuntu, and has `kubernetes_asyncio` in the place of `kubernetes`: read the "
        "Dockerfile again.",
        (Watch("hub.extraConfig.**", holds="kubernetes"),),
    ),
)

_TO_3 = (
    Note("The upgrade guide names Kubernetes 1.24, the chart itself 1.23."),
    Note(
        "JupyterHub 4 checks XSRF tokens: own pages and services that post to it must send them.",
        (Watch("hub.services"), Watch("hub.templatePaths")),
    ),
    Note("Python in the hub image goes from 3.9 to 3.11: see whether what the Dockerfile installs has builds for it."),
    Note(
        "`{` and `}` in the servers' environment are expanded now: double those that mean themselves.",
        (Watch("singleuser.extraEnv.**", holds="{"), Watch("hub.config.KubeSpawner.environment.**", holds="{")),
    ),
    Note(
        "OAuthenticator 16 lets in nobody by default: say who may enter, or `allow_all: true`. An own `authenticate` "
        "must return what it returns now.",
        (
            Watch("hub.config.JupyterHub.authenticator_class"),
            Watch("hub.config.*.allowed_users"),
            Watch("hub.config.*.allow_existing_users"),
            Watch("hub.config.*.allow_all"),
            Watch("hub.extraConfig.**", holds="def authenticate"),
        ),
    ),
    Note("tmpauthenticator is 1.0.", (Watch("hub.config.JupyterHub.authenticator_class", holds="tmp"),)),
    Note(
        "Network policies have new default rules for DNS.",
        (Watch("hub.networkPolicy.egress"), Watch("singleuser.networkPolicy.egress")),
    ),
)

_ON_3_0 = (Note("3.0.0 to 3.0.3 lose track of users' pods, which then run on: go to 3.1.0 or newer at once."),)

_PAST_3_0 = (Note("3.0.0 to 3.0.3 lost track of users' pods: look for those that still run, and remove them by hand."),)

_TO_4 = (
    Note(
        "Every authenticator, not OAuthenticator alone, needs `allow_all: true` where all may enter.",
        (
            Watch("hub.config.JupyterHub.authenticator_class"),
            Watch("hub.config.*.allowed_users"),
            Watch("hub.config.*.allow_existing_users"),
            Watch("hub.config.*.allow_all"),
        ),
    ),
    Note(
        "KubeSpawner 7 makes the names of pods and volumes anew (`slug_scheme: safe`): what `{username}` and "
        "`{servername}` stand for changes for some users. `KubeSpawner.slug_scheme: escape` keeps the old names.",
        (
            Watch("hub.config.KubeSpawner.slug_scheme"),
            Watch("**", holds="{username}"),
            Watch("**", holds="{servername}"),
        ),
    ),
    Note(
        'Homes in a shared volume (`singleuser.storage.type: static`) need `subPath: "{escaped_username}"` to stay '
        "where they are.",
        (Watch("singleuser.storage.type", holds="static"), Watch("singleuser.storage.static.subPath")),
    ),
    Note(
        "JupyterHub's pages are made with Bootstrap 5: own templates must follow.",
        (Watch("hub.templatePaths"), Watch("hub.extraFiles")),
    ),
    Note(
        "Events are told by `EventLogger` instead of `EventLog`.",
        (Watch("hub.config.EventLog"), Watch("hub.extraConfig.**", holds="EventLog.")),
    ),
    Note(
        "The hub image has Python 3.12 on Debian bookworm, OAuthenticator 17 and ldapauthenticator 2: see whether what "
        "the Dockerfile installs fits.",
        (Watch("hub.config.LDAPAuthenticator"),),
    ),
)

_TO_4_3 = (
    Note(
        "The hub does not start any more with a key of `hub.config` that is no class: all begin with a capital letter.",
        (Watch("hub.config.[!A-Z]*"),),
    ),
    Note("The proxy (configurable-http-proxy) goes from 4.6 to 5.1.", (Watch("proxy.chp.image"),)),
)

_TO_5 = (
    Note("z2jh 5 is not released, and has no upgrade guide yet: this is what differs on its main branch."),
    Note("The hub image has Python 3.14 on Debian trixie: see whether what the Dockerfile installs has builds for it."),
    Note("`httpRoute.gateway` is `httpRoute.parentRefs` now.", (Watch("httpRoute.gateway"),)),
    Note("jupyterhub-idle-culler goes from 1 to 2.", (Watch("cull"),)),
)

_BACK = (
    Note(
        "What the newer version has made of the hub's database stays: the older one needs the backup that was made "
        "before."
    ),
    Note("Values that were changed for the newer version must be changed back."),
)

ANY_MAJOR = Upgrade("0.0.0-0", "Every major version", f"{GUIDES}/index.html", None, None, _ANY)
GOING_BACK = Upgrade("0.0.0-0", "Back to an older version", f"{GUIDES}/index.html", None, None, _BACK)
_ORPHANS = (
    "https://discourse.jupyter.org/t/how-to-cleanup-orphaned-user-pods-after-bug-in-z2jh-3-0-and-kubespawner-6-0/21677"
)
UPGRADES = (
    Upgrade("2.0.0-0", "z2jh 1 to 2", f"{GUIDES}/upgrade-1-to-2.html", "1.20", ("1", "3"), _TO_2),
    Upgrade("3.0.0-0", "z2jh 2 to 3", f"{GUIDES}/upgrade-2-to-3.html", "1.23", ("3", "4"), _TO_3),
    Upgrade("3.0.0-0", "Staying on z2jh 3.0", _ORPHANS, None, None, _ON_3_0, until="3.1.0-0"),
    Upgrade("3.1.0-0", "Leaving z2jh 3.0", _ORPHANS, None, None, _PAST_3_0, since="3.0.0-0"),
    Upgrade("4.0.0-0", "z2jh 3 to 4", f"{GUIDES}/upgrade-3-to-4.html", "1.28", ("4", "5"), _TO_4),
    Upgrade("4.3.0-0", "z2jh 4.3", CHANGELOG, None, None, _TO_4_3),
    Upgrade("5.0.0-0", "z2jh 4 to 5", f"{REPOSITORY}/blob/main/docs/source/changelog.md", "1.32", None, _TO_5),
)
