"""The edits of a hub repository for another release, and for another image.

Only Helm writes lock files, because of their digest (https://helm.sh/docs/helm/helm_dependency/). Their edits here are
only for plans.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from ..core import output
from ..core.faults import CLI, ProgramFailed, Refused, Unusable
from ..core.names import Reference
from ..core.plan import Action, Fact, Values
from ..core.safe_files import temporary_folder
from ..releases.versions import allows, is_range
from ..tools.command import Command
from ..tools.helm import UPDATE_SECONDS
from ..tools.process import require_installed, run_checked
from .charts import CHART_FILES, LOCAL, LOCKS, is_folder, requirements
from .files import Edited, FileEdit, Files, WorkingTree, behind_links, edit_action, is_glob, join, require
from .hub import Hub
from .pins import Lock, Pin
from .values import ValuesPlace, name_in

_MOST_NAMED = 8


def release_edits(hub: Hub, texts: Mapping[Pin, str]) -> tuple[FileEdit, ...]:
    """Return the edits, one for each file, that set each place of the release to its text; lock files come last."""
    after: Files = hub.files
    summaries: dict[str, list[str]] = {}
    # If the place itself is up to date, another one in its file may not be: an earlier stage, a copied file.
    rest: dict[str, str] = {}
    for pin, text in texts.items():
        before = pin.read(hub.files).text
        after = Edited(after, pin.moved(after, text))
        for path in pin.files:
            what = f"{pin.name} {before}".strip() + f" -> {text}" if before != text else ""
            summaries.setdefault(path, []).append(what)
            rest[path] = f"the rest -> {text}"
    for pin, text in texts.items():
        found = pin.read(after)
        if found.text != text:
            raise Unusable(
                f"{pin.name or 'the base image'} would be {found.text}, not {text}: another place shares its version",
                where=f"{pin.file}:{found.line}",
                hint="give each place its own version",
            )
    return _edits(hub, after, {path: [*filter(None, words)] or [rest[path]] for path, words in summaries.items()})


def _edits(hub: Hub, after: Files, summaries: Mapping[str, Sequence[str]]) -> tuple[FileEdit, ...]:
    """Return the edits that change the files to those in ``after``; ``summaries`` are for people, by path."""
    absent = next((path for path in summaries if path in hub.listing.absent), None)
    if absent:
        folder = shlex.quote(absent.rpartition("/")[0] or "/")
        raise Refused("the file is not checked out", where=absent, hint=f"git sparse-checkout add {folder}")
    edits = tuple(
        FileEdit(path, hub.require(path), require(after, path), ", ".join(dict.fromkeys(words)))
        for path, words in summaries.items()
    )
    for path in (behind_links(hub.git.folder, edit.path) for edit in edits if edit.changes):
        # Git lists only the folder of a submodule.
        submodule = next((one for one in map(str, PurePosixPath(path).parents) if one in hub.listing.files), None)
        if submodule:
            there = f"git -C {shlex.quote(submodule)} status"
            hint = f"move it into this repository, or change and commit it there: {there}"
            raise Refused(f"the file is in the submodule {submodule}", where=path, hint=hint)
    return edits


def archives(hub: Hub) -> tuple[str, ...]:
    """Return git's files of the dependency in the chart's ``charts/``, which Helm uses and a release does not move."""
    if hub.layout.folder is None:
        return ()
    begin = join(hub.layout.folder, "charts", hub.requirement.name)
    # Other charts' names may have the same beginning.
    found = [one for one in hub.listing.files if one.startswith(begin) and re.match("/|-v?[0-9]", one[len(begin) :])]
    return hub.git.names("ls-files", "-z", "--", *found[:_MOST_NAMED]) if found else ()


def _require_no_archives(hub: Hub) -> None:
    archived = archives(hub)
    if archived:
        folder = join(hub.layout.folder or ".", "charts", hub.requirement.name)
        named = dict.fromkeys(folder if one.startswith(f"{folder}/") else one for one in archived)
        what = f"git has {hub.requirement.name} itself, and a release does not move it"
        hint = f"ignore it, and: git rm -r --cached -- {shlex.join(named)}; helm dependency build fetches it again"
        raise Refused(what, where=archived[0], hint=hint)


def moving_action(hub: Hub, edits: Sequence[FileEdit], why: str, relies: Sequence[Fact]) -> Action:
    """Return the action that performs ``edits``, with the lock files written by helm: all or nothing."""
    if any(edit.changes for edit in edits):
        _require_no_archives(hub)
    by_file = {edit.path: edit for edit in edits}
    locks = {pin: by_file.pop(pin.file) for pin in hub.pins if isinstance(pin, Lock)}
    plain_edits, stale = [*by_file.values()], {lock: edit for lock, edit in locks.items() if edit.changes}
    plain = edit_action(hub.git.folder, plain_edits, why, relies)
    if not stale:
        return plain
    for lock in stale:
        if lock.file != lock.written(hub.files):
            raise Refused(
                "the lock file must move with the requirement, and Helm writes another one for the chart's apiVersion",
                where=lock.file,
                hint=lock.how_to_refresh(hub.files),
            )
    # Only helm can compute the lock's digest.
    require_installed("helm")
    update = ("helm", "dependency", "update", ".")
    commands = {lock: Command(update, hub.git.folder / lock.folder) for lock in stale}
    tree = WorkingTree(hub.git.folder)
    files = [tree.fact(edit.path, edit.before) for edit in (*plain_edits, *stale.values())]

    def do(_: Values) -> Values:
        moved = Edited(tree, {edit.path: edit.after for edit in plain_edits})
        locked = {lock: _locked_by_helm(tree.top, moved, lock, commands[lock]) for lock in stale}
        for lock, edit in stale.items():
            wanted, found = (lock.read(Edited(tree, {lock.file: data})).text for data in (edit.after, locked[lock]))
            if not allows(wanted, found):
                what, hint = f"helm did not lock {lock.name} at {wanted}", str(commands[lock])
                raise ProgramFailed(what, where=lock.file, hint=hint)
            if also := {*_others(lock, lock.file, locked[lock])} - {*_others(lock, lock.file, edit.after)}:
                output.say(f"{lock.file}: helm also moved {', '.join(sorted(also))}")
        for fact in files:
            fact.require(fact.value)
        _tell_archives(Edited(tree, {lock.file: data for lock, data in locked.items()}), tree.top, stale)
        return tree.replace([*plain_edits, *(edit._replace(after=locked[lock]) for lock, edit in stale.items())])

    what = f"edit {', '.join(edit.path for edit in (*plain_edits, *stale.values()) if edit.changes)}"
    shown = (line for lock, edit in stale.items() for line in _shown(hub, lock, edit, commands[lock]))
    return Action(what, why, do, (*plain.details, *shown), (*relies, *files))


def _shown(hub: Hub, lock: Lock, edit: FileEdit, command: Command) -> Iterator[str]:
    """Yield a plan's lines about a lock file."""
    yield from (f"{lock.file}: {edit.summary}", f"$ {command}")
    others = _others(lock, lock.chart.file, hub.require(lock.chart.file))
    if ranges := [text for text, version in others.items() if is_range(version)]:
        yield f"{lock.file}: helm may also move {', '.join(ranges)}"


def _tell_archives(files: Files, top: Path, locks: Iterable[Lock]) -> None:
    """Name the charts of other versions beside each lock, which helm would render."""
    for lock in locks:
        there = {one.name for one in (top / lock.folder / "charts").glob(f"{lock.name}-[v0-9]*.tgz")}
        if old := there - {f"{lock.name}-{lock.read(files).text}.tgz"}:
            update = f"helm dependency update {shlex.quote(lock.folder)}"
            output.say(f"{lock.folder}/charts has {', '.join(sorted(old))}; before you deploy from here: {update}")


def _others(lock: Lock, file: str, data: bytes) -> dict[str, str]:
    """Return the versions of the other charts in the chart's or the lock's file, by name and version."""
    others = (one for one in requirements(data, file) if one.name != lock.name)
    return {f"{one.name} {one.version}": one.version for one in others}


def _locked_by_helm(top: Path, files: Files, lock: Lock, command: Command) -> bytes:
    """Return the lock file that helm writes for the chart in ``files``, in a folder apart: it tidies ``charts/``."""
    own = Path(os.path.realpath(top / lock.folder))
    with temporary_folder() as scratch:
        # At the same depth, for the charts that are named by a relative path.
        chart = scratch / own.relative_to(own.anchor)
        (chart / "charts").mkdir(parents=True)
        for name in (*CHART_FILES, *LOCKS):
            if (data := files.read(behind_links(top, join(lock.folder, name)))) is not None:
                (chart / name).write_bytes(data)
        needed = [one.repository for one in requirements(require(files, lock.chart.file), lock.chart.file)]
        charts = {f"charts/{place.name}" for place in (own / "charts").glob("*/")}
        # A folder comes before those in it, which it has with it.
        for path in sorted(charts | {join(one.removeprefix(LOCAL)) for one in needed if is_folder(one)}):
            place = Path(os.path.normpath(chart / path))
            if (own / path).exists() and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(own / path)
        run_checked(command._replace(cwd=chart), hint=str(command), seconds=UPDATE_SECONDS)
        return (chart / lock.file.rpartition("/")[2]).read_bytes()


def image_edits(hub: Hub, images: Mapping[ValuesPlace, Reference]) -> tuple[FileEdit, ...]:
    """Return the edits that write images to their places, one for each file; a digest only if one is pinned."""
    if images:
        _require_readable(hub)
    after: Files = hub.files
    summaries: dict[str, list[str]] = {}
    for place, image in images.items():
        after = Edited(after, place.moved(after, image))
        summaries.setdefault(place.file, []).append(f"{place.path} -> {image.name}:{image.tag}")
    return _edits(hub, after, summaries)


def _require_readable(hub: Hub) -> None:
    """Check that the files that match ``hub.values`` and name one of our images can be parsed: none may be left out."""
    words = [Reference(image.spec.named).written_path.encode() for image in hub.images if image.spec.named]
    patterns = [one for one in hub.settings.values if is_glob(one.file)]
    for target, file in ((one, file) for one in patterns for file in hub.listing.matching[one.file]):
        data = hub.files.read(file) or b""
        lines = [line.partition(b"#")[0] for line in data.splitlines()]
        if any(word in line for line in lines for word in words):
            try:
                name_in(data, file, target.path)
            except Unusable as fault:
                what = f"the file matches hub.values and names an image of ours, but cannot be read: {fault.what}"
                hint = "correct it, or narrow the pattern in invoke.yaml"
                raise Unusable(what, where=fault.where, hint=hint) from fault


def to_commit(hub: Hub, files: Sequence[str]) -> str:
    """Return the command that commits ``files``: our ``commit`` if it includes all of them, else git's."""
    if set(files) <= set(hub.changed) and not foreign_changes(hub):
        return f"{CLI} commit"
    return git_commit(hub, list(dict.fromkeys(files))[:_MOST_NAMED])


def git_commit(hub: Hub, files: Sequence[str]) -> str:
    """Return the git command that adds and commits ``files``; for a submodule, the hint to commit there."""
    for path in files:
        at_its_commit = ("diff-index", "--quiet", "--ignore-submodules=dirty", "HEAD", "--", path)
        if not path.endswith("/") and (hub.git.folder / path).is_dir() and hub.git.ask(*at_its_commit).ok:
            return f"commit or stash what is changed in the submodule: git -C {shlex.quote(path)} status"
    known = hub.git.ask("ls-tree", "-r", "-z", "--name-only", "HEAD", "--", *files).names
    new = {*files} - {*known, *hub.git.names("ls-files", "-z", "--", *files)}
    add = f"git add -- {shlex.join(sorted(new))} && " if new else ""
    return f"{add}git commit -- {shlex.join(files)}"


def foreign_changes(hub: Hub) -> tuple[str, ...]:
    """Return the managed files with uncommitted changes that are not from bump, build or helm."""
    changed = hub.changed
    ours = hub.committed
    for pin in hub.pins:
        if isinstance(pin, Lock):
            ours = Edited(ours, {pin.file: hub.require(pin.file)})
        elif not set(changed).isdisjoint(pin.files) and None not in map(hub.committed.read, pin.files):
            ours = Edited(ours, pin.moved(ours, pin.read(hub.files).text))
    for place in hub.places:
        named = place.read(hub.files).image if place.file in changed and ours.read(place.file) is not None else None
        if named:
            ours = Edited(ours, place.moved(ours, named))
    return tuple(path for path in changed if not hub.git.same_to_git(path, ours.read(path), hub.files.read(path)))
