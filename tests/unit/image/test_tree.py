"""What a builder gets: the files of a git tree, as git itself checks them out; and what of it makes another image."""

import os
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tasks.core.faults import Refused
from tasks.image.inputs import inputs_hash, require_buildable, write_files
from tasks.image.tree import Tree, snapshot
from tasks.tools.git import Git
from tests.support.calls import opened, raised
from tests.support.cli import sh
from tests.support.hubs import Hub, make_hub, make_repository
from tests.support.steps import add_submodule

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
    # As Git LFS does, it leaves a file as it is stored where a variable says so.
    hub.git("config", "filter.up.smudge", 'test "$GIT_LFS_SKIP_SMUDGE" = 1 && exec cat; tr a-z A-Z')
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
def test_a_tree_is_written_as_git_checks_it_out_on_every_machine(
    repository: Hub, tmp_path: Path, umask: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = checked_out(repository, "HEAD", tmp_path / "theirs")
    (tmp_path / "attributes").write_text("*.txt eol=crlf\n")
    for key, value in (
        ("core.autocrlf", "true"),
        ("core.symlinks", "false"),
        ("core.attributesFile", str(tmp_path / "attributes")),
    ):
        repository.git("config", key, value)
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
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
    repository.git("replace", "HEAD:ctx/run.sh", "HEAD:.gitattributes")
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


# -- what makes an image another one: the hash of its inputs, without a registry or an engine


SECOND = 'extraBuildCommandOptions: ["--build-context=shared=shared"]'


@pytest.fixture
def made(tmp_path: Path) -> Hub:
    hub = make_hub(tmp_path / "hub")
    hub.edit("chartpress.yaml", "        valuesPath:", f"        paths: [extra]\n        {SECOND}\n        valuesPath:")
    for name in ("shared/lib.py", "extra/list.txt", "elsewhere/x.txt"):
        hub.write(name, "one\n")
    hub.commit("Take more")
    return hub


def hash_of(made: Hub, base: str = "sha256:1", platform: str = "linux/amd64") -> str:
    hub = opened(made)
    return inputs_hash(hub, hub.images[0], Tree(hub.git, "HEAD"), base, platform)


def write(name: str, text: str) -> Callable[[Hub], object]:
    return lambda hub: hub.write(name, text)


def test_a_context_that_gives_the_image_no_new_tag_does_not_count(made: Hub) -> None:
    made.change("chartpress.yaml", "        paths:", "        rebuildOnContextPathChanges: false\n        paths:")
    before = hash_of(made)
    made.put("images/hub/notes.txt", "new\n")
    assert hash_of(made) == before
    made.put("extra/list.txt", "two\n")
    assert hash_of(made) != before


def test_each_file_that_a_builder_gets_the_base_image_and_the_platform_count_and_nothing_else(made: Hub) -> None:
    hashes = [hash_of(made)]
    for change in (
        write("images/hub/requirements.txt", "another\n"),
        write("images/hub/new.txt", "new\n"),
        write("images/hub/.dockerignore", "*\n"),
        write("images/hub/Dockerfile.dockerignore", "*\n"),
        write("shared/lib.py", "two\n"),
        write("extra/list.txt", "two\n"),
        write("images/hub/.gitattributes", "*.txt text eol=crlf\n"),
        write("images/.gitattributes", "*.txt text eol=crlf\n"),
        write(".gitattributes", "*.txt text eol=crlf\n"),
        lambda hub: (hub.path / "images/hub/requirements.txt").chmod(0o755),
    ):
        change(made)
        made.commit("Change it")
        hashes.append(hash_of(made))
    assert len({*hashes}) == len(hashes)
    for name in ("elsewhere/x.txt", "elsewhere/.gitattributes", "README"):
        made.put(name, "* -text\n")
        assert hash_of(made) == hashes[-1], name
    assert len({hashes[-1], hash_of(made, base="sha256:2"), hash_of(made, platform="linux/arm64")}) == 3


def test_the_revision_of_a_submodule_among_the_paths_counts(made: Hub) -> None:
    made.git("rm", "--quiet", "-r", "extra")
    add_submodule(made, "lists", "extra")
    before = hash_of(made)
    sh("git", "commit", "--quiet", "--allow-empty", "--message=Another revision", cwd=made.path / "extra")
    made.git("config", "submodule.lists.ignore", "all")
    made.git("add", "extra")
    made.commit("Follow")
    assert hash_of(made) != before
    assert Tree(Git.around(made.path), "HEAD").differing_files("HEAD~", ["extra"]) == ("extra",)


def test_an_image_in_a_submodule_is_refused_with_what_to_do(made: Hub, tmp_path: Path) -> None:
    sub = make_repository(tmp_path / "sub", {"ctx/Dockerfile": made.read("images/hub/Dockerfile")})
    made.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(sub.path), "sub")
    made.edit("chartpress.yaml", "        valuesPath:", "        contextPath: sub/ctx\n        valuesPath:")
    made.commit("Take the image from elsewhere")
    hub = opened(made)
    assert raised(Refused, require_buildable, hub, hub.images[0], Tree(hub.git, "HEAD")) == (
        "error: the build context is in the submodule sub (sub/ctx)\n"
        "hint: move the Dockerfile and its folder into this repository; other files may stay in sub"
    )


def test_a_files_time_tells_its_content_so_that_a_builder_gets_only_what_has_changed(made: Hub, tmp_path: Path) -> None:
    def times(name: str) -> dict[str, int]:
        hub = opened(made)
        write_files(hub, hub.images, Tree(hub.git, "HEAD"), tmp_path / name)
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {path.relative_to(tmp_path / name).as_posix(): path.stat().st_mtime_ns for path in files}

    before = times("before")
    assert times("again") == before
    made.write("shared/lib.py", "two\n")  # as many bytes as before
    made.commit("Change one file")
    after = times("after")
    assert [name for name in after if after[name] != before[name]] == ["shared/lib.py"]
    assert {time.gmtime(moment // 10**9).tm_year for moment in after.values()} <= {*range(1980, 2011)}


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'1' * 64}\nsize 4\n"


def test_a_file_that_git_lfs_has_elsewhere_is_the_file_or_refused(made: Hub, tmp_path: Path) -> None:
    made.write(".gitattributes", "*.bin filter=lfs -text\n")
    made.write("images/hub/model.bin", POINTER)
    made.commit("Add a model, on a machine without git-lfs")
    hub = opened(made)
    (image,), tree, without = hub.images, Tree(hub.git, "HEAD"), tmp_path / "without"
    for refuse in (partial(require_buildable, hub, image, tree), partial(write_files, hub, [image], tree, without)):
        error, _ = raised(Refused, refuse).splitlines()
        assert error.startswith("error: Git LFS is not set up: ")
        assert error.endswith(" (images/hub/model.bin)")
    made.git("config", "filter.lfs.smudge", "cat >/dev/null; echo real")  # a STAND-IN for git-lfs
    require_buildable(hub, image, tree)
    write_files(hub, [image], tree, tmp_path / "with")
    assert (tmp_path / "with/images/hub/model.bin").read_text() == "real\n"


def test_a_file_that_git_has_lost_is_named(made: Hub) -> None:
    lost = made.git("rev-parse", "HEAD:images/hub/requirements.txt")
    (made.path / ".git/objects" / lost[:2] / lost[2:]).unlink()
    hub = opened(made)
    assert raised(Refused, require_buildable, hub, hub.images[0], Tree(hub.git, "HEAD")) == (
        "error: git has lost the file's content (images/hub/requirements.txt)\n"
        "hint: git fsck; to fetch it again: git fetch --refetch"
    )
