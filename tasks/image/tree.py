"""A tree of files that git holds, and writing it out as a checkout would.

Of the user's work tree only :func:`as_it_lies` reads anything, and the user's index stays as it is.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ..faults import Refused
from ..tools.git import Clone, Git
from ..tools.git_faults import failed
from ..tools.run import capture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LINK, SUBMODULE = "120000", "160000"
_NEW_FILE = "100644"
# A checkout's own modes, whatever the user's umask: they are part of what Docker takes for the same file.
_UMASK = 0o022
_WRITE_SECONDS = 3600.0
_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
_LITERAL = "--literal-pathspecs"
_LEADS = {"symlink": "out of the repository", "loop": "in a circle"}


class Entry(NamedTuple):
    """One file of a tree.

    Attributes:
        path: its path, relative to the repository's top.
        mode: ``100644``, ``100755``, ``120000`` for a symbolic link, ``160000`` for a submodule.
        name: the object's name; of a submodule the commit's.
        size: its size in bytes as git keeps it; 0 for a submodule.
    """

    path: str
    mode: str
    name: str
    size: int


class Tree(NamedTuple):
    """A tree of files.

    Attributes:
        git: the clone, at its top.
        name: the name of the tree, or of a commit that has it.
        env: the variables by which git finds its objects where the clone itself does not have them.
    """

    git: Git
    name: str
    env: Mapping[str, str] = _NO_VARIABLES

    def objects(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the name of the object at each of ``paths``, symbolic links followed; what is missing is left out.

        Raises:
            Refused: a symbolic link leads out of the repository, or in a circle.
        """
        wanted = list(dict.fromkeys(paths))
        questions = "".join(f"{self.name}:{'' if path == '.' else path}\n" for path in wanted)
        arguments = ("cat-file", "--follow-symlinks", "--batch-check=%(objectname) %(objecttype)")
        lines = iter(self.git.read(*arguments, stdin=questions, env=self.env).split("\n"))
        found = {}
        for path, line in zip(wanted, lines, strict=False):
            name, _, kind = line.rpartition(" ")
            if kind in ("blob", "tree"):
                found[path] = name
            elif kind != "missing":
                next(lines, None)  # git repeats the question, or names the file outside
                if name in _LEADS:
                    hint = f"replace the link by the file or folder itself, and commit that: git rm --cached -- {path}"
                    raise Refused(f"a symbolic link leads {_LEADS[name]}", where=path, hint=hint)
        return found

    def followed(self, path: str) -> tuple[str, ...]:
        """Return the symbolic links on the way of ``path``, which has an object, and last where it really lies."""
        links, done, rest = [], ".", path.split("/")
        while rest:
            step = posixpath.normpath(posixpath.join(done, rest.pop(0)))
            entry = None if step == "." else next(iter(self._list(step)), None)
            if entry is not None and entry.mode == LINK:
                links.append(step)
                rest = [*self.git.read("cat-file", "blob", entry.name, env=self.env).split("/"), *rest]
            else:
                done = step
        return (*links, done)

    def real_path(self, path: str) -> str:
        """Return where ``path``, which has an object, really lies when symbolic links are followed."""
        return self.followed(path)[-1]

    def files(self, paths: Sequence[str]) -> list[Entry]:
        """Return the files at and below ``paths``; submodules are not looked into."""
        return self._list(*paths, flags=("-r",))

    def blobs(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Yield the bytes of each of ``entries`` as git keeps them."""
        asked = self.git.command("cat-file", "--batch", stdin="".join(f"{one.name}\n" for one in entries), env=self.env)
        rest = memoryview(capture(asked).stdout)
        for entry in entries:
            begin = len(f"{entry.name} blob {entry.size}\n")
            yield bytes(rest[begin : begin + entry.size])
            rest = rest[begin + entry.size + 1 :]

    def submodules(self, paths: Sequence[str]) -> dict[str, Tree]:
        """Return the tree of each submodule at or below ``paths``, by its path: the commit's revision of it.

        Raises:
            Refused: the clone has no copy of one, or none that has that revision.
        """
        return {entry.path: self._submodule(entry) for entry in self.files(paths) if entry.mode == SUBMODULE}

    def write(self, paths: Sequence[str], folder: Path) -> None:
        """Write what lies at and below ``paths`` into the empty ``folder``, as a checkout would write it.

        Filters, line ends, modes and links come out as there, submodules at the revision that the tree has.

        Raises:
            Refused: the clone has no copy of a submodule at that revision.
            ProgramFailed: git failed, for one through a filter.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="index-", dir=folder.parent) as beside:
            git = Git(folder, self.git.clone._replace(top=folder, is_found=False))
            env = {**self.env, "GIT_INDEX_FILE": str(Path(beside, "index"))}
            # The whole tree: attributes of the folders above count too.
            git.read("read-tree", self.name, env=env)
            listed = _answer(git, _LITERAL, "ls-files", "-z", "--", *paths, env=env)
            _answer(git, "checkout-index", "--quiet", "-z", "--stdin", stdin=listed, env=env)
        for path, tree in self.submodules(paths).items():
            tree.write(["."], folder / path)

    def _list(self, *paths: str, flags: tuple[str, ...] = ()) -> list[Entry]:
        arguments = (_LITERAL, "ls-tree", *flags, "-l", "-z", "--full-tree", self.name, "--", *paths)
        listed = _answer(self.git, *arguments, env=self.env).split("\0")
        return [_entry(line) for line in listed if line]

    def _submodule(self, entry: Entry) -> Tree:
        missing = Refused(
            f"the submodule is not here at its revision {entry.name[:12]}",
            where=entry.path,
            hint=f"git submodule update --init -- {entry.path}",
        )
        for git_dir in self._copies(entry.path):
            inner = Clone(self.git.folder, git_dir, shallow=False, is_found=False)
            tree = Tree(Git(self.git.folder, inner), entry.name)
            if tree.git.ask("cat-file", "-e", f"{entry.name}^{{tree}}").ok:
                return tree
        raise missing

    def _copies(self, path: str) -> Iterator[Path]:
        """Yield the git directories in which the clone may keep the submodule at ``path``."""
        asked = ("config", "-z", f"--blob={self.name}:.gitmodules", "--get-regexp", r"^submodule\..*\.path$")
        settings = (line.partition("\n") for line in self.git.ask(*asked, env=self.env).text.split("\0"))
        names = [key[len("submodule.") : -len(".path")] for key, _, value in settings if value == path]
        common = _folder(self.git, "--git-common-dir")
        found = [
            folder / "modules" / name for folder in (self.git.git_dir, common) for name in names if is_inside(name)
        ]
        yield from (folder for folder in (*found, self.git.folder / path / ".git") if folder.is_dir())


@contextmanager
def as_it_lies(git: Git, paths: Sequence[str], planned: Mapping[str, bytes]) -> Iterator[Tree]:
    """Yield a tree of the files as they lie, as far as they lie below ``paths``; everything else is as in HEAD.

    Tracked and new files are in it, ignored ones are not. Its objects lie in a temporary folder until the block ends.

    Args:
        git: the clone, at its top.
        paths: relative to the top.
        planned: the bytes that planned edits will leave in files below ``paths``.
    """
    with tempfile.TemporaryDirectory(prefix="hubpress-") as folder:
        index, objects = Path(folder, "index"), Path(folder, "objects")
        objects.mkdir()
        own = str(_folder(git, "--git-path", "objects"))
        env = {
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(own),
        }
        if (git.git_dir / "index").is_file():
            shutil.copyfile(git.git_dir / "index", index)
        _look_at_all(git, paths, env)
        there = [
            path for path in paths if os.path.lexists(git.folder / path) or git.ask("cat-file", "-e", f"HEAD:{path}").ok
        ]
        if there:
            git.read(_LITERAL, "add", "--all", "--", *there, env=env)
        for path, data in planned.items():
            _plan(git, path, data, env)
        yield Tree(git, git.read("write-tree", env=env), env)


def _look_at_all(git: Git, paths: Sequence[str], env: Mapping[str, str]) -> None:
    """Have files looked at that lie there though git was told to take them for unchanged, or to leave them out."""
    listed = _answer(git, _LITERAL, "ls-files", "-v", "-z", "--", *paths, env=env).split("\0")
    marked = [(line[0], line[2:]) for line in listed if line and not line.startswith("H ")]
    unchanged = [path for letter, path in marked if letter.islower()]
    left_out = [path for letter, path in marked if letter in "sS" and os.path.lexists(git.folder / path)]
    for flag, names in (("--no-assume-unchanged", unchanged), ("--no-skip-worktree", left_out)):
        if names:
            git.read("update-index", flag, "-z", "--stdin", stdin="".join(f"{name}\0" for name in names), env=env)


def _plan(git: Git, path: str, data: bytes, env: Mapping[str, str]) -> None:
    """Put the bytes that ``path`` will have into the index, as ``git add`` would."""
    text = data.decode("utf-8", "surrogateescape")
    name = git.read("hash-object", "-w", "--stdin", f"--path={path}", stdin=text, env=env)
    listed = git.read(_LITERAL, "ls-files", "--stage", "--", path, env=env)
    mode = listed.partition(" ")[0] or _NEW_FILE
    git.read("update-index", "--add", "--cacheinfo", f"{mode},{name},{path}", env=env)


def _folder(git: Git, *question: str) -> Path:
    """Return a folder of the clone that ``git rev-parse`` tells, which may be relative to where it is asked."""
    return git.folder / os.fsdecode(git.ask("rev-parse", *question).stdout.removesuffix(b"\n"))


def _quoted(path: str) -> str:
    """Return ``path`` for a variable of git's that lists several: quoted as in C, since it may hold a colon."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _entry(line: str) -> Entry:
    """Read a line of ``git ls-tree -l``: mode, kind, name and size, then a tab and the path."""
    told, _, path = line.partition("\t")
    mode, _, name, size = told.split()
    return Entry(path, mode, name, 0 if size == "-" else int(size))


def is_inside(name: str) -> bool:
    """Whether a submodule's name, which anybody may have written into ``.gitmodules``, stays below its folder."""
    return bool(name) and not name.startswith("/") and ".." not in name.split("/")


def _answer(git: Git, *arguments: str, stdin: str = "", env: Mapping[str, str]) -> str:
    """Return git's answer with names that are not UTF-8 as :func:`os.fsdecode` gives them.

    Raises:
        ProgramFailed: git failed.
    """
    command = git.command(*arguments, stdin=stdin, env=env)._replace(umask=_UMASK)
    output = capture(command, seconds=_WRITE_SECONDS)
    if not output.ok:
        raise failed([word for word in arguments if word != _LITERAL], output)
    return output.stdout.decode("utf-8", "surrogateescape")


def is_regular(entry: Entry) -> bool:
    """Whether ``entry`` is a file, not a link or a submodule."""
    return stat.S_ISREG(int(entry.mode, 8))
