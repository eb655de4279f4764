"""The hub repository's files: as they are, as an edit would leave them, and as a commit holds them.

Readers of file formats take any :class:`Files`, so that a plan is made of the world as it will be.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..faults import Unusable
from ..interrupts import held_back
from ..plan import Action, Fact
from ..reading import read_file
from .leftovers import SUFFIX
from .paths import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..tools.git import Git

_NEW_FILE = 0o644
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Files(Protocol):
    """Where files of the repository are read from; paths are relative to its top, with ``/``."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path``; None where there is no such file."""


class FileEdit(NamedTuple):
    """One file's edit, computed whole before a byte is written.

    Attributes:
        path: the file, relative to the repository's top.
        before: its bytes now; None where there is no such file yet.
        after: its bytes afterwards.
        summary: what changes, for people: ``jupyterhub 3.2.1 -> 3.3.8``.
    """

    path: str
    before: bytes | None
    after: bytes
    summary: str

    @property
    def changes(self) -> bool:
        """Whether the file would change."""
        return self.before != self.after

    def diff(self) -> Iterator[str]:
        """Yield the lines that change, ``-`` before those that go and ``+`` before those that come."""
        old, new = (data.decode("utf-8", "replace").splitlines() for data in (self.before or b"", self.after))
        lines = difflib.unified_diff(old, new, n=0, lineterm="")
        yield from (line for line in lines if not line.startswith(("---", "+++", "@@")))


class WorkingTree(NamedTuple):
    """The files as they lie in the repository's folder."""

    top: Path

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path``; None where there is no such file.

        Raises:
            Unusable: it cannot be read, is not a regular file, lies outside the repository, or is larger than 16 MiB.
        """
        try:
            return read_file(self._place(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            raise Unusable(f"the file cannot be read: {err.strerror}", where=path, hint=f"ls -l {path}") from err

    def fact(self, path: str, value: bytes | None) -> Fact:
        """Return the fact that ``path`` holds the bytes ``value``; None where there is no such file."""
        return Fact(path, lambda: self.read(path), value, lambda now: "is gone" if now is None else "has changed")

    def replace(self, edits: Iterable[FileEdit]) -> None:
        """Replace the files of ``edits``: all of them, or none.

        Every new file is written whole beside the old one first, and takes its place by a rename; it keeps the old
        one's mode. A symbolic link is followed, so that the link stays one. An interrupt waits for the renames.

        Raises:
            Unusable: a file cannot be written.
        """
        wanted = [edit for edit in edits if edit.changes]
        with contextlib.ExitStack() as stack:
            staged = [(edit, *stack.enter_context(_staged(self._place(edit.path), edit))) for edit in wanted]
            with held_back():
                self._take_places(staged)

    def _take_places(self, staged: Sequence[tuple[FileEdit, Path, Path]]) -> None:
        """Rename each new file to its old one; when one cannot be, take those before it back."""
        done: list[FileEdit] = []
        try:
            for edit, new, old in staged:
                new.replace(old)
                done.append(edit)
        except OSError as err:
            self._take_back(done)
            raise _unwritable(staged[len(done)][0], err) from err

    def _take_back(self, done: Sequence[FileEdit]) -> None:
        self.replace(
            FileEdit(edit.path, edit.after, edit.before, edit.summary) for edit in done if edit.before is not None
        )
        for edit in done:
            if edit.before is None:
                (self.top / edit.path).unlink(missing_ok=True)

    def _place(self, path: str) -> Path:
        """Return where ``path`` leads, in the repository."""
        place = place_of(self.top, path)
        if place is None:
            raise Unusable("the file lies outside the repository", where=path, hint="name a file of the repository")
        return place


class Edited(NamedTuple):
    """The files as edits will leave them.

    Attributes:
        under: the files before them.
        after: the bytes of those that they change, by path.
    """

    under: Files
    after: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path`` as they will be; None where there is no such file."""
        after = self.after.get(path)
        return self.under.read(path) if after is None else after


@dataclass(eq=False)
class Committed:
    """The files as a commit holds them; each is asked for once, so a new commit needs a new one of these.

    Attributes:
        git: the clone.
        revision: the commit.
    """

    git: Git
    revision: str = "HEAD"
    _known: dict[str, bytes | None] = field(default_factory=dict, init=False, repr=False)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path`` in the commit; None where it has no such file."""
        self.foresee([path])
        return self._known[path]

    def foresee(self, paths: Sequence[str]) -> None:
        """Ask for those of ``paths`` that were not asked for yet."""
        new = [path for path in dict.fromkeys(paths) if path not in self._known]
        self._known.update(self.git.show_all(new, self.revision))


@contextlib.contextmanager
def _staged(target: Path, edit: FileEdit) -> Iterator[tuple[Path, Path]]:
    """Write the new bytes beside ``target``, and yield both paths; nothing stays behind."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(SUFFIX, f".{target.name}.", target.parent)
    except OSError as err:
        raise _unwritable(edit, err) from err
    new = Path(name)
    try:
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(edit.after)
                stream.flush()
                os.fsync(stream.fileno())
            new.chmod(_NEW_FILE if edit.before is None else target.stat().st_mode & 0o7777)
        except OSError as err:
            raise _unwritable(edit, err) from err
        yield new, target
    finally:
        new.unlink(missing_ok=True)


def _unwritable(edit: FileEdit, err: OSError) -> Unusable:
    look = "df -h" if err.errno in _FULL else "ls -ld"
    return Unusable(
        f"the file cannot be written: {err.strerror}", where=edit.path, hint=f"{look} {Path(edit.path).parent}"
    )


def edit_action(top: Path, edits: Sequence[FileEdit], why: str, relies: Sequence[Fact] = ()) -> Action:
    """Return the action that makes ``edits`` below ``top``: all of them, or none.

    Args:
        top: the repository's top.
        edits: what is to be written; files that would not change are left out.
        why: the reason, for the plan.
        relies: what it relies on besides the bytes of all these files.
    """
    wanted = [edit for edit in edits if edit.changes]
    if not wanted:
        return Action(f"{', '.join(edit.path for edit in edits)}: nothing to change", why)
    tree = WorkingTree(top)
    return Action(
        "; ".join(f"{edit.path}: {edit.summary}" for edit in wanted),
        why,
        lambda _: written(tree, wanted),
        tuple(line for edit in wanted for line in edit.diff()),
        (*relies, *(tree.fact(edit.path, edit.before) for edit in edits)),
    )


def written(tree: WorkingTree, edits: Sequence[FileEdit]) -> dict[str, bytes]:
    """Make ``edits``, and return the bytes of the files that are left."""
    tree.replace(edits)
    return {edit.path: edit.after for edit in edits}


def read_all(files: Files, paths: Sequence[str]) -> dict[str, bytes | None]:
    """Return the bytes of each of ``paths``; git is asked for all of them side by side."""
    if isinstance(files, Committed):
        files.foresee(paths)
    return {path: files.read(path) for path in paths}


def bytes_to_be(files: Files, path: str) -> bytes | None:
    """Return the bytes that a planned edit will leave in ``path``; None where none is planned."""
    while isinstance(files, Edited):
        if path in files.after:
            return files.after[path]
        files = files.under
    return None
