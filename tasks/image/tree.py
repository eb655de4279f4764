"""A git tree, and how to write its files like a checkout.

Only :func:`snapshot` reads the user's work tree. The user's index is never changed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ..core.faults import Refused
from ..core.safe_files import temporary_folder
from ..repo.files import is_below, join
from ..tools.command import NOTHING
from ..tools.git import SHORT, Git
from ..tools.process import capture

# Modes of git.
FILE, LINK, SUBMODULE, FOLDER = "100644", "120000", "160000", "040000"
_ATTRIBUTES = ".gitattributes"
# Like the kernel's limit.
_MOST_LINKS = 40
# A fixed umask: the mode is part of what makes a file the same for Docker.
_UMASK = 0o022
_WRITE_SECONDS = 3600.0
# Paths are literal. Replacements (git-replace) are ignored, because other clones lack them. The clone does not notice
# changes of a temporary index. As many files are written in parallel as there are processors.
_SETTINGS = ("checkout.workers=0", "core.sparseCheckout=false", "core.splitIndex=false")
_OPTIONS = (*(word for setting in _SETTINGS for word in ("-c", setting)), "--literal-pathspecs", "--no-replace-objects")
# The same commit gives the same image on every machine: its attributes decide on line ends, not the user's settings.
_OWN = ("core.autocrlf=false", "core.eol=lf", "core.symlinks=true", f"core.attributesFile={os.devnull}")
AS_COMMITTED = tuple(word for setting in _OWN for word in ("-c", setting))
# People who fetch large files themselves, and CI, tell Git LFS to leave pointers in checkouts.
_AS_COMMITTED_ENV = {"GIT_LFS_SKIP_SMUDGE": "0", "GIT_ATTR_NOSYSTEM": "1"}


class Entry(NamedTuple):
    """A file or folder in a tree: path, git mode, object name, and the size if it was requested."""

    path: str
    mode: str
    name: str
    size: int


@dataclass(eq=False)
class Tree:
    """The tree of a commit, or another tree.

    ``at`` is the path of a submodule in its parent repository.
    """

    git: Git
    name: str
    at: str = ""

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self._list("-r", "-t")}

    def objects(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the object names at ``paths``, following symbolic links; missing paths are not included."""
        entries = {path: self._entry(self.real_path(path)) for path in paths}
        return {path: entry.name for path, entry in entries.items() if entry}

    def written_as(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the objects that :meth:`write` needs for ``paths``, with ``.gitattributes`` of parent folders."""
        wanted = list(paths)
        return self.objects([*wanted, *(file for path in wanted for file in _attributes_above(self.real_path(path)))])

    def real_path(self, path: str) -> str:
        """Return ``path`` with symbolic links resolved."""
        return _way(path, self._link_at)[-1]

    def links(self, paths: Sequence[str]) -> list[str]:
        """Return the symbolic links at and below ``paths``."""
        return [path for path, entry in self._entries.items() if entry.mode == LINK and is_below(path, paths)]

    def files(self, paths: Sequence[str]) -> list[Entry]:
        """Return the regular files at and below ``paths``, without those of submodules."""
        return [entry for entry in self._list("-r", "-l", paths=paths) if entry.mode not in {LINK, SUBMODULE}]

    def blobs(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Yield the bytes of each of ``entries`` as stored by git."""
        names = "".join(f"{entry.name}\n" for entry in entries)
        rest = memoryview(capture(self.git.command(*_OPTIONS, "cat-file", "--batch", stdin=names)).stdout)
        for entry in entries:
            begin = len(f"{entry.name} blob {entry.size}\n")
            yield bytes(rest[begin : begin + entry.size])
            rest = rest[begin + entry.size + 1 :]

    def submodules(self, paths: Sequence[str]) -> dict[str, Tree]:
        """Return the trees of the submodules at and below ``paths``, by their paths."""
        wanted = (path for path, entry in self._entries.items() if entry.mode == SUBMODULE and is_below(path, paths))
        return {path: self._submodule(path) for path in wanted}

    def submodule_around(self, path: str) -> str | None:
        """Return the path of the submodule that contains ``path``, or None."""
        return next(
            (one for one, entry in self._entries.items() if entry.mode == SUBMODULE and is_below(path, [one])), None
        )

    def write(self, paths: Sequence[str], folder: Path) -> None:
        """Write the files at and below ``paths``, following symbolic links, to the empty ``folder``.

        Like in a checkout: filters, line ends by the attributes, modes, links, and submodules at the tree's revision.
        """
        places = self._places(paths)
        inner = self.submodules(places)
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777 & ~_UMASK)
        git = replace(self.git, folder=folder, known=self.git.clone._replace(top=folder, is_found=False))
        with TemporaryDirectory(dir=folder.parent) as beside:
            env = {"GIT_INDEX_FILE": f"{beside}/index"}
            # The whole tree, because attributes of parent folders apply too.
            _answer(git, "read-tree", self.name, env=env)
            listed = _answer(git, "ls-files", "-z", "--", *places, *inner, env=env)
            writing = (*AS_COMMITTED, "checkout-index", "--quiet", "-z", "--stdin")
            _answer(git, *writing, stdin=listed, env={**env, **_AS_COMMITTED_ENV})
        for path, tree in inner.items():
            tree.write(["."], folder / path)

    def differing_files(self, commit: str, paths: Sequence[str]) -> tuple[str, ...]:
        """Return the files, also ``.gitattributes`` above, that make ``paths`` differ from ``commit`` when written."""
        ways = self._places(paths)
        places = [*ways, *(file for place in ways for file in _attributes_above(place))]
        flags = ("-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none")
        listed = _answer(self.git, "diff-tree", *flags, commit, self.name, "--", *places)
        return tuple(name for name in listed.split("\0") if name)

    def _list(self, *flags: str, paths: Sequence[str] = ()) -> list[Entry]:
        listed = _answer(self.git, "ls-tree", *flags, "-z", "--full-tree", self.name, "--", *paths)
        entries = []
        for about, _, path in (line.partition("\t") for line in listed.split("\0") if line):
            # Mode, type, name, and with -l the size, which is - for submodules.
            mode, _, name, *size = about.split()
            if size == ["BAD"]:
                what, hint = "git has lost the file's content", "git fsck; to fetch it again: git fetch --refetch"
                raise Refused(what, where=join(self.at, path), hint=hint)
            entries.append(Entry(path, mode, name, int(size[0]) if size and size[0] != "-" else 0))
        return entries

    def _places(self, paths: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(place for path in paths for place in _way(path, self._link_at)))

    def _link_at(self, path: str) -> str | None:
        entry = self._entries.get(path)
        if entry is None or entry.mode != LINK:
            return None
        return _answer(self.git, "cat-file", "blob", entry.name)

    def _entry(self, path: str) -> Entry | None:
        """Return the entry at ``path``, which contains no symbolic links."""
        if path != ".":
            return self._entries.get(path)
        root = _answer(self.git, "rev-parse", "--verify", f"{self.name}^{{tree}}").strip()
        return Entry(path, FOLDER, root, 0)

    def _submodule(self, path: str) -> Tree:
        revision, where = self._entries[path].name, join(self.at, path)
        if os.path.lexists(self.git.folder / where / ".git"):
            found = Git.around(self.git.folder / where).clone._replace(top=self.git.folder, is_found=False)
            tree = Tree(Git(self.git.folder, found), revision, at=where)
            if tree.git.ask("cat-file", "-e", f"{revision}^{{tree}}").ok:
                return tree
        raise Refused(
            f"the submodule is not here at its revision {revision[:SHORT]}",
            where=where,
            hint=f"git submodule update --init --recursive -- {quote(self.at or path)}",
        )


@contextmanager
def snapshot(git: Git, paths: Sequence[str], planned: Mapping[str, bytes]) -> Iterator[Tree]:
    """Yield a tree with the work tree's files below ``paths``, and the index's files elsewhere.

    Symbolic links are followed. The tree contains tracked and new files, but not ignored ones. Files that git does not
    watch (assume-unchanged, skip-worktree) are as in the index, submodules at their checked-out revision. ``planned``
    are the bytes of planned edits. New objects stay in a temporary folder.
    """

    def link_at(path: str) -> str | None:
        file = git.folder / path
        return str(file.readlink()) if file.is_symlink() else None

    ways = dict.fromkeys(place for path in paths for place in _way(path, link_at))
    places = list(dict.fromkeys((*ways, *(file for place in ways for file in _attributes_above(place)))))
    with temporary_folder() as folder:
        index, objects = folder / "index", folder / "objects"
        objects.mkdir()
        env = {"GIT_INDEX_FILE": str(index), **git.keeping_objects(objects)}
        if (git.clone.git_dir / "index").is_file():
            # With its time: git compares that with files' times to find those that may have changed since.
            shutil.copy2(git.clone.git_dir / "index", index)
        listed = _answer(git, "ls-files", "-t", "-z", "--", *places, env=env).split("\0")
        names = [line[2:] for line in listed if not line.startswith("S ")]
        is_sparse = any(line.startswith("S ") for line in listed)
        there = [
            one for one in places if os.path.lexists(git.folder / one) or any(is_below(name, [one]) for name in names)
        ]
        if there:
            _answer(git, "add", "--all", *(["--sparse"] if is_sparse else []), "--", *there, env=env)
        for path, data in planned.items():
            if is_below(path, places):
                _add_planned(git, path, data, env)
        yield Tree(replace(git, more_objects=objects), _answer(git, "write-tree", "--missing-ok", env=env).strip())


def _add_planned(git: Git, path: str, data: bytes, env: Mapping[str, str]) -> None:
    text = data.decode("utf-8", "surrogateescape")
    name = _answer(git, "hash-object", "-w", "--stdin", f"--path={path}", stdin=text, env=env).strip()
    listed = _answer(git, "ls-files", "--stage", "--", path, env=env)
    mode = listed.partition(" ")[0] or FILE
    _answer(git, "update-index", "--add", "--cacheinfo", f"{mode},{name},{path}", env=env)


def _way(path: str, link_at: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return the symbolic links in ``path``, and last its real path; ``link_at`` returns a link's target."""
    links: list[str] = []
    done, rest = ".", path.split("/")
    while rest:
        step = join(done, rest.pop(0))
        if f"{step}/".startswith(("../", "/")):
            raise _astray(path, links, "out of the repository")
        target = None if step == "." else link_at(step)
        if target is None:
            done = step
            continue
        links.append(step)
        if len(links) > _MOST_LINKS:
            raise _astray(path, links, "in a circle")
        rest = [*target.split("/"), *rest] if not target.startswith("/") else [target]
    return (*links, done)


def _astray(path: str, links: Sequence[str], leads: str) -> Refused:
    at = quote(links[0] if links else path)
    hint = f"replace the link by the file or folder itself, and commit that: git rm --cached -- {at}"
    return Refused(f"a symbolic link leads {leads}", where=path, hint=hint)


def _attributes_above(path: str) -> list[str]:
    parts = path.split("/")
    return [join(*parts[:end], _ATTRIBUTES) for end in range(len(parts))]


def _answer(git: Git, *arguments: str, stdin: str = "", env: Mapping[str, str] = NOTHING) -> str:
    """Return git's output, with names that are not UTF-8 decoded like :func:`os.fsdecode`."""
    command = git.command(*_OPTIONS, *arguments, stdin=stdin, env=env)._replace(umask=_UMASK)
    return git.checked(command, _WRITE_SECONDS).stdout.decode("utf-8", "surrogateescape")
