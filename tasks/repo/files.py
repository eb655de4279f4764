"""The hub repository's files: as they are, as an edit would leave them, and in a commit.

Paths are relative to the repository's top, with ``/``, as git and chartpress.yaml write them.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import posixpath
import re
import shlex
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from ..core.faults import CLI, Unusable, hold_interrupts, nearest
from ..core.plan import Action, Fact
from ..core.safe_files import read_file
from ..core.settings import FILE, Settings, how_to_correct
from ..tools.git import Git, failed
from ..tools.process import Pool, result_of

# Patterns for files that may list dependencies, or contain a marker.
_TELLING = ("^dependencies:", "hubpress:", "renovate:")
SUFFIX = ".hubpress-new"
# The characters that a temporary file takes from a name, of up to 4 bytes each: a name has at most 255 bytes.
_LONGEST = 50
# As much of a file as git looks at.
_BINARY = 8000
# https://github.com/AGWA/git-crypt/blob/master/doc/git-crypt.md and https://getsops.io/docs/
_GIT_CRYPT = b"\0GITCRYPT\0"
_MAC = rb"(?m:^[ \t]*\"?mac\"?: *\"?ENC\[)"
_SOPS = rb"(?m:^sops:\s*$)|" + _MAC


class Files(Protocol):
    """A source of the repository's files."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path``, or None if it does not exist."""


class FileEdit(NamedTuple):
    """A file's bytes before (None for a new file) and after an edit, with a summary for people."""

    path: str
    before: bytes | None
    after: bytes
    summary: str

    @property
    def changes(self) -> bool:
        """Whether the file would change."""
        return self.before != self.after

    def diff(self) -> Iterator[str]:
        """Yield the changed lines: old ones after ``-``, new ones after ``+``."""
        old, new = (data.decode("utf-8", "replace").splitlines() for data in (self.before or b"", self.after))
        lines = difflib.unified_diff(old, new, n=0, lineterm="")
        yield from (line for line in lines if not line.startswith(("---", "+++", "@@")))


class WorkingTree(NamedTuple):
    """The files in the repository's folder."""

    top: Path

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path``, or None if it does not exist; raise Unusable if it cannot be read."""
        try:
            return read_file(self._place(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            raise Unusable(f"the file cannot be read: {err.strerror}", where=path, hint=f"ls -l {path}") from err

    def fact(self, path: str, value: bytes | None) -> Fact:
        """Return the fact that ``path`` has the bytes ``value`` (None: does not exist)."""
        return Fact(path, lambda: self.read(path), value)

    def replace(self, edits: Sequence[FileEdit]) -> dict[str, bytes]:
        """Replace the files of ``edits``, all or none, and return their new bytes.

        Each file is first written next to the old one, then renamed over it, and keeps its mode. Symbolic links are
        followed. An interrupt waits for the renames.
        """
        wanted = [(edit, self._place(edit.path)) for edit in edits if edit.changes]
        with contextlib.ExitStack() as stack:
            staged = [(edit, _staged(edit, old, stack), old) for edit, old in wanted]
            done: list[FileEdit] = []
            with hold_interrupts():
                try:
                    for edit, new, old in staged:
                        new.replace(old)
                        done.append(edit)
                except OSError as err:
                    self.replace(
                        [FileEdit(one.path, one.after, one.before, "") for one in done if one.before is not None]
                    )
                    for one in (one for one in done if one.before is None):
                        (self.top / one.path).unlink(missing_ok=True)
                    raise _unwritable(staged[len(done)][0], err) from err
        return {edit.path: edit.after for edit in edits}

    def _place(self, path: str) -> Path:
        place = place_of(self.top, path)
        if place is None:
            hint = "name a file of the repository; a link to one must be relative"  # a rehearsal's clone lies elsewhere
            raise Unusable("the file lies outside the repository", where=path, hint=hint)
        return place


class Edited(NamedTuple):
    """The files ``under``, with edits on top: the new bytes by path, None for a file that stays."""

    under: Files
    after: Mapping[str, bytes | None]

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path`` after the edits, or None if it does not exist."""
        after = self.after.get(path)
        return self.under.read(path) if after is None else after


class Switched(NamedTuple):
    """The files ``under``, with ``paths`` taken from a commit."""

    under: Files
    commit: Files
    paths: Collection[str]

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path``, or None if it does not exist."""
        return (self.commit if path in self.paths else self.under).read(path)


@dataclass(eq=False)
class Committed:
    """The files of a commit; each is read only once, so a new commit needs a new object."""

    git: Git
    revision: str = "HEAD"
    _known: dict[str, bytes | None] = field(default_factory=dict, init=False, repr=False)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of ``path`` in the commit, or None if it does not exist."""
        self.load([path])
        return self._known[path]

    def load(self, paths: Sequence[str]) -> None:
        """Read ``paths`` in parallel, except those already read."""
        new = [path for path in dict.fromkeys(paths) if path not in self._known]
        self._known.update(self.git.show_all(new, self.revision))


class Listing(NamedTuple):
    """The files of a repository, by git.

    Attributes:
        files: all files, except ignored ones.
        matching: the committed files for each file name or pattern in the settings.
        telling: the committed files that may list a chart's dependencies, or contain a marker.
        absent: the committed files that a sparse checkout excludes.
        unwatched: those whose changes git was told not to see (assume-unchanged, skip-worktree).
    """

    files: tuple[str, ...]
    matching: Mapping[str, tuple[str, ...]]
    telling: tuple[str, ...]
    absent: frozenset[str] = frozenset()
    unwatched: frozenset[str] = frozenset()

    @classmethod
    def of(cls, git: Git, settings: Settings) -> Listing:
        """Ask git."""
        patterns = dict.fromkeys([*(one.file for one in settings.values), *(one.file for one in settings.pins)])
        with Pool() as pool:
            telling = pool.submit(files_with, git, "--basic-regexp", _TELLING)
            listed = git.names("ls-files", "-z", "-v", "--cached", "--others", "--exclude-standard")
            # S is skip-worktree, a small letter assume-unchanged: git-ls-files(1).
            skipped = [line[2:] for line in listed if line[0] in "Ss"]
            unwatched = frozenset((*skipped, *(line[2:] for line in listed if line[0].islower())))
            absent = frozenset(path for path in skipped if not os.path.lexists(git.folder / path))
            kept = files_with(git, "--basic-regexp", _TELLING, where="--cached") if absent else ()
            matching = {one: git.names("ls-files", "-z", "--", f":(glob){one}") for one in patterns if is_glob(one)}
            matching |= {one: (behind_links(git.folder, one),) for one in patterns if not is_glob(one)}
            may_tell = (*result_of(telling), *(path for path in kept if path in absent))
        files = tuple(dict.fromkeys(line[2:] for line in listed))
        return cls(files, matching, may_tell, absent, unwatched)

    def named(self, *names: str) -> tuple[str, ...]:
        """Return the files called one of ``names``, in any folder."""
        return tuple(path for path in self.files if path.endswith(names) and path.rpartition("/")[2] in names)


def is_encrypted(data: bytes) -> bool:
    """Whether ``data`` is encrypted by sops or git-crypt."""
    return data.startswith(_GIT_CRYPT) or bool(re.search(_SOPS, data))


def edit_action(top: Path, edits: Sequence[FileEdit], why: str, relies: Sequence[Fact] = ()) -> Action:
    """Return the action that performs ``edits`` below ``top``, all or none; it relies on the files' bytes."""
    wanted = [edit for edit in edits if edit.changes]
    if not wanted:
        return Action(f"{', '.join(edit.path for edit in edits)}: nothing to change", why)
    for new in (edit.path for edit in wanted if edit.before is None):
        in_the_way = next((at for at in (top / new).parents if at.is_file()), None)
        if in_the_way:
            name = in_the_way.relative_to(top)
            raise Unusable(f"{new} cannot be written: {name} is a file", where=name, hint=f"git mv {name} ANOTHER-NAME")
    # sops' checksum covers what it leaves readable, too, unless it says otherwise.
    for edit in wanted:
        if re.search(_MAC, edit.after) and not re.search(rb"mac_only_encrypted\"?: *true", edit.after):
            hint = f"keep the secrets in another file; or edit it ({edit.summary}): sops {shlex.quote(edit.path)}"
            raise Unusable("sops could not decrypt the file after an edit", where=edit.path, hint=hint)
    tree = WorkingTree(top)
    return Action(
        f"edit {', '.join(edit.path for edit in wanted)}",
        why,
        lambda _: tree.replace(wanted),
        tuple(line for edit in wanted for line in (f"{edit.path}: {edit.summary}", *edit.diff())),
        (*relies, *(tree.fact(edit.path, edit.before) for edit in edits)),
    )


def files_with(git: Git, syntax: str, patterns: Iterable[str], *paths: str, where: str = "") -> tuple[str, ...]:
    """Return the text files, among ``paths`` if given, with a line that matches one of ``patterns``, by ``git grep``.

    ``where`` is git's option to search untracked files too (``--untracked``), or the index (``--cached``).
    """
    options = (option for one in patterns for option in ("-e", one))
    output = git.ask("grep", "-l", "-z", "--full-name", syntax, *filter(None, [where]), *options, "--", *paths)
    # A partial clone may lack what the index has.
    if where == "--cached":
        return output.names
    if output.status > 1:
        raise failed(("grep",), output)
    return tuple(path for path in output.names if not _is_binary(git.folder / path))


def _is_binary(file: Path) -> bool:
    """Whether git would take a file's content for binary; its own answer is also about attributes, as for diffs."""
    with contextlib.suppress(OSError), file.open("rb") as stream:
        return b"\0" in stream.read(_BINARY)
    return False


def require(files: Files, path: str) -> bytes:
    """Return the bytes of ``path``; raise Unusable if it does not exist."""
    data = files.read(path)
    if data is None:
        hint = f"{CLI} init adds what is missing; or name another repository: --repo PATH"
        raise Unusable("the file is missing", where=path, hint=hint)
    return data


def require_named(files: Files, listing: Listing, path: str, setting: str, what: str = "file") -> bytes:
    """Return the bytes of ``path``, the ``what`` in ``setting``; raise Unusable if it does not exist."""
    data = files.read(path)
    if data is None:
        near = nearest(path, (one for one in listing.files if one != FILE))
        hint = f"correct {setting} in {FILE}{f': did you mean {near}?' if near else ''}"
        raise Unusable(f"the {what} is missing", where=path, hint=how_to_correct(setting.rpartition(".")[2], hint))
    return data


def read_all(files: Files, paths: Sequence[str]) -> dict[str, bytes | None]:
    """Return the bytes of ``paths``; a commit's files are read in parallel."""
    if isinstance(files, Committed):
        files.load(paths)
    return {path: files.read(path) for path in paths}


def planned_bytes(files: Files) -> dict[str, bytes]:
    """Return the new bytes of planned edits, by path."""
    if not isinstance(files, Edited):
        return {}
    return planned_bytes(files.under) | {path: data for path, data in files.after.items() if data is not None}


def is_glob(pattern: str) -> bool:
    """Whether ``pattern`` contains wildcards."""
    return not set("*?[").isdisjoint(pattern)


def join(*parts: str) -> str:
    """Join and normalize relative paths: no ``.``, no doubled ``/``, ``..`` resolved by name."""
    return posixpath.normpath(posixpath.join(*parts))


def folder_of(path: str) -> str:
    """Return the folder of ``path``, ``.`` for the repository's top."""
    return path.rpartition("/")[0] or "."


def last_part(folder: str) -> str:
    """Return a folder's name, ``hub`` for the repository's top."""
    return "hub" if folder == "." else folder.rpartition("/")[2]


def place_of(top: Path, path: str) -> Path | None:
    """Resolve symbolic links in ``path``, but not in a loop; return None if that leads out of ``top``, or into git's.

    What is below a folder ``.git`` is git's own, in any case: file systems may ignore it.
    """
    # Names in files are UTF-8, whatever the locale.
    named = os.fsdecode(path.encode("utf-8", "surrogateescape"))
    real, root = (Path(os.path.realpath(one)) for one in (top / named, top))
    is_ours = real.is_relative_to(root) and ".git" not in (part.lower() for part in real.relative_to(root).parts)
    return real if is_ours else None


def behind_links(top: Path, path: str) -> str:
    """Return ``path`` with symbolic links resolved, relative to ``top``, or as it is if they lead outside."""
    real = place_of(top, path)
    if real is None:
        return path
    return os.fsencode(real.relative_to(os.path.realpath(top))).decode("utf-8", "surrogateescape")


def is_below(file: str, paths: Iterable[str]) -> bool:
    """Whether ``file`` is one of ``paths``, or below one; all are normalized."""
    return any(path in (".", file) or file.startswith(f"{path}/") for path in paths)


def _staged(edit: FileEdit, target: Path, stack: contextlib.ExitStack) -> Path:
    """Write the new bytes to a file next to ``target``, which ``stack`` removes at its end."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(SUFFIX, f".{target.name[:_LONGEST]}.", target.parent)
        new = Path(name)
        stack.callback(new.unlink, missing_ok=True)
        with os.fdopen(handle, "wb") as stream:
            stream.write(edit.after)
            stream.flush()
            os.fsync(stream.fileno())
        new.chmod(0o644 if edit.before is None else target.stat().st_mode & 0o7777)
    except OSError as err:
        raise _unwritable(edit, err) from err
    return new


def _unwritable(edit: FileEdit, err: OSError) -> Unusable:
    look = "df -h" if err.errno in {errno.ENOSPC, errno.EDQUOT} else "ls -ld"
    return Unusable(
        f"the file cannot be written: {err.strerror}", where=edit.path, hint=f"{look} {Path(edit.path).parent}"
    )
