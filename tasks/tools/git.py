"""git: commands in a clone, and the facts of the clone that plans rely on."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain, takewhile
from pathlib import Path
from typing import NamedTuple

from ..core.faults import CLI, Denied, Fault, ProgramFailed, Refused, Unreachable, Unusable
from ..core.plan import Fact, Moved
from .command import NOTHING, Command, Output
from .process import LOOK_SECONDS, PERSON_SECONDS, TooSlow, capture, map_parallel

# How long to wait for another git, such as an editor's, and how often to look.
_MOMENT, _GLANCE = 1.0, 0.05
_LOCKS = ("index.lock", "HEAD.lock")
# Git status: the index differs from HEAD, and the file from the index.
_TWICE = "MM"
_COMPARED = ("--literal-pathspecs", "diff-index", "--no-renames", "-z")
PUSH_SECONDS = 600.0
_MORE_OBJECTS = "GIT_ALTERNATE_OBJECT_DIRECTORIES"
# Overrides for user settings that change what git does or prints here. Settings that a user's own commits and pushes
# obey stay: hooks, signatures, filters, line ends, credentials, addresses.
_SETTINGS = (
    *(f"color.{name}=false" for name in ("advice", "diff", "grep", "push", "remote", "transport", "ui")),
    *(f"{name}=false" for name in ("core.fsmonitor", "diff.mnemonicPrefix", "diff.noprefix", "log.follow")),
    *(f"{name}=false" for name in ("log.showSignature", "merge.autoStash", "push.followTags", "submodule.recurse")),
    *("push.recurseSubmodules=no", "i18n.commitEncoding=utf-8", "i18n.logOutputEncoding=utf-8"),
)
_NEUTRAL = ("--no-pager", *(word for setting in _SETTINGS for word in ("-c", setting)))
# Only these run hooks; rev-parse tells where they are.
_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
_WITH_HOOKS = frozenset({"commit", "push", "switch", "merge", "rev-parse"})
# Do not take a folder that looks like a bare repository for one.
_NO_BARE = ("-c", "safe.bareRepository=explicit")
_HELD = r"(?:Unable to create '(.+)\.lock'|could not lock config file (.+)): File exists"
_DENIED = (
    "(?i)(permission|access) denied|denied to |authentication failed|could not read username|returned error: 40[13]"
)
# Git's last words where another program, ssh or a filter, has said why before.
_AFTER_ANOTHER = (
    "fatal: Could not read from remote repository",
    "fatal: the remote end hung up",
    "error: packet write with format failed",
)
# Git's advice for a folder of another user, as in containers and CI.
_ADVICE = "git config --global --add safe.directory "
_FILTER = " filter '"
_OWNERS = 'see whose they are: ls -ld .git .git/objects; to own them: sudo chown -R "$(id -un)" .git'
_DISKS = "df -h .git {temporary}"
# On no branch: a release would push that commit, too.
_SIGNING = "see why: git commit-tree -S -m test 'HEAD^{{tree}}'; or sign none: git config commit.gpgSign false"
# Of both flags in one command, git would take the first one.
SEE_CHANGES = "git update-index --no-assume-unchanged -- {0} && git update-index --no-skip-worktree -- {0}"
_FIXES = {
    "no merge base": "fetch the whole history: git fetch --unshallow; or use another branch: --branch NAME",
    **dict.fromkeys(("insufficient permission", "lock': permission denied"), _OWNERS),
    "tell me who you are": "git config --global user.email YOU@EXAMPLE, and user.name",
    # The last four are ssh-keygen's.
    **dict.fromkeys(
        ("failed to sign", "signingkey", "load public key", "load key", "private key found", "sign message"), _SIGNING
    ),
    "push certificate": "sign no push: git config push.gpgSign false",
    "does not support --signed push": "sign a push only where the remote takes that: git config push.gpgSign if-asked",
    "does not support push options": "send none in this clone: git config push.pushOption ''",
    "local refs could not be updated": "git fetch --all --prune",
    "bad object refs/": "remove the broken reference's file: git rev-parse --git-path REFERENCE",
    "sharedindex": "keep the index in one file: git update-index --no-split-index",  # a linked worktree's is elsewhere
    # git status and git stash do not show such files.
    "would be overwritten by": "see what git was told to skip: git ls-files -v | grep '^[a-zS]'; then: "
    + SEE_CHANGES.format("FILE"),
    "no space left on device": _DISKS,
    "out of diskspace": _DISKS,
    # Git may not get to name the filter: then the shell names its program.
    **dict.fromkeys(
        (_FILTER, " filter-process: "),
        "see which program that is, and install it: git config --show-origin --get-regexp ^filter[.]",
    ),
    "unable to write file": _DISKS,  # it often gives no reason
    "cannot run .git/hooks/": "install what the hook's first line names, or remove the hook: head -n 1 .git/hooks/*",
}
# The index, in place of a revision.
INDEX = ""
# The path comes last: it may contain line breaks.
_STATE = ("rev-parse", "--is-inside-work-tree", "--is-shallow-repository", "--absolute-git-dir")
_HEADS = "refs/heads/"
# Remotes' reasons for rejecting a branch.
_REJECTED = {
    "protected branch": f"take what is committed to another branch: git switch --create NAME; then: {CLI} commit --pr",
    "shallow update not allowed": "git fetch --unshallow REMOTE, then run the same command again",
    "`workflow": "let the token change workflows: gh auth refresh --scopes workflow; then run the same command again",
}
_UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
HEAD = "HEAD"
# How many digits of a commit's hash are shown.
SHORT = 12
# What a second git directory for a clone gets as a copy, and what it does not get; the rest are links to the clone's
# (gitrepository-layout(5)).
_COPIED, _LEFT_OUT = ("HEAD", "info", "packed-refs", "refs", "reftable"), ("index", "logs", "objects", "worktrees")


class Clone(NamedTuple):
    """What does not change about a clone.

    ``is_found`` is whether git finds ``git_dir`` first when it runs in the top folder.
    """

    top: Path
    git_dir: Path
    shallow: bool
    is_found: bool


class Head(NamedTuple):
    """HEAD: the current branch, None if it is detached, and the full hash of its commit, None if there is none."""

    branch: str | None
    commit: str | None


class RemoteBranches(NamedTuple):
    """A remote's branches with their commits, and its default branch if it is known."""

    heads: dict[str, str]
    default: str | None


@dataclass(eq=False)
class Git:
    """A clone; commands run in ``folder``, its top folder or one below.

    ``more_objects`` is a folder with further objects, which the clone does not have.
    """

    folder: Path
    known: Clone | None = field(default=None, repr=False)
    more_objects: Path | None = None

    @classmethod
    def around(cls, folder: Path) -> Git:
        """Return the clone that contains ``folder``; raise Unusable if there is none."""
        try:
            folder = folder.absolute()
            physical = folder.resolve(strict=True)
            is_folder = physical.is_dir()
        except (OSError, RuntimeError):  # it is missing or not accessible, or its links form a loop
            is_folder = False
        if not is_folder:
            raise Unusable("no such folder", where=folder, hint="name the hub repository: --repo PATH")
        # Git would also accept the folder, or a parent, as a bare repository, and obey its configuration.
        start = next((at for at in (physical, *physical.parents) if os.path.exists(at / ".git")), None)  # noqa: PTH110
        state = cls(start).ask(*_NO_BARE, *_STATE) if start else Output(0, b"", "")
        inside, _, rest = state.stdout.removesuffix(b"\n").partition(b"\n")
        shallow, _, git_dir = rest.partition(b"\n")
        if not start or not state.ok or inside != b"true":
            if not state.ok and "not a git repository" not in state.stderr:
                raise failed(("rev-parse",), state, folder)
            what, hint = "not a git repository", "change into the hub repository, or name it: --repo PATH"
            if inside == b"false":
                what = "the git repository has no working tree here"
                hint = "change into one of: git worktree list; or see core.bare and core.worktree: git config --list"
            raise Unusable(what, where=folder, hint=hint)
        return cls(start, Clone(start, Path(os.fsdecode(git_dir)), shallow == b"true", is_found=True))

    def command(self, *arguments: str, stdin: str = "", env: Mapping[str, str] = NOTHING) -> Command:
        """Return the git command with ``arguments``."""
        hidden = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        if self.more_objects:
            hidden[_MORE_OBJECTS] = in_list(self.more_objects)
        if not sys.stdin.isatty():
            hidden["GIT_TERMINAL_PROMPT"] = "0"
        naming, clone = (*_NEUTRAL, *(() if _verb(arguments) in _WITH_HOOKS else _NO_HOOKS)), self.known
        # In the clone's top folder, git finds `.git` first, so it is not named there: hooks would inherit GIT_DIR and
        # GIT_WORK_TREE, and use them in other folders too.
        if clone and not (clone.is_found and self.folder == clone.top):
            naming = (*naming, *_NO_BARE, f"--git-dir={clone.git_dir}", f"--work-tree={clone.top}")
        return Command(("git", *arguments), self.folder, stdin, env, hidden, hidden_arguments=naming)

    def ask(self, *arguments: str, env: Mapping[str, str] = NOTHING) -> Output:
        """Run git and return its output, whatever its status."""
        return capture(self.command(*arguments, env=env))

    def read(self, *arguments: str, stdin: str = "", env: Mapping[str, str] = NOTHING) -> str:
        """Run git like :meth:`checked`, and return its standard output."""
        return self.checked(self.command(*arguments, stdin=stdin, env=env)).text

    def names(self, *arguments: str) -> tuple[str, ...]:
        """Run git with ``-z`` among ``arguments``, and return the file names that it lists."""
        return self.checked(self.command(*arguments)).names

    def checked(self, command: Command, seconds: float = LOOK_SECONDS) -> Output:
        """Run one of git's commands and return its output; raise a fault with git's message if it fails."""
        output = capture(command, seconds=seconds)
        if not output.ok:
            raise failed(command.argv[1:], output)
        return output

    def move(self, *arguments: str, to: Head) -> None:
        """Run git to move HEAD ``to`` a place; a hook that fails afterwards does not count."""
        with self.keeping_messages():
            output = capture(self.command(*arguments), seconds=PERSON_SECONDS)
        if (now := self.head()) != to:
            raise Moved(f"{HEAD} {_is_at(now.commit)}") if output.ok else failed(arguments, output)

    @contextmanager
    def keeping_messages(self) -> Iterator[None]:
        """Keep the message that git has prepared for the user's next commit: commits and switches remove it."""
        kept = {file: file.read_bytes() for file in self.clone.git_dir.glob("*_MSG")}  # MERGE_MSG, SQUASH_MSG
        try:
            yield
        finally:
            for file, text in kept.items():
                file.write_bytes(text)

    # -- the state of the clone

    @cached_property
    def clone(self) -> Clone:
        """What does not change: asked once."""
        return self.known or Git.around(self.folder).clone

    @cached_property
    def start(self) -> Head:
        """HEAD when this was first used: plans start there."""
        return self.head()

    def head(self) -> Head:
        """Return HEAD as it is now."""
        commit, _, name = self.ask("rev-parse", "HEAD", "--symbolic-full-name", "HEAD").text.partition("\n")
        if not name:  # no commit yet, or a branch called HEAD
            output = self.ask("symbolic-ref", "--quiet", "HEAD")
            commit, name = self.commit_at("HEAD") or "", output.text if output.ok else ""
        return Head(name.removeprefix(_HEADS) if name.startswith(_HEADS) else None, commit or None)

    def author(self) -> str:
        """Return the author of commits without the time; raise git's fault if it knows none, or no committer."""
        self.read("var", "GIT_COMMITTER_IDENT")
        return self.read("var", "GIT_AUTHOR_IDENT").rpartition(">")[0] + ">"

    def under_way(self) -> str | None:
        """Return the operation in progress (``merge``, ``rebase``, ...), or None."""
        return next((name for marker, name in _UNDER_WAY.items() if (self.clone.git_dir / marker).exists()), None)

    def require_unlocked(self) -> None:
        """Check that no other git has locked the index or HEAD; wait a moment if one has."""
        deadline = time.monotonic() + _MOMENT
        for lock in (self.clone.git_dir / name for name in _LOCKS):
            while lock.exists():
                if time.monotonic() > deadline:
                    raise locked(lock)
                time.sleep(_GLANCE)

    def path_of(self, *question: str) -> Path:
        """Return a path from ``git rev-parse``, which may print it relative to the current folder."""
        return self.folder / os.fsdecode(self.ask("rev-parse", *question).stdout.removesuffix(b"\n"))

    def keeping_objects(self, folder: Path) -> dict[str, str]:
        """Return the variables that make git store new objects in ``folder``, and also find those of the clone."""
        return {"GIT_OBJECT_DIRECTORY": str(folder), _MORE_OBJECTS: in_list(self.path_of("--git-path", "objects"))}

    # -- files and commits

    def show_all(self, paths: Sequence[str], revision: str) -> dict[str, bytes | None]:
        """Return the bytes that a checkout of ``revision`` writes to ``paths`` (relative to the top), or None."""
        commands = [self.command("cat-file", "--filters", f"{revision}:{path}") for path in paths]
        outputs = map_parallel(capture, commands)
        for command, output in zip(commands, outputs, strict=True):
            if _FILTER in output.stderr and not output.ok:
                raise failed(command.argv[1:], output)
        return {path: output.stdout if output.ok else None for path, output in zip(paths, outputs, strict=True)}

    def same_to_git(self, path: str, one: bytes | None, other: bytes | None) -> bool:
        """Whether git stores both contents of ``path`` as the same object, after its filters."""
        if one == other or one is None or other is None:
            return one == other
        texts = (data.decode("utf-8", "surrogateescape") for data in (one, other))
        return len({self.read("hash-object", "--stdin", f"--path={path}", stdin=text) for text in texts}) == 1

    def changed(self, paths: Sequence[str], *more: str) -> tuple[str, ...]:
        """Return the files below ``paths`` that differ from HEAD or are untracked, relative to the top.

        ``paths`` are relative to :attr:`folder`, ``more`` are flags of ``git status``. Text files that differ only from
        the index are not included. A nested repository that is not a submodule is listed as a folder, with a slash.
        """
        flags = ("--porcelain", "-z", "--no-renames", "--untracked-files=all")
        listed = self.names("--literal-pathspecs", "status", *flags, *more, "--", *paths)
        entries = [(entry[:2], entry[3:]) for entry in listed]
        if all(letters != _TWICE for letters, _ in entries):
            return tuple(path for _, path in entries)
        # Unlike `git diff`, it writes nothing; --numstat makes it read the files.
        counted = self.names(*_COMPARED, "--numstat", "HEAD", "--", *paths)
        unlike = {count.split("\t", 2)[-1] for count in counted}
        return tuple(path for letters, path in entries if letters != _TWICE or path in unlike)

    def compared(self, paths: Sequence[str], *flags: str) -> dict[str, list[str]]:
        """Return what differs from HEAD in the working tree, or with ``--cached`` in the index, of the files ``paths``.

        By path: the modes in HEAD and now, the objects in HEAD and now, and a letter (git-diff-index(1), ``--raw``).
        """
        listed = self.names(*_COMPARED, *flags, "--raw", "--no-abbrev", "HEAD", "--", *paths)
        pairs = zip(listed[::2], listed[1::2], strict=True)
        return {path: about.removeprefix(":").split() for about, path in pairs}

    def with_another_mode(self, paths: Sequence[str]) -> list[str]:
        """Return those of ``paths`` whose mode differs from HEAD, in the index or in the working tree."""
        found = (*self.compared(paths).items(), *self.compared(paths, "--cached").items())
        return list(dict.fromkeys(path for path, (before, now, *_) in found if before != now))

    def commit_at(self, revision: str) -> str | None:
        """Return the full hash of the commit ``revision``, or None."""
        output = self.ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return output.text if output.ok else None

    def branch_commit(self, branch: str) -> str | None:
        """Return the full hash of the local branch ``branch``, or None."""
        return self.commit_at(f"{_HEADS}{branch}")

    def contains(self, commit: str, other: str | None) -> bool:
        """Whether ``other`` is ``commit`` or one of its ancestors."""
        return other is not None and self.ask("merge-base", "--is-ancestor", other, commit).ok

    def child_of(self, parent: str, revision: str) -> str | None:
        """Return the child of ``parent`` on the first-parent history of ``revision``, or None."""
        output = self.ask("rev-list", "--first-parent", "--parents", f"{parent}..{revision}")
        commit, *parents = output.text.rpartition("\n")[2].split() or [""]
        return commit if output.ok and parents[:1] == [parent] else None

    def count(self, start: str, end: str) -> int:
        """Return the number of commits in ``end`` that are not in ``start``."""
        output = self.ask("rev-list", "--count", f"{start}..{end}", "--")
        return int(output.text) if output.ok else 0

    def differing_files(self, before: str, after: str) -> tuple[str, ...]:
        """Return the files that differ between two commits, relative to the top."""
        return self.names("diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after, "--")

    # -- the remote

    def push_address(self, remote: str) -> str:
        """Return where to list the branches that a push to ``remote`` updates: the remote, or its push address."""
        fetch, push = self.ask("remote", "get-url", remote).text, self.push_addresses(remote)[:1]
        return push[0] if push and push[0] != fetch else remote

    def push_addresses(self, remote: str) -> list[str]:
        """Return the push addresses of ``remote``."""
        return self.ask("remote", "get-url", "--push", "--all", remote).text.splitlines()

    @cached_property
    def configuration(self) -> dict[str, str]:
        """Git's settings of remotes and branches, with variable names in lower case; asked once."""
        about = r"^(remote|branch|init)\."
        pairs = (entry.partition("\n") for entry in self.ask("config", "--null", "--get-regexp", about).names)
        return {key: value for key, _, value in pairs}

    def known_branches(self, remote: str) -> RemoteBranches:
        """Return the remote's branches as last fetched; the clone's own branches if nothing was fetched."""
        fetched = f"refs/remotes/{remote}/"
        listed = self.read("for-each-ref", "--format=%(refname) %(objectname) %(symref)", fetched, _HEADS)
        lines = [line.split(" ") for line in listed.splitlines()]
        prefix = fetched if any(name.startswith(fetched) for name, _, _ in lines) else _HEADS
        heads = {name.removeprefix(prefix): commit for name, commit, _ in lines if name.startswith(prefix)}
        default = next((link.removeprefix(fetched) for name, _, link in lines if name == f"{fetched}HEAD"), None)
        return RemoteBranches(heads, default)

    def remote_branches(self, remote: str, pattern: str = "*") -> RemoteBranches:
        """Ask ``remote`` for its default branch and the branches matching ``pattern``; raise Unreachable or Denied."""
        command = self.command("ls-remote", "--symref", "--", remote, "HEAD", f"{_HEADS}{pattern}")
        output = self.ask_remote(command, remote)
        # `ref: refs/heads/main<TAB>HEAD` is the default branch. Patterns also match the end of other names:
        # refs/other/refs/heads/main, refs/other/HEAD.
        lines = [line.partition("\t") for line in output.text.splitlines()]
        heads = {name.removeprefix(_HEADS): commit for commit, _, name in lines if name.startswith(_HEADS)}
        link = f"ref: {_HEADS}"
        links = (target.removeprefix(link) for target, _, name in lines if name == "HEAD" and target.startswith(link))
        return RemoteBranches(heads, next((name for name in links if name in heads), None))

    def ask_remote(self, command: Command, remote: str, seconds: float = LOOK_SECONDS) -> Output:
        """Run a command that asks ``remote``, and return its output; raise Denied or Unreachable, also if too slow."""
        try:
            output = capture(command, seconds=seconds)
        except TooSlow as slow:
            raise _unreachable(remote, slow.what) from slow
        if not output.ok:
            raise remote_fault(output, remote)
        return output

    def fetched(self, remote: str, branch: str, folder: Path) -> Git:
        """Fetch ``branch`` of ``remote`` into the object folder ``folder``; return the clone with these objects."""
        flags = ("--no-write-fetch-head", "--no-tags", "--no-auto-maintenance", "--no-recurse-submodules", "--refmap=")
        command = self.command("fetch", *flags, "--", remote, f"{_HEADS}{branch}", env=self.keeping_objects(folder))
        self.ask_remote(command, remote, PUSH_SECONDS)
        return replace(self, more_objects=folder)

    def commits_not_in(self, heads: Iterable[str]) -> tuple[str, ...]:
        """Return HEAD's commits that are not in ``heads``, newest first: short hash and subject."""
        revisions = "\n".join(("HEAD", *(f"^{commit}" for commit in heads)))
        flags = ("--oneline", "--abbrev-commit", "--abbrev=12", "--ignore-missing", "--stdin")
        return tuple(self.read("rev-list", *flags, stdin=f"{revisions}\n").splitlines())

    def follows(self, remote: str, branch: str) -> bool:
        """Whether the local ``branch`` tracks the one of ``remote``, and has the same commits."""
        track = "--format=%(upstream:remotename) %(upstream:track)"
        return self.read("for-each-ref", track, f"{_HEADS}{branch}") == f"{remote} "

    def push_command(self, remote: str, commit: str, branch: str) -> Command:
        """Return the command that pushes ``commit`` to ``remote`` as ``branch``, without force."""
        only = ("--no-follow-tags", "--recurse-submodules=no")
        command = self.command("push", *only, "--", remote, f"{commit}:{_HEADS}{branch}")
        # Git accepts no refspec for a mirror.
        return command._replace(hidden_arguments=(*command.hidden_arguments, "-c", f"remote.{remote}.mirror=false"))

    def follow_commands(self, remote: str, branch: str) -> list[Command]:
        """Return the commands that set the upstream of ``branch``, like ``git push --set-upstream``."""
        pairs = ((f"branch.{branch}.merge", f"{_HEADS}{branch}"), (f"branch.{branch}.remote", remote))
        return [self.command("config", "--replace-all", *pair) for pair in pairs]


class HeadFact(Fact):
    """The fact that HEAD is at a branch and commit (:class:`Head`)."""

    def require(self, value: Head) -> None:
        """Ask again, and check that HEAD is at ``value``."""
        now = self.ask()
        if now.branch != value.branch:
            what = f"is now {now.branch}" if now.branch else "is now none: HEAD is detached"
            raise Moved(f"the current branch {what}", f"git switch {value.branch}" if value.branch else "")
        if now != value:
            raise Moved(f"{HEAD} {_is_at(now.commit)}")


def head_fact(git: Git, branch: str | None) -> Fact:
    """Return the fact that HEAD is at ``branch`` (None: detached), at the commit that the plan starts from."""
    return HeadFact(HEAD, git.head, Head(branch, git.start.commit))


def local_branch_fact(git: Git, branch: str, value: str | None) -> Fact:
    """Return the fact that the local ``branch`` is at the commit ``value`` (None: missing)."""
    return Fact(f"the branch {branch}", lambda: git.branch_commit(branch), value, _is_at)


def push_address_fact(git: Git, remote: str) -> Fact:
    """Return the fact of where ``git push`` sends to for ``remote``."""
    ask = partial(git.push_addresses, remote)
    return Fact(f"the address of {remote}", ask, ask(), lambda now: f"is now {', '.join(now)}")


def remote_branch_fact(git: Git, remote: str, branch: str, value: str | None, address: str) -> Fact:
    """Return the fact that ``branch`` of ``remote``, at ``address``, is at the commit ``value`` (None: missing)."""
    name = f"{remote}'s branch {branch}"
    return Fact(name, lambda: git.remote_branches(address, branch).heads.get(branch), value, _is_at)


def index_fact(git: Git, paths: Sequence[str]) -> Fact:
    """Return the fact of what the index has for ``paths``: mode and object of those that differ from HEAD."""

    def ask() -> dict[str, str]:
        return {path: f"{mode} {blob}" for path, (_, mode, _, blob, _) in git.compared(paths, "--cached").items()}

    return Fact("the index", ask, ask())


def switched(git: Git, branch: str, commit: str, moved: Sequence[str], folder: Path) -> Git:
    """Return the clone as a switch to ``branch`` at ``commit`` would leave it, with a git directory in ``folder``.

    The commit is in the clone, or in ``objects`` below ``folder``. In the result, git treats the files that the switch
    would write or remove (``moved``) as unchanged.
    """
    for entry in git.path_of("--git-common-dir").iterdir():
        if entry.name in _COPIED and entry.is_dir():
            shutil.copytree(entry, folder / entry.name, ignore=shutil.ignore_patterns("*.lock"))
        elif entry.name in _COPIED:
            shutil.copy(entry, folder)
        elif entry.name not in _LEFT_OUT and not entry.name.endswith(".lock"):
            (folder / entry.name).symlink_to(entry)
    for name in ("objects/info", "info"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "objects/info/alternates").write_bytes(os.fsencode(f"{in_list(git.path_of('--git-path', 'objects'))}\n"))
    shutil.copy(git.path_of("--git-path", "index"), folder / "index")
    ahead = Git(git.folder, git.clone._replace(git_dir=folder, is_found=False))
    ahead.read("update-ref", f"refs/heads/{branch}", commit)
    ahead.read("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    ahead.read("read-tree", "-m", "-i", str(git.start.commit), commit)
    there = {*moved}.intersection(ahead.names("ls-files", "-z"))
    ahead.read("update-index", "-z", "--assume-unchanged", "--stdin", stdin="".join(f"{path}\0" for path in there))
    gone = (re.sub(r"([\\*?\[ ])", r"\\\1", path) for path in sorted({*moved} - there))
    with (folder / "info/exclude").open("a", errors="surrogateescape") as exclude:
        exclude.write("".join(("\n", *(f"/{path}\n" for path in gone))))
    return ahead


def _is_at(commit: str | None) -> str:
    return f"is now {commit[:SHORT]}" if commit else "does not exist now"


def in_list(folder: Path) -> str:
    """Return a folder, quoted as in C, for a variable or file that lists several."""
    escaped = str(folder).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def remote_fault(output: Output, remote: str) -> Unreachable:
    """Return the fault for a failed request to a remote: Denied or Unreachable."""
    words = _first_fault(output)
    if re.search(_DENIED, output.stderr):
        return Denied(f"the remote denied access: {words}", where=remote, hint=f"git ls-remote {remote}")
    return _unreachable(remote, words, _fix(output.stderr))


def _unreachable(remote: str, why: str, hint: str = "") -> Unreachable:
    return Unreachable(f"cannot reach the remote: {why}", where=remote, hint=hint or f"git ls-remote {remote}")


def push_fault(output: Output, remote: str, branch: str, *, ahead: bool) -> ProgramFailed | Unreachable:
    """Return the fault for a failed push.

    Without a rejection by the remote and without a fatal error of git, the clone's own hook stopped it.
    """
    rejected = [line for line in output.stderr.splitlines() if re.search(r"\[(remote )?rejected\]", line)]
    if not rejected and "fatal: " in output.stderr:
        return remote_fault(output, remote)
    if not rejected:
        return ProgramFailed(
            f"the clone's own hook stopped the push of {branch}",
            where="pre-push",
            hint="git rev-parse --git-path hooks/pre-push; see its output above",
        )
    reason = rejected[0].rpartition("(")[2].rstrip(")") or "no reason given"
    if ahead:
        hint = f"see what is there: git fetch {remote} {branch} && git log HEAD..FETCH_HEAD; or use another --branch"
    else:
        said, otherwise = output.stderr.lower(), f"ask the owners of {remote} why, then: git push {remote} {branch}"
        hint = next((hint for sign, hint in _REJECTED.items() if sign in said), otherwise)
    return Unreachable(f"the remote rejected the branch {branch}: {reason}", where=remote, hint=hint)


def failed(arguments: Sequence[str], output: Output, where: object | None = None) -> Fault:
    """Return the fault for a failed call of git with ``arguments``, with git's message."""
    # Another git holds a lock.
    if held := re.search(_HELD, output.stderr):
        return locked(f"{held[1] or held[2]}.lock")
    hint = _fix(output.stderr) or "git status"
    return ProgramFailed(f"git {_verb(arguments)}: {_first_fault(output)}", where=where, hint=hint)


def _verb(arguments: Sequence[str]) -> str:
    """Return git's subcommand, which options may precede."""
    return next((word for word in arguments if word.replace("-", "").isalpha() and word[0] != "-"), arguments[0])


def _fix(said: str) -> str:
    """Return the hint for git's error output, or an empty string."""
    # Git's own advice first, if it is a command.
    advised = (line.strip() for line in said.splitlines() if line.strip().startswith(_ADVICE))
    temporary = shlex.quote(tempfile.gettempdir())
    known = (fix.format(temporary=temporary) for sign, fix in _FIXES.items() if sign in said.lower())
    return next(chain(advised, known), "")


def locked(lock: Path | str) -> Refused:
    """Return the fault for a lock file of another git, which may have been killed."""
    return Refused(
        "another git is at work here, or was killed in the middle of it",
        where=lock,
        hint=f"wait for it; if no git is running: rm {shlex.quote(str(lock))}",
    )


def _first_fault(output: Output) -> str:
    lines = output.stderr.splitlines()
    first = next((at for at, line in enumerate(lines) if line.strip().startswith(("fatal: ", "error: "))), None)
    if first is None:
        return output.last_words
    if lines[first].startswith(_AFTER_ANOTHER):
        # A server may frame its reason.
        before = (line.removeprefix("remote:").strip().removeprefix("ERROR: ") for line in lines[:first])
        return [output.last_words, *(line for line in before if re.search(r"\w", line))][-1]
    # The lines below may list files.
    listed = takewhile(lambda line: line.startswith("\t"), lines[first + 1 :])
    return " ".join((lines[first].strip().split(": ", 1)[1], *map(str.strip, listed)))
