"""The tags of a hub repository's images: chartpress's, or the setting's template."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..faults import Refused
from ..hubrepo.paths import is_below, join
from ..settings import CHARTPRESS
from .reference import is_tag
from .tag import (
    COMMIT_TO_COME,
    HEAD,
    History,
    chartpress_tag,
    checked_base_version,
    naming_commit,
    require_whole_history,
    tag_at,
    tag_to_come,
)
from .template import fields, render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..hubrepo.layout import Hub, HubImage

TAG_SETTING = "hub.tag"
CONTENT = "content"
CONTENT_DIGITS = 12


class ImageName(NamedTuple):
    """What an image is called, and after which commit.

    Attributes:
        tag: its tag, ``{commit}`` in place of the hash of a commit that is only planned.
        commit: that commit's abbreviated hash, or ``{commit}``; empty where the tag names the content.
        revision: its full hash; None while it is only planned, or where the tag names the content.
    """

    tag: str
    commit: str
    revision: str | None


def history_of(hub: Hub) -> History:
    """Return the history that the hub repository's tags are computed from."""
    return History(hub.git.at(hub.root) if hub.root else hub.git)


def awaits_commit(hub: Hub, image: HubImage) -> bool:
    """Whether a planned commit touches what ``image`` depends on, so that its tag is not known before that commit."""
    return depends_on(hub, image, hub.pending)


def depends_on(hub: Hub, image: HubImage, files: Iterable[str]) -> bool:
    """Whether ``image`` depends on one of ``files`` (relative to the repository's top)."""
    below = [join(hub.root, path) for path in image.spec.paths]
    return any(is_below(file, below) for file in files)


def name_image(hub: Hub, history: History, image: HubImage, content: str = "") -> ImageName:
    """Return the tag of ``image`` and the commit that it names.

    Args:
        hub: the hub repository.
        history: its history.
        image: the image.
        content: the hash of what it is built from; only a tag with ``{content}`` needs it.

    Raises:
        Refused: the clone is shallow, no commit has the image's files, or the outcome cannot be a tag.
        Unusable: chartpress.yaml or the setting is wrong.
    """
    template = hub.settings.tag
    if not names_commit(template):
        return ImageName(_checked(_filled(hub, image, {"content": content[:CONTENT_DIGITS]})), "", None)
    require_whole_history(history)
    awaits = awaits_commit(hub, image)
    commit = COMMIT_TO_COME if awaits else naming_commit(history, image.spec.paths)
    if template == CHARTPRESS:
        tag = _chartpress(hub, history, image)
    else:
        commits = history.count(HEAD) + 1 if awaits else history.count(commit)
        tag = _filled(hub, image, {"commit": commit, "commits": str(commits)})
    revision = None if awaits else history.full_hash(commit)
    return ImageName(_checked(tag), commit, revision)


def earlier_tags(hub: Hub, history: History, image: HubImage, most: int) -> list[str]:
    """Return the tags that builds of the last ``most`` commits of any branch gave ``image``, the newest first."""
    base = checked_base_version(history, hub.chart.base_version) if hub.settings.tag == CHARTPRESS else None
    commits = history.commits_of(image.spec.paths, most)
    return list(dict.fromkeys(_tag_of(hub, history, image, commit, base) for commit in commits))


def _tag_of(hub: Hub, history: History, image: HubImage, commit: str, base: str | None) -> str:
    if hub.settings.tag == CHARTPRESS:
        return tag_at(history, commit, base)
    return _filled(hub, image, {"commit": commit, "commits": str(history.count(commit))})


def names_commit(template: str) -> bool:
    """Whether a tag of ``template`` is that of a commit's image, rather than of the files as they lie there."""
    return template == CHARTPRESS or CONTENT not in fields(template, TAG_SETTING)


def tells_images_apart(template: str) -> bool:
    """Whether two images never share a tag of ``template``: it holds the commit or the content.

    A number of commits does not tell: an amended commit has the same.
    """
    return template == CHARTPRESS or not fields(template, TAG_SETTING).isdisjoint({"commit", CONTENT})


def _chartpress(hub: Hub, history: History, image: HubImage) -> str:
    base_version = hub.chart.base_version
    if awaits_commit(hub, image):
        return tag_to_come(history, base_version)
    return chartpress_tag(history, image.spec.paths, base_version)


def _filled(hub: Hub, image: HubImage, names: dict[str, str]) -> str:
    all_names = {"chart_version": hub.requirement.version, **names, "base_version": image.base.reference.tag or ""}
    return render(hub.settings.tag, all_names, TAG_SETTING)


def _checked(tag: str) -> str:
    if is_tag(tag.replace(COMMIT_TO_COME, "0")):
        return tag
    raise Refused(
        f"{tag!r} cannot be an image's tag",
        where="git describe --tags",
        hint="use another template in invoke.yaml: hub: {tag: '{chart_version}-{commit}'}",
    )
