"""The index of a Helm repository: the releases of a chart, and the choice of the one to move to.

The format is https://helm.sh/docs/topics/chart_repository/#the-index-file. An index in Helm's layout is split into its
entries, and the YAML library parses an entry when it is needed. It parses any other index as a whole.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

import semver

from ..core.faults import Refused, Unusable, fault_at
from ..core.names import Reference
from ..core.yaml_tree import Data, child, load, text_under
from .versions import is_dev, is_range, order, parse_constraint, parse_version

# A YAML list in a string: https://artifacthub.io/docs/topics/annotations/helm/
IMAGES = "artifacthub.io/images"
HUB_IMAGE = "k8s-hub"

_LARGEST_READ = 8 * 1024 * 1024
_MOST_NODES = 500_000

_FRAME = r'(?s)apiVersion: v1\nentries:\n(.*\n)generated: (?:"[^"\\\n]*"|[\w:.+-]+)\n(?:serverInfo: \{\}\n)?'
_BEGIN = r"(?m)^  (?=[^ \n])"
_VERSION = r"(?m)^    version: ([0-9v][\w.+-]*)$"
_PART = r"v?\d+(\.\d+)?"


class Release(NamedTuple):
    """An entry of the index, as written: ``version`` may not be SemVer, and ``urls`` may be relative.

    ``app_version`` is JupyterHub's version, ``images`` the text of the annotation ``IMAGES``.
    """

    version: str
    app_version: str | None = None
    kube_version: str | None = None
    urls: tuple[str, ...] = ()
    digest: str | None = None
    images: str | None = None
    created: str | None = None

    @property
    def semver(self) -> semver.Version | None:
        """The version as Helm parses it, or None."""
        return parse_version(self.version)

    @property
    def oldest_kubernetes(self) -> str | None:
        """The oldest supported Kubernetes: ``1.28`` for ``>=1.28.0-0``."""
        version = (self.kube_version or "").strip().removeprefix(">=").strip()
        return version.removesuffix("-0").removesuffix(".0") or None

    @property
    def base_image(self) -> Reference | None:
        """The image that the annotation ``IMAGES`` lists as ``k8s-hub``, with a tag.

        None if it can only be in the archive.
        """
        try:
            tree = load(self.images or "")
        except Unusable:
            return None
        for item in tree if isinstance(tree, list) else []:
            with contextlib.suppress(Unusable):
                image = Reference.parse(text_under(item, "image") or "")
                if text_under(item, "name") == HUB_IMAGE and image.tag:
                    return image
        return None


@dataclass(frozen=True, eq=False)
class Index(Mapping[str, Release]):
    """The releases of a chart by version, in the order of the index, and the index's address.

    ``entries`` are releases, or the text of their entries, which is parsed when it is needed.
    """

    entries: Mapping[str, Release | str]
    where: str = ""

    def __getitem__(self, version: str) -> Release:
        entry = self.entries[version]
        if isinstance(entry, Release):
            return entry
        try:
            items = load(f"  {entry}")
        except Unusable as error:
            raise fault_at(self.where, f"the index cannot be read: {error.text}") from error
        return _release(items[0] if isinstance(items, list) else None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def versions(self) -> list[tuple[semver.Version, str]]:
        """The versions of the releases, parsed and as written."""
        return [(parsed, name) for name in self if (parsed := parse_version(name))]

    def find(self, version: str) -> Release | None:
        """Return the release ``version``, as written or as Helm parses it (``v3.2.1`` is 3.2.1), or None."""
        wanted = parse_version(version)
        same = (name for one, name in self.versions if one == wanted)
        name = version if version in self.entries else next(same, None)
        return None if name is None else self[name]


@lru_cache(maxsize=1)
def read_index(data: bytes, where: str, chart: str = "jupyterhub") -> Index:
    """Parse the releases of a chart; of equal versions, the first one counts. A run parses the same index twice."""
    text = data.decode("utf-8-sig", "replace")
    entries = _cut(text, chart)
    index = Index(_read_whole(text, where, chart) if entries is None else entries, where)
    if not index:
        raise fault_at(where, f"the index has no release of {chart}")
    return index


def _cut(text: str, chart: str) -> dict[str, str] | None:
    """Return the text of the chart's entries by version; None if the index is not in Helm's layout."""
    frame = re.fullmatch(_FRAME, text)
    pieces = re.split(_BEGIN, frame[1]) if frame else []
    if pieces.count(f"{chart}:\n") != 1:
        return None
    found: dict[str, str] = {}
    for piece in takewhile(lambda piece: piece.startswith("- "), pieces[pieces.index(f"{chart}:\n") + 1 :]):
        versions = re.findall(_VERSION, piece)
        if len(versions) != 1:
            return None
        found.setdefault(versions[0], piece)
    return found


def _read_whole(text: str, where: str, chart: str) -> dict[str, Release]:
    try:
        tree = load(text, size=_LARGEST_READ, nodes=_MOST_NODES)
    except Unusable as error:
        raise fault_at(where, f"the index cannot be read: {error.text}") from error
    entries = child(tree, "entries")
    if not isinstance(entries, dict):
        raise fault_at(where, "this is not the index of a Helm repository")
    offered = entries.get(chart)
    releases = [_release(one) for one in offered] if isinstance(offered, list) else []
    # Helm writes `generated` last, and `version` last in each entry.
    is_whole = all(one.version for one in releases[-1:]) and text.endswith(("\n", "}"))
    if child(tree, "generated") is None and not is_whole:
        raise fault_at(where, "the index is truncated")
    found: dict[str, Release] = {}
    for release in (one for one in releases if one.version):
        found.setdefault(release.version, release)
    return found


def _release(entry: Data) -> Release:
    urls = child(entry, "urls")
    return Release(
        version=text_under(entry, "version") or "",
        app_version=text_under(entry, "appVersion"),
        kube_version=text_under(entry, "kubeVersion"),
        urls=tuple(url for url in urls if isinstance(url, str) and url) if isinstance(urls, list) else (),
        digest=text_under(entry, "digest"),
        images=text_under(child(entry, "annotations"), IMAGES),
        created=text_under(entry, "created"),
    )


class Choice(NamedTuple):
    """The release to move to, which is the pinned one if nothing is newer; ``reason`` is a clause for the plan.

    ``newer_major`` is the newest release of a higher major version, if the choice was limited to lower ones. ``beyond``
    is the newest of the same major version, if the pinned range excludes it.
    """

    release: Release
    newer_major: Release | None
    reason: str
    beyond: Release | None = None


def choose(
    index: Index, pinned: str, *, to: str | None = None, pre: bool = False, dev: bool = False, major: bool = False
) -> Choice:
    """Choose a release by the order of z2jh's versions, not by the dates in the index.

    ``pinned`` is the current version, or a range, which decides if no option is given. The options are those of
    ``BumpOptions``. Raises Refused if there is no such release.
    """
    taken = pinned_release(index, pinned)
    here = parse_version(taken.version if taken else pinned)
    if to is not None:
        # A comment after a variable in a Makefile leaves blanks.
        return Choice(_exactly(index, to.strip(), here), None, "the requested release")
    if here is None:
        raise Refused(
            f"the pinned version {pinned} is neither a version nor a range of versions that exist",
            where=index.where,
            hint=f"name the release to move to: --to {_example(index)}",
        )
    best = newest(index, range(here.major, sys.maxsize if major else here.major + 1), pre=pre, dev=dev)
    above = None if major else newest(index, range(here.major + 1, sys.maxsize), pre=pre, dev=dev)
    kind = " or ".join(["stable release", *(["pre-release"] if pre else []), *(["development build"] if dev else [])])
    kind = kind if major else f"{kind} of {here.major}.x"
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
    """Return the release that Helm chooses for a pinned version or range, or None."""
    constraint = parse_constraint(pinned)
    if constraint is None or not is_range(pinned):
        return index.find(pinned.lstrip("= "))
    version = constraint.newest_of(index)
    return index[version] if version else None


def release_with_image(index: Index, tag: str) -> Release | None:
    """Return the first release whose base image has ``tag``: a development build may be later than its image's tag."""
    built = parse_version(tag)
    if built is None:
        return None
    same = (pair for pair in index.versions if pair[0].finalize_version() == built.finalize_version())
    later = sorted((order(one), name) for one, name in same if order(one) >= order(built))
    releases = (index[name] for _, name in later)
    return next((one for one in releases if (image := one.base_image) and image.tag == tag), None)


def newest(index: Index, majors: range = range(sys.maxsize), *, pre: bool = False, dev: bool = False) -> Release | None:
    """Return the newest release of these major versions that the options allow (see :func:`choose`), or None."""
    fitting = [
        (order(version), name)
        for version, name in index.versions
        if version.major in majors and (version.prerelease is None or (dev if is_dev(version) else pre))
    ]
    return index[max(fitting, key=lambda pair: pair[0])[1]] if fitting else None


def _exactly(index: Index, version: str, here: semver.Version | None) -> Release:
    part = re.fullmatch(_PART, version)
    release = index.find(version) if part is None or version in index else None
    if release is not None:
        return release
    typed = parse_version(version)
    known = [(one, name) for one, name in index.versions if not is_dev(one)]
    # Suggest stable releases, then others, newest first: of the typed minor version, else of the typed or pinned major.
    known.sort(key=lambda pair: (pair[0].prerelease is None, order(pair[0])), reverse=True)
    minor = [typed.to_tuple()[:2]] if typed and part and part[1] else []
    lines = [*minor, *(one.to_tuple()[:1] for one in (typed, here) if one)]
    fitting = ([name for one, name in known if one.to_tuple()[: len(line)] == line] for line in lines)
    names = next(filter(None, fitting), [_example(index)])
    near = get_close_matches(version, names, n=1) if typed and not part else []
    instead = " or ".join(f"--to {name}" for name in dict.fromkeys([*near, names[0]]))
    what = f"{version} is not a full version" if part else f"version {version} does not exist"
    raise Refused(what, where=index.where, hint=f"choose an existing one: {instead}")


def _example(index: Index) -> str:
    release = newest(index)
    return release.version if release else "VERSION"
