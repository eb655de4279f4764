"""The tag of an image, computed from git as chartpress computes it.

The rules are those of chartpress 2.4 (https://github.com/jupyterhub/chartpress#readme), to the byte, so that after a
build chartpress finds nothing to do: the last commit that is tagged or touches the image's paths names the image.

    no git tag                      0.0.1-0.dev.git.<commits>.h<commit>
    on the tag 1.2.3                1.2.3
    after the tag 1.2.3             1.2.3-0.dev.git.<commits>.h<commit>
    after the tag 1.2.3-beta.1      1.2.3-beta.1.git.<commits>.h<commit>

``<commits>`` counts from the beginning of the history, ``<commit>`` is abbreviated by git. A chart's ``baseVersion``
takes the tag's place, except on a tag.

``hub.tag`` puts a template of names in braces in its place: ``{TAG}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

import semver

from ..core.faults import Refused, Unusable
from ..core.names import is_tag
from ..core.settings import CHARTPRESS, SECTION, how_to_correct
from ..repo.files import is_below
from ..repo.hub import Hub, HubImage
from ..tools.command import Output
from ..tools.git import HEAD, Git
from ..tools.process import map_parallel

# These stand for the hash of a planned commit, and for the digest of an image that is not built yet.
COMMIT_TO_COME, DIGEST_TO_COME = "{commit}", "sha256:{digest}"
_UNTAGGED_BASE = "0.0.1-0.dev"
_CONTENT, _CONTENT_DIGITS = "{content}", 12


class ImageName(NamedTuple):
    """An image's tag, and its commit: the abbreviated hash in ``commit``, the full one in ``revision``.

    For a planned commit, ``commit`` is ``{commit}``, and ``revision`` is None. If the tag names the content, ``commit``
    is empty, and ``revision`` is None.
    """

    tag: str
    commit: str
    revision: str | None


def name_image(hub: Hub, image: HubImage, content: str = "") -> ImageName:
    """Return the tag of ``image`` and its commit; ``content`` is the hash for tags that name the content."""
    if not names_commit(hub.settings.tag):
        tag = _filled(hub, image, {"content": content[:_CONTENT_DIGITS]})
        return ImageName(_checked(tag, hub.settings.tag), "", None)
    if hub.git.clone.shallow:
        what, hint = "the clone is shallow, so commits cannot be counted", "git fetch --unshallow"
        raise Refused(what, where=hub.git.folder / hub.layout.root, hint=hint)
    is_planned = depends_on(hub, image, hub.pending)
    commit, revision = (COMMIT_TO_COME, None) if is_planned else _naming_commit(hub, image)
    return ImageName(_checked(_tag_at(hub, image, commit), hub.settings.tag), commit, revision)


def earlier_tags(hub: Hub, image: HubImage, most: int) -> list[str]:
    """Return the tags of ``image`` for its last ``most`` commits on any branch, newest first."""
    last = ("log", "--all", f"--max-count={most}", "--pretty=format:%h")
    commits = hub.git.ask(*last, "--", *hub.paths_of(image)).text.split()
    return list(dict.fromkeys(map_parallel(lambda commit: _tag_at(hub, image, commit), commits)))


def depends_on(hub: Hub, image: HubImage, files: Iterable[str]) -> bool:
    """Whether changes of ``files`` (relative to the top) change the tag of ``image``."""
    below = hub.paths_of(image)
    return any(is_below(file, below) for file in files)


def names_commit(template: str) -> bool:
    """Whether tags of ``template`` depend on a commit, not on the files in the working tree."""
    return _CONTENT not in template


def tells_images_apart(name: ImageName) -> bool:
    """Whether a tag contains its commit or the content."""
    return not name.commit or name.commit in name.tag


def _naming_commit(hub: Hub, image: HubImage) -> tuple[str, str]:
    """Return the last commit that is tagged or changes the paths of ``image``, as abbreviated and full hash."""
    touching = _commit(hub.git, "--", *hub.paths_of(image))
    tag, _ = _tagged(hub.git, HEAD)
    tagged = _commit(hub.git, f"refs/tags/{tag}", "--") if tag else None
    if tagged and not (touching and _ask(hub.git, "merge-base", "--is-ancestor", tagged[0], touching[0]).ok):
        return tagged
    if touching is None:
        where, hint = ", ".join(image.spec.paths), "git add and commit them first"
        raise Refused("no commit has the image's files yet", where=where, hint=hint)
    return touching


def _tagged(git: Git, commit: str) -> tuple[str | None, int]:
    """Return the latest git tag before ``commit``, annotated or not, and the number of commits since."""
    if commit != HEAD and _tagged(git, HEAD)[0] is None:
        return None, 0
    described = _ask(git, "describe", "--tags", "--long", commit)
    if not described.ok:
        return None, 0
    tag, _, since = described.text.rpartition("-g")[0].rpartition("-")
    return tag, int(since)


def _count(git: Git, commit: str) -> int:
    """Return the number of commits up to and including ``commit``; ``COMMIT_TO_COME`` follows HEAD."""
    if commit == COMMIT_TO_COME:
        return _count(git, HEAD) + 1
    return int(_ask(git, "rev-list", "--count", commit, "--").text)


def _commit(git: Git, *which: str) -> tuple[str, str] | None:
    """Return the abbreviated and full hash of the last commit in git's log of ``which``, or None."""
    question = ("log", "--max-count=1", "--pretty=format:%h %H", *which)
    answer = _ask(git, *question)
    if not answer.ok and git.start.commit is not None:
        git.read(*question)  # raises what git says
    short, _, whole = answer.text.partition(" ")
    return (short, whole) if whole else None


@cache
def _ask(git: Git, *question: str) -> Output:
    """Return git's answer, asked once: the history stays the same until the repository is read again."""
    return git.ask(*question)


def fill_template(template: str, names: Mapping[str, str], where: str) -> str:
    """Replace each ``{NAME}`` in ``template``, and ``{{`` and ``}}`` by braces, like ``str.format``."""

    def fill(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found[1] in names:
            return names[found[1]]
        known = ", ".join(f"{{{name}}}" for name in names)
        raise Unusable(
            f"the template {template!r} cannot be filled in: it may use {known}",
            where=where,
            hint=how_to_correct(where.removeprefix(f"{SECTION}."), f"fix it in {where}"),
        )

    return re.sub(r"{{|}}|{(\w+)}|[{}]", fill, template)


def _filled(hub: Hub, image: HubImage, names: Mapping[str, str]) -> str:
    known = {"chart_version": hub.version, "base_version": image.base.reference.tag or "", **names}
    return fill_template(hub.settings.tag, known, f"{SECTION}.tag")


def _checked(tag: str, template: str) -> str:
    if is_tag(tag.replace(COMMIT_TO_COME, "0")):
        return tag
    raise Refused(
        f"{tag!r} is not a valid image tag",
        where="git describe --tags" if template == CHARTPRESS else f"{SECTION}.tag",
        hint=how_to_correct("tag", "use another template in invoke.yaml: hub: {tag: '{chart_version}-{commit}'}"),
    )


def _tag_at(hub: Hub, image: HubImage, commit: str) -> str:
    """Return the tag of ``image`` at ``commit``, or for the next commit with ``COMMIT_TO_COME``."""
    is_planned = commit == COMMIT_TO_COME
    if hub.settings.tag != CHARTPRESS:
        return _filled(hub, image, {"commit": commit, "commits": str(_count(hub.git, commit))})
    base = _base_version(hub.layout.chart.base_version, *_tagged(hub.git, HEAD))
    tag, since = _tagged(hub.git, HEAD if is_planned else commit)
    if tag is not None and since == 0 and not is_planned:
        return tag
    base = base or tag or _UNTAGGED_BASE
    return f"{base}{'' if '-' in base else '-0.dev'}.git.{_count(hub.git, commit)}.h{commit}"


def _base_version(written: str | None, tag: str | None, since: int) -> str | None:
    """Return the version for a chart's ``baseVersion`` after the git tag ``tag``, by chartpress's rules.

    ``major``, ``minor`` and ``patch`` increment the tag. Other values must be SemVer, become a pre-release, and must
    not be lower than the tag.
    """
    if not written:
        return None
    tagged = _semver((tag or "").lstrip("v"))
    if written in {"major", "minor", "patch"}:
        if not tag:
            return _UNTAGGED_BASE
        if tagged is None:
            raise _wrong_base(f"baseVersion {written} needs a git tag that is SemVer, not {tag}")
        return tag if "-" in tag else f"{tagged.next_version(written)}-0.dev"
    wanted = written if "-" in written else f"{written}-0.dev"
    version = _semver(wanted)
    if version is None:
        raise _wrong_base(f"baseVersion {written} is not a SemVer version")
    # Pre-releases of the same version may come in any order.
    ours, theirs = version.to_tuple()[:3], tagged.to_tuple()[:3] if tagged else (0, 0, 0)
    if tagged and since and (ours < theirs or (ours == theirs and not tagged.prerelease)):
        raise _wrong_base(f"baseVersion {wanted} is not greater than the git tag {tag}")
    return wanted


def _semver(text: str) -> semver.Version | None:
    return semver.Version.parse(text) if semver.Version.is_valid(text) else None


def _wrong_base(what: str) -> Unusable:
    return Unusable(what, where="chartpress.yaml", hint="set baseVersion to the next release, for example 1.2.0-0.dev")
