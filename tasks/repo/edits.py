"""The edits of a hub repository: to a release, with the lock beside the requirement, and to an image.

Helm alone writes the lock, its digest included (https://helm.sh/docs/helm/helm_dependency/); the lock's edit here is
for plans.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..core.faults import Fault, ProgramFailed, Unusable
from ..core.names import Reference
from ..core.plan import Action, Fact, Values
from ..core.settings import CHART
from ..tools import helm
from ..tools.command import Command
from .chart import requirements, with_version
from .dockerfile import with_base
from .files import FileEdit, WorkingTree, edit_action
from .hub import Hub, HubImage, ValuesPlace, lock_file
from .values import image_at, with_image

SLIM = "-slim"


class PinnedPlace(NamedTuple):
    """An image's name, without its tag, and tag for one place."""

    place: ValuesPlace
    name: str
    tag: str


def base_for(image: HubImage, released: Reference, policy: str) -> Reference:
    """Return the base image of ``image`` for a release whose hub image is ``released``.

    The Dockerfile's repository is kept, or the chart's taken (``policy``); a slim variant stays slim. A digest is left
    out: it belongs to the old tag.
    """
    ours = image.base.reference
    name = released.name if policy == CHART else ours.name
    if ours.path.endswith(SLIM) and not name.endswith(SLIM):
        name += SLIM
    return Reference(name, released.tag)


def release_edits(hub: Hub, version: str, bases: Sequence[tuple[HubImage, Reference]]) -> tuple[FileEdit, ...]:
    """Return the edits that move the repository to a release: the Dockerfiles' to ``bases``, then the requirement's."""
    dockerfiles = {image.dockerfile: (image, base) for image, base in bases}
    edits = []
    for path, (image, base) in dockerfiles.items():
        before = hub.require(path)
        edits.append(FileEdit(path, before, with_base(before, base, path), f"{image.base.reference} -> {base}"))
    path, required = hub.requirement_file, hub.requirement
    if hub.chart_folder is None:
        return tuple(edits)
    before = hub.require(path)
    after = with_version(before, required.name, version, path)
    return (*edits, FileEdit(path, before, after, f"{required.name} {required.version} -> {version}"))


def lock_edit(hub: Hub, version: str) -> FileEdit | None:
    """Return the foreseeable edit of the lock for ``version``; None without a lock.

    Raises:
        Refused: the lock must change, and helm is missing.
    """
    path = lock_file(hub)
    if path is None:
        return None
    before = hub.require(path)
    name = hub.requirement.name
    locked = _locked_version(before, name, path)
    if locked == version:
        return FileEdit(path, before, before, f"{name} {version}")
    helm.require_helm(path)
    return FileEdit(path, before, with_version(before, name, version, path), f"{name} {locked} -> {version}")


def locked_action(
    hub: Hub, edits: Sequence[FileEdit], lock: FileEdit | None, why: str, relies: Sequence[Fact]
) -> Action:
    """Return the action that makes ``edits`` and refreshes the lock where that changes: all of it, or none.

    It relies on the bytes of all these files besides ``relies``.
    """
    plain = edit_action(hub.git.folder, edits, why, relies)
    if lock is None or not lock.changes:
        return plain
    chart = (hub.git.folder / str(hub.dependencies_file)).parent
    command = helm.update_command(chart)
    tree = WorkingTree(hub.git.folder)

    def do(_: Values) -> Values:
        left = tree.replace(edits)
        with _undone_on_fault(tree, edits, lock):
            helm.update(chart)
            _require_locked(hub.again(), lock.path, command)
        return {**left, lock.path: tree.read(lock.path)}

    what = f"{plain.what}; {lock.path}: {lock.summary}"
    files = (tree.fact(edit.path, edit.before) for edit in (*edits, lock))
    return Action(what, why, do, (*plain.details, f"$ {command}"), (*relies, *files))


def image_edits(hub: Hub, pins: Iterable[PinnedPlace]) -> tuple[FileEdit, ...]:
    """Return the edits that write images to their places, one for each file.

    Raises:
        Unusable: a file or a values path is missing, or leads to no image.
    """
    by_file: dict[str, list[PinnedPlace]] = {}
    for pin in pins:
        by_file.setdefault(pin.place.file, []).append(pin)
    return tuple(_values_edit(hub, file, pinned) for file, pinned in by_file.items())


def foreign_changes(hub: Hub) -> tuple[str, ...]:
    """Return the managed files that differ from the commit by more than bump and build write.

    The committed bytes with today's version, base images and image tags must be today's bytes.
    """
    places = [place for image in hub.images for place in hub.values_places(image)]
    return tuple(path for path in hub.changed if _ours(hub, path, places) != hub.files.read(path))


def _ours(hub: Hub, path: str, places: Iterable[ValuesPlace]) -> bytes | None:
    """Return the committed bytes of ``path`` with today's version, base and images; None if it is not committed."""
    data = hub.committed.read(path)
    if data is None:
        return None
    if path == lock_file(hub):
        return hub.files.read(path)
    if path == hub.requirement_file and hub.chart_folder is not None:
        data = with_version(data, hub.requirement.name, hub.requirement.version, path)
    for image in hub.images:
        if path == image.dockerfile:
            data = with_base(data, image.base.reference, path)
    for place in places:
        pinned = image_at(hub.require(place.file), place.path, place.file) if path == place.file else None
        if pinned and pinned.name is not None and pinned.tag is not None:
            data = with_image(data, place.path, pinned.name, pinned.tag, path)
    return data


def _values_edit(hub: Hub, file: str, pins: Sequence[PinnedPlace]) -> FileEdit:
    before = hub.files.read(file)
    if before is None:
        keys = pins[0].place.path.split(".")
        lines = "".join(f"{{{key}: " for key in keys) + "{name: , tag: }" + "}" * len(keys)
        raise Unusable("the values file is missing", where=file, hint=f"write it with {lines}")
    after = before
    for pin in pins:
        after = with_image(after, pin.place.path, pin.name, pin.tag, file)
    return FileEdit(file, before, after, ", ".join(f"{pin.place.path} -> {pin.name}:{pin.tag}" for pin in pins))


def _require_locked(hub: Hub, path: str, command: Command) -> None:
    """Check that ``command`` has locked the requirement's version.

    Raises:
        ProgramFailed: the lock names another one.
    """
    name, version = hub.requirement.name, hub.requirement.version
    if _locked_version(hub.require(path), name, path) != version:
        raise ProgramFailed(f"helm did not lock {name} at {version}", where=path, hint=str(command))


def _locked_version(data: bytes, name: str, path: str) -> str | None:
    return next((one.version for one in requirements(data, path) if one.name == name), None)


@contextlib.contextmanager
def _undone_on_fault(tree: WorkingTree, edits: Sequence[FileEdit], lock: FileEdit) -> Iterator[None]:
    """Put the files of ``edits`` and the lock back as they were when the block ends with a fault."""
    try:
        yield
    except Fault:
        # What helm made of the lock is known now; elsewhere only our own bytes are taken back.
        made = (*edits, lock._replace(after=tree.read(lock.path) or b""))
        back = [edit._replace(before=edit.after, after=edit.before or b"") for edit in made]
        tree.replace([edit for edit in back if tree.read(edit.path) == edit.before])
        raise
