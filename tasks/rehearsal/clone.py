"""A throwaway clone of a hub repository, with a remote of its own, whose images go to a throwaway registry."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from ..faults import Unusable
from ..hubrepo.document import parse
from ..hubrepo.files import FileEdit, WorkingTree
from ..hubrepo.route import text_at
from ..hubrepo.scalar import with_scalars
from ..tools.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..hubrepo.chartpress import ChartpressConfig
    from ..hubrepo.layout import Hub

CLONE, REMOTE = "hub", "remote.git"
_NAME, _EMAIL = "hubpress rehearsal", "rehearsal@localhost"
_CHARTS, _PREFIX, _IMAGES, _IMAGE_NAME = "charts", "imagePrefix", "images", "imageName"


def make_clone(hub: Hub, folder: Path, address: str) -> None:
    """Clone ``hub`` into ``folder``, as its working tree stands, with a bare remote beside it.

    The clone appears whole or not at all. One commit on its default branch holds what was not committed, and the
    images' new names.

    Args:
        hub: the repository; nothing of it changes.
        folder: where the clone and its remote go.
        address: the throwaway registry's ``HOST:PORT``.

    Raises:
        Unusable: chartpress.yaml gives the images no names that can be changed.
        ProgramFailed: git failed.
    """
    branch = hub.settings.base_branch or hub.git.default_branch(hub.settings.remote)
    making, remote = folder / f"{CLONE}.making", folder / REMOTE
    for leftover in (making, remote):
        shutil.rmtree(leftover, ignore_errors=True)
    outside = Git(folder)
    outside.read("init", "--quiet", "--bare", f"--initial-branch={branch}", str(remote))
    outside.read("clone", "--quiet", "--no-hardlinks", "--origin", "rehearsed", "--", str(hub.git.folder), str(making))
    clone = Git(making)
    current = clone.branch()
    clone.read("checkout", "--quiet", "-B", branch)
    # The release makes its own feature branch, also where the user stands on one.
    if current not in (None, branch):
        clone.read("branch", "--quiet", "--delete", "--force", "--", str(current))
    _be_somebody(clone)
    if clone.is_shallow():
        _begin_anew(clone)
    _copy_changes(hub.git, making)
    WorkingTree(making).replace([redirected(replace(hub, git=clone, files=WorkingTree(making)), address)])
    _commit_stage(clone, address)
    clone.read("remote", "remove", "rehearsed")
    clone.read("remote", "add", "--", hub.settings.remote, str(remote))
    clone.read("push", "--quiet", "--set-upstream", "--", hub.settings.remote, branch)
    clone.read("remote", "set-head", "--", hub.settings.remote, branch)
    making.rename(folder / CLONE)


def redirected(hub: Hub, address: str) -> FileEdit:
    """Return the edit of chartpress.yaml that puts ``address`` before every image's name.

    Raises:
        Unusable: a chart has images, and neither a prefix nor names to put it before.
    """
    before = hub.require(hub.config_file)
    document = parse(before, hub.config_file)
    named = ((path, text_at(document, path)) for path in _name_paths(hub.config))
    # The registry that the name begins with becomes a folder, where its port's colon cannot stand.
    new = {path: f"{address}/{name.replace(':', '-')}" for path, name in named if name}
    if not new:
        raise Unusable(
            "no image has a prefix or a name to rehearse with",
            where=hub.config_file,
            hint="add imagePrefix to the chart",
        )
    after = with_scalars(document, new) or before
    return FileEdit(hub.config_file, before, after, f"images to {address}")


def _name_paths(config: ChartpressConfig) -> Iterator[tuple[str, ...]]:
    """Yield each place in chartpress.yaml that an image's name may begin at."""
    for index, chart in enumerate(config.charts):
        yield (_CHARTS, str(index), _PREFIX)
        yield from ((_CHARTS, str(index), _IMAGES, image.key, _IMAGE_NAME) for image in chart.images)


def _copy_changes(git: Git, clone: Path) -> None:
    """Bring what is not committed into the clone: changed and new files, and the absence of deleted ones."""
    for path in git.changed(["."]):
        theirs, ours = git.folder / path, clone / path
        ours.unlink(missing_ok=True)
        if theirs.is_symlink() or theirs.is_file():
            ours.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(theirs, ours, follow_symlinks=False)


def _be_somebody(clone: Git) -> None:
    """See to it that commits have an author, and need no key."""
    if not clone.ask("config", "user.email").text:
        clone.read("config", "user.name", _NAME)
        clone.read("config", "user.email", _EMAIL)
    clone.read("config", "commit.gpgSign", "false")


def _begin_anew(clone: Git) -> None:
    """Make the commit that a shallow clone stands on its first one: a cut history can be neither counted nor pushed."""
    clone.read("reset", "--quiet", "--soft", clone.read("commit-tree", "-m", "The history was cut here", "HEAD^{tree}"))
    for tag in clone.read("tag", "--list").split():
        clone.read("tag", "--delete", "--", tag)
    (clone.git_dir / "shallow").unlink()


def _commit_stage(clone: Git, address: str) -> None:
    clone.read("add", "--all")
    message = f"Set the stage: the working tree as it stands, images to {address}"
    clone.read("commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)
