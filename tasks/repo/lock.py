"""The lock file beside a chart's requirement (https://helm.sh/docs/helm/helm_dependency/).

helm alone writes it, its digest included. What is here says what it will name, so that a plan can be made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..core.faults import Fault, ProgramFailed
from ..core.plan import Action, Fact, Values
from ..tools import helm
from .chart import requirements, with_version
from .files import FileEdit, WorkingTree, edit_action, written
from .hub import Hub, lock_file


def lock_edit(hub: Hub, version: str) -> FileEdit | None:
    """Return what refreshing the lock for ``version`` will change, as far as it is known; None without a lock.

    The lock's digest and time are helm's, so the edit is for plans alone.

    Raises:
        Refused: the lock must change, and helm is not here.
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

    Args:
        hub: the repository as it is.
        edits: what is to be written.
        lock: what is known of the lock's refreshing; None without a lock.
        why: the reason, for the plan.
        relies: what it relies on besides the bytes of all these files.
    """
    plain = edit_action(hub.git.folder, edits, why, relies)
    if lock is None or not lock.changes:
        return plain
    chart = (hub.git.folder / hub.dependencies_at(hub.chart)).parent

    tree = WorkingTree(hub.git.folder)

    def do(_: Values) -> Values:
        left = written(tree, edits)
        with _undone_on_fault(tree, edits, lock):
            helm.update(chart)
            _require_locked(hub.again(), lock.path)
        return {**left, lock.path: tree.read(lock.path)}

    command = f"$ {helm.update_command(chart)}"
    what = f"{plain.what}; {lock.path}: {lock.summary}"
    files = (tree.fact(edit.path, edit.before) for edit in (*edits, lock))
    return Action(what, why, do, (*plain.details, command), (*relies, *files))


def _require_locked(hub: Hub, path: str) -> None:
    """Check that the lock names the requirement's version.

    Raises:
        ProgramFailed: helm left it at another one.
    """
    name, version = hub.requirement.name, hub.requirement.version
    if _locked_version(hub.require(path), name, path) != version:
        command = helm.update_command((hub.git.folder / path).parent)
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
        tree.replace(edit for edit in back if tree.read(edit.path) == edit.before)
        raise
