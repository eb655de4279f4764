"""What a builder gets: the files of a git tree, written as git itself checks them out."""

import os
import stat
from pathlib import Path

import pytest

from tasks.core.faults import Refused
from tasks.image.tree import Tree, snapshot
from tasks.tools.git import Git
from tests.support.calls import raised
from tests.support.cli import sh
from tests.support.hubs import Hub, make_repository

ODD_NAMES = ("a b.txt", "é.txt", "-dash", ":colon", "*star", "[x]", 'quote".txt', "line\nbreak", "tab\t", "back\\slash")


@pytest.fixture
def repository(tmp_path: Path) -> Hub:
    hub = make_repository(tmp_path / "hub", {"ctx/a.txt": "a\n", "ctx/deep/b.txt": "b\n", "other.txt": "other\n"})
    for name in ODD_NAMES:
        hub.write(f"ctx/{name}", name)
    hub.write("ctx/run.sh", "#!/bin/sh\n")
    (hub.path / "ctx/run.sh").chmod(0o755)
    (hub.path / "ctx/link").symlink_to("a.txt")
    (hub.path / "ctx/link-to-nothing").symlink_to("/nowhere")
    with (hub.path / os.fsdecode(b"ctx/caf\xe9")).open("wb") as stream:
        stream.write(b"\x00\xff\r\n")
    hub.write(".gitattributes", "*.crlf text eol=crlf\nctx/secret export-ignore\nctx/deep/** ident\n*.up filter=up\n")
    hub.write("ctx/lines.crlf", "one\r\ntwo\r\n")
    hub.write("ctx/secret", "export-ignore has no effect\n")
    hub.write("ctx/deep/ident.txt", "$Id$\n")
    hub.git("config", "filter.up.smudge", "tr a-z A-Z")
    hub.git("config", "filter.up.clean", "tr A-Z a-z")
    hub.write("ctx/shout.up", "LOUD\n")
    hub.commit("Fill the context")
    return hub


def seen(folder: Path) -> dict[bytes, tuple[str, bytes]]:
    """Return each file below ``folder`` but git's own: its kind and mode, and its bytes or where it points."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) or path.name == ".git":
            continue
        content = os.fsencode(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes()
        found[os.fsencode(path.relative_to(folder))] = stat.filemode(mode), content
    return found


def checked_out(hub: Hub, commit: str, folder: Path) -> dict[bytes, tuple[str, bytes]]:
    """Return what git's own checkout of ``commit`` has, with the usual umask."""
    before = os.umask(0o022)
    sh("git", "worktree", "add", "--quiet", "--detach", str(folder), commit, cwd=hub.path)
    os.umask(before)
    return seen(folder)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_tree_is_written_as_git_checks_it_out(repository: Hub, tmp_path: Path, umask: int) -> None:
    expected = checked_out(repository, "HEAD", tmp_path / "theirs")
    before = os.umask(umask)
    try:
        Tree(Git.around(repository.path), "HEAD").write(["."], tmp_path / "ours" / "all")
    finally:
        os.umask(before)
    assert seen(tmp_path / "ours" / "all") == expected
    assert expected[b"ctx/lines.crlf"][1] == b"one\r\ntwo\r\n"
    assert expected[b"ctx/shout.up"][1] == b"LOUD\n"
    assert expected[b"ctx/run.sh"][0] == "-rwxr-xr-x"


def hide_by_flag(hub: Hub) -> None:
    hub.git("update-index", "--assume-unchanged", "ctx/a.txt")
    hub.write("ctx/a.txt", "not committed\n")


def stage_and_lie_around(hub: Hub) -> None:
    hub.write("ctx/a.txt", "staged\n")
    hub.git("add", "ctx/a.txt")
    hub.write("ctx/new.txt", "untracked\n")
    hub.write(".git/info/exclude", "*.local\n")
    hub.write("ctx/my.local", "ignored\n")


def test_nothing_of_the_work_tree_or_the_index_gets_into_a_commits_files(repository: Hub, tmp_path: Path) -> None:
    expected = checked_out(repository, "HEAD", tmp_path / "theirs")
    repository.git("sparse-checkout", "set", "--no-cone", "/*", "!/ctx/deep")
    stage_and_lie_around(repository)
    hide_by_flag(repository)
    (repository.path / "ctx/run.sh").unlink()
    repository.write(".gitattributes", "* -text\n")
    repository.write(".git/info/sparse-checkout", "nothing\n")
    status = repository.git("status", "--porcelain")
    Tree(Git.around(repository.path), "HEAD").write(["."], tmp_path / "ours/all")
    assert seen(tmp_path / "ours/all") == expected
    assert repository.git("status", "--porcelain") == status


# -- submodules


@pytest.fixture
def with_submodule(repository: Hub, tmp_path: Path) -> Hub:
    inner = make_repository(tmp_path / "inner", {"deepest.txt": "deepest\n"})
    sub = make_repository(tmp_path / "sub", {"module.txt": "one\n"})
    for hub, other, path in ((sub, inner, "inner"), (repository, sub, "ctx/sub")):
        hub.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), path)
        hub.commit("Add a submodule")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    return repository


def test_submodules_are_written_at_the_commits_revision(with_submodule: Hub, tmp_path: Path) -> None:
    (with_submodule.path / "ctx/sub/module.txt").write_text("not committed\n")
    Tree(Git.around(with_submodule.path), "HEAD").write(["ctx"], tmp_path / "ours/all")
    assert (tmp_path / "ours/all/ctx/sub/module.txt").read_text() == "one\n"
    assert (tmp_path / "ours/all/ctx/sub/inner/deepest.txt").read_text() == "deepest\n"


def test_a_submodule_that_is_not_here_is_named_with_the_command(with_submodule: Hub, tmp_path: Path) -> None:
    sh("git", "clone", "--quiet", str(with_submodule.path), str(tmp_path / "plain"), cwd=tmp_path)
    plain = Git.around(tmp_path / "plain")
    error, hint = raised(Refused, Tree(plain, "HEAD").write, ["ctx"], tmp_path / "ours/all").splitlines()
    assert error.startswith("error: the submodule is not here at its revision ")
    assert (error[-10:], hint) == (" (ctx/sub)", "hint: git submodule update --init --recursive -- ctx/sub")


@pytest.mark.parametrize(
    ("target", "leads"), [("../../outside", "out of the repository"), ("/etc", "out of the"), ("me", "in a circle")]
)
def test_a_link_that_leads_astray_is_refused(repository: Hub, target: str, leads: str) -> None:
    (repository.path / "ctx/me").symlink_to(target)
    repository.commit("Link")
    tree = Tree(Git.around(repository.path), "HEAD")
    assert f"a symbolic link leads {leads}" in raised(Refused, tree.objects, ["ctx/me"])
    assert f"a symbolic link leads {leads}" in raised(Refused, lies, repository, "ctx/me/x")


# -- the files as they lie


def test_files_as_they_lie_are_tracked_and_new_ones_without_what_git_ignores(repository: Hub, tmp_path: Path) -> None:
    stage_and_lie_around(repository)
    repository.write("ctx/a.txt", "edited after it was staged\n")
    repository.write("other.txt", "not asked for\n")
    (repository.path / "ctx/run.sh").unlink()
    before = (repository.git("status", "--porcelain"), repository.git("count-objects", "-v"))
    git = Git.around(repository.path)
    with snapshot(git, ["ctx"], {"ctx/deep/b.txt": b"planned\r\n"}) as tree:
        tree.write(["."], tmp_path / "ours/all")
    ours = seen(tmp_path / "ours/all")
    assert ours[b"ctx/a.txt"][1] == b"edited after it was staged\n"
    assert ours[b"ctx/new.txt"][1] == b"untracked\n"
    assert ours[b"ctx/deep/b.txt"][1] == b"planned\r\n"
    assert ours[b"other.txt"][1] == b"other\n"
    assert b"ctx/my.local" not in ours
    assert b"ctx/run.sh" not in ours
    assert (repository.git("status", "--porcelain"), repository.git("count-objects", "-v")) == before


def test_files_that_git_was_told_not_to_look_at_are_those_of_the_index(repository: Hub) -> None:
    before = lies(repository, "ctx")
    hide_by_flag(repository)
    repository.git("update-index", "--skip-worktree", "ctx/deep/b.txt", "ctx/lines.crlf")
    repository.write("ctx/deep/b.txt", "skipped, and edited\n")
    (repository.path / "ctx/lines.crlf").unlink()
    assert lies(repository, "ctx") == before


def test_files_as_they_lie_are_found_at_odd_paths(repository: Hub, tmp_path: Path) -> None:
    name = os.fsdecode(b'a:b"caf\xe9\n')
    repository.path.rename(tmp_path / name)
    with snapshot(Git.around(tmp_path / name), ["ctx"], {"ctx/a.txt": b"planned\n"}) as tree:
        tree.write(["ctx/a.txt", "other.txt"], tmp_path / "ours/all")
    assert (tmp_path / "ours/all/ctx/a.txt").read_text() == "planned\n"
    assert (tmp_path / "ours/all/other.txt").read_text() == "other\n"


def lies(hub: Hub, *paths: str) -> dict[str, bytes]:
    """Return the files below ``paths`` as they lie, with the bytes that git keeps of them."""
    with snapshot(Git.around(hub.path), paths, {}) as tree:
        entries = [entry for entry in tree.files(["."]) if entry.mode.startswith("100")]
        return dict(zip((entry.path for entry in entries), tree.blobs(entries), strict=True))


@pytest.mark.parametrize(
    "pattern", [("/*", "!/ctx/deep"), ("/other.txt",), ("/*", "!/ctx")], ids=["a part", "nearly all", "the context"]
)
def test_files_as_they_lie_in_a_sparse_checkout_are_those_of_the_index_and_new_ones(
    repository: Hub, pattern: tuple[str, ...]
) -> None:
    before = lies(repository, "ctx")
    repository.git("sparse-checkout", "set", "--no-cone", *pattern)
    assert lies(repository, "ctx", "ctx/none") == before
    repository.write("ctx/deep/new.txt", "new\n")
    assert lies(repository, "ctx", "ctx/none") == {**before, "ctx/deep/new.txt": b"new\n"}
