"""The tags of a hub repository's images: chartpress's, or the setting's template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..faults import Refused
from ..hubrepo.paths import join
from ..settings import CHARTPRESS
from .reference import is_tag
from .tag import COMMIT_TO_COME, History, chartpress_tag, naming_commit, require_whole_history, tag_to_come
from .template import render

if TYPE_CHECKING:
    from ..hubrepo.layout import Hub, HubImage

TAG_SETTING = "hub.tag"


@dataclass(frozen=True)
class ImageName:
    """What an image is called, and after which commit.

    Attributes:
        tag: its tag, ``{commit}`` in place of the hash of a commit that is only planned.
        commit: that commit's abbreviated hash, or ``{commit}``.
        revision: its full hash; None while it is only planned.
    """

    tag: str
    commit: str
    revision: str | None


def history_of(hub: Hub) -> History:
    """Return the history that the hub repository's tags are computed from."""
    return History(hub.git.at(hub.root) if hub.root else hub.git)


def awaits_commit(hub: Hub, image: HubImage) -> bool:
    """Whether a planned commit touches what ``image`` depends on, so that its tag is not known before that commit."""
    below = [join(hub.root, path) for path in image.spec.paths]
    return any(file == path or file.startswith(f"{path}/") or path == "." for file in hub.pending for path in below)


def name_image(hub: Hub, history: History, image: HubImage) -> ImageName:
    """Return the tag of ``image`` and the commit that it names.

    Raises:
        Refused: the clone is shallow, no commit has the image's files, or the outcome cannot be a tag.
        Unusable: chartpress.yaml or the setting is wrong.
    """
    require_whole_history(history)
    awaits = awaits_commit(hub, image)
    commit = COMMIT_TO_COME if awaits else naming_commit(history, image.spec.paths)
    tag = _chartpress(hub, history, image) if hub.settings.tag == CHARTPRESS else _filled(hub, history, image, commit)
    if not is_tag(tag.replace(COMMIT_TO_COME, "0")):
        raise Refused(
            f"{tag!r} cannot be an image's tag",
            where="git describe --tags",
            hint="use another template in invoke.yaml: hub: {tag: '{chart_version}-{commit}'}",
        )
    revision = None if awaits else history.git.read("rev-parse", "--verify", f"{commit}^{{commit}}")
    return ImageName(tag, commit, revision)


def _chartpress(hub: Hub, history: History, image: HubImage) -> str:
    base_version = hub.chart.base_version
    if awaits_commit(hub, image):
        return tag_to_come(history, base_version)
    return chartpress_tag(history, image.spec.paths, base_version)


def _filled(hub: Hub, history: History, image: HubImage, commit: str) -> str:
    commits = history.count("HEAD") + 1 if commit == COMMIT_TO_COME else history.count(commit)
    names = {
        "chart_version": hub.requirement.version,
        "commit": commit,
        "commits": str(commits),
        "base_version": image.base.reference.tag or "",
    }
    return render(hub.settings.tag, names, TAG_SETTING)
