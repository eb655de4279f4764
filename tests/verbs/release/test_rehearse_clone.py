"""A rehearsal's clone holds the files of the working tree as they lie, and takes nothing from anywhere else."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tasks.core.faults import ProgramFailed
from tasks.core.settings import Settings
from tasks.rehearsal.stage import make_clone
from tasks.repo.hub import open_hub
from tasks.tools.git import Git
from tasks.tools.reach import Reach, confined
from tests.support.scene import CHARTPRESS, DOCKERFILE
from tests.support.world import files_in

from ...support.cli import run_task, sh
from ...support.hubs import Hub, make_hub

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.scene import Scene

ADDRESS = "127.0.0.1:5000"
SUB = "images/hub/lib"


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return make_hub(tmp_path / "hub", registry="Registry.Example.EDU:5000/team")


def cloned(hub: Hub, beside: Path | None = None) -> Hub:
    """Return the clone that a rehearsal of ``hub`` makes ``beside`` it, after checking that ``hub`` is as it was."""
    folder = (beside or hub.path.parent) / "rehearsal"
    folder.mkdir()
    before, listed = files_in(hub.path / ".git"), sorted(hub.path.iterdir())
    original = open_hub(Settings(base_branch="main"), Git.around(hub.path))
    with confined(Reach(folder, ADDRESS, "default")):
        make_clone(original, folder, ADDRESS)
    assert files_in(hub.path / ".git") == before
    assert sorted(hub.path.iterdir()) == listed
    clone = Hub(folder / "hub", folder / "remote.git")
    assert clone.git("status", "--porcelain", "--ignored") == ""
    assert clone.git("rev-parse", "main") == clone.remote_git("rev-parse", "main")
    return clone


def tree(hub: Hub, revision: str = "HEAD") -> dict[str, str]:
    """Return the names of git's objects in a commit, by their paths."""
    entries = hub.git("ls-tree", "-r", "-z", revision).split("\0")
    return {path: about for about, _, path in (entry.partition("\t") for entry in entries) if path}


def test_a_clean_clone_differs_in_the_names_of_the_images_only(hub: Hub) -> None:
    clone = cloned(hub)
    assert clone.git("fsck", "--no-progress", "--no-dangling") == ""
    assert clone.subjects() == [f"Set the stage: the working tree as it stands, images to {ADDRESS}", "Set up the hub"]
    assert clone.git("rev-parse", "HEAD~1") == hub.git("rev-parse", "HEAD")
    assert {path for path, about in tree(clone).items() if tree(hub)[path] != about} == {CHARTPRESS}
    assert f"imagePrefix: {ADDRESS}/registry.example.edu-5000/team/core/\n" in clone.read(CHARTPRESS)


def test_changed_new_moved_and_deleted_files_are_as_they_lie_and_ignored_ones_are_not_there(hub: Hub) -> None:
    hub.write(".gitignore", "*.log\n")
    hub.write("a", "1\n")
    hub.write("folder/b", "1\n")
    hub.commit("More")
    hub.write("a", "staged\n")
    hub.git("add", "a")
    hub.write("a", "2\n")
    hub.write("new file", "new\n")
    hub.write("x.log", "ignored\n")
    (hub.path / "run.sh").write_text("#!/bin/sh\n")
    (hub.path / "run.sh").chmod(0o755)
    (hub.path / "link").symlink_to("../nowhere")
    (hub.path / "folder/b").unlink()
    (hub.path / "folder").rmdir()
    hub.write("folder", "a file now\n")
    (hub.path / "images/hub/requirements.txt").unlink()
    clone = cloned(hub)
    assert (clone.read("a"), clone.read("new file"), clone.read("folder")) == ("2\n", "new\n", "a file now\n")
    assert not (clone.path / "x.log").exists()
    assert not (clone.path / "images/hub/requirements.txt").exists()
    assert (clone.path / "link").readlink().as_posix() == "../nowhere"
    assert tree(clone)["run.sh"].startswith("100755 ")


def test_names_may_be_odd(hub: Hub) -> None:
    names = (b"\xff\xfe", b"line\nbreak", b'"quoted"', b"-flag", b":(top)x", b"*", b"#x")
    for name in names:
        with open(os.path.join(os.fsencode(hub.path), name), "w", encoding="utf-8") as file:  # noqa: PTH118, PTH123
            file.write("x\n")
    clone = cloned(hub)
    assert set(names) <= {os.fsencode(path.name) for path in clone.path.iterdir()}


def test_the_path_may_be_odd(tmp_path: Path) -> None:
    made = make_hub(tmp_path / "made")
    odd = tmp_path / 'line\nbreak "quoted" #x \\' / "hub"
    odd.parent.mkdir()
    made.path.rename(odd)
    clone = cloned(Hub(odd, made.remote), tmp_path)
    assert clone.read(DOCKERFILE)


def test_pipes_and_sockets_that_git_does_not_know_are_left_out(hub: Hub) -> None:
    os.mkfifo(hub.path / "images/hub/pipe")
    assert not (cloned(hub).path / "images/hub/pipe").exists()


def test_a_pipe_in_place_of_a_file_is_git_s_to_refuse(hub: Hub) -> None:
    (hub.path / DOCKERFILE).unlink()
    os.mkfifo(hub.path / DOCKERFILE)
    with pytest.raises(ProgramFailed, match="can only add regular files"):
        cloned(hub)


def test_repositories_inside_that_are_no_submodules_are_left_out(hub: Hub) -> None:
    for name in ("images/hub/empty", "images/hub/nested"):
        sh("git", "init", "--quiet", name, cwd=hub.path)
    sh("git", "commit", "--quiet", "--allow-empty", "--message=x", cwd=hub.path / "images/hub/nested")
    clone = cloned(hub)
    assert not (clone.path / "images/hub/empty").exists()
    assert not (clone.path / "images/hub/nested").exists()


def test_a_file_that_git_is_told_to_take_for_unchanged_is_as_committed(hub: Hub) -> None:
    committed = hub.read(DOCKERFILE)
    hub.git("update-index", "--assume-unchanged", DOCKERFILE)
    hub.write(DOCKERFILE, "FROM scratch\n")
    assert cloned(hub).read(DOCKERFILE) == committed


def test_files_outside_of_a_sparse_checkout_are_as_committed(hub: Hub) -> None:
    hub.write("docs/page.md", "page\n")
    hub.commit("Document")
    hub.git("sparse-checkout", "set", "hub", "images")
    hub.write(DOCKERFILE, f"{hub.read(DOCKERFILE)}RUN true\n")
    clone = cloned(hub)
    assert clone.read("docs/page.md") == "page\n"
    assert clone.read(DOCKERFILE).endswith("RUN true\n")


def test_a_split_index_stays_as_it_is(hub: Hub) -> None:
    hub.git("update-index", "--split-index")
    hub.write("new", "new\n")
    assert cloned(hub).read("new") == "new\n"


def test_a_linked_working_tree_has_its_own_files_and_branch(hub: Hub) -> None:
    hub.git("worktree", "add", "--quiet", "-b", "feature", "../linked")
    linked = Hub(hub.path.parent / "linked", hub.remote)
    linked.write("new", "new\n")
    folder = hub.path.parent / "rehearsal"
    folder.mkdir()
    make_clone(open_hub(Settings(base_branch="main"), Git.around(linked.path)), folder, ADDRESS)
    assert (folder / "hub/new").read_text() == "new\n"


def test_before_the_first_commit_there_is_one(tmp_path: Path) -> None:
    made = make_hub(tmp_path / "made")
    (tmp_path / "made/.git").rename(tmp_path / "git")
    sh("git", "init", "--quiet", cwd=made.path)
    assert len(cloned(Hub(made.path, made.remote)).subjects()) == 1


def test_tags_and_the_length_of_hashes_are_the_original_s(hub: Hub) -> None:
    hub.git("tag", "v1.0.0")
    hub.git("tag", "--annotate", "--message=x", "v1.1.0")
    hub.git("config", "core.abbrev", "11")
    clone = cloned(hub)
    assert clone.git("for-each-ref", "refs/tags") == hub.git("for-each-ref", "refs/tags")
    assert len(clone.git("log", "-1", "--pretty=%h")) == 11


def test_line_ends_are_written_as_the_original_s_settings_have_it(hub: Hub) -> None:
    hub.git("config", "core.autocrlf", "true")
    assert b"\r\n" in (cloned(hub).path / DOCKERFILE).read_bytes()


# -- submodules


def add_submodule(hub: Hub, name: str, path: str) -> str:
    """Add a submodule with one file, and return its commit."""
    source = hub.path.parent / name
    sh("git", "init", "--quiet", str(source), cwd=hub.path)
    (source / "a.txt").write_text(f"{name}\n")
    sh("git", "add", "a.txt", cwd=source)
    sh("git", "commit", "--quiet", "--message=x", cwd=source)
    hub.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--name", name, "--", str(source), path)
    hub.commit(f"Add {name}")
    return sh("git", "rev-parse", "HEAD", cwd=source)


def test_submodules_are_filled_from_the_original_s_own_copies(hub: Hub) -> None:
    commit = add_submodule(hub, "lib", SUB)
    subprocess.run(("rm", "-rf", str(hub.path.parent / "lib")), check=True)
    clone = cloned(hub)
    assert clone.read(f"{SUB}/a.txt") == "lib\n"
    assert (clone.path / ".git/modules/lib/objects").is_dir()
    assert sh("git", "rev-parse", "HEAD", cwd=clone.path / SUB) == commit


def test_submodules_of_submodules_are_filled_too(hub: Hub) -> None:
    add_submodule(hub, "lib", SUB)
    inner = Hub(hub.path / SUB, hub.remote)
    add_submodule(Hub(inner.path, hub.remote), "inner", "deep/inner")
    hub.commit("Move lib on")
    clone = cloned(hub)
    assert clone.read(f"{SUB}/deep/inner/a.txt") == "inner\n"


def test_a_submodule_stands_at_the_commit_that_the_working_tree_has(hub: Hub) -> None:
    add_submodule(hub, "lib", SUB)
    inner = Hub(hub.path / SUB, hub.remote)
    inner.write("a.txt", "newer\n")
    inner.commit("Newer")
    assert cloned(hub).read(f"{SUB}/a.txt") == "newer\n"


def test_a_submodule_with_its_git_folder_inside_is_filled_too(hub: Hub) -> None:
    sh("git", "init", "--quiet", SUB, cwd=hub.path)
    inner = Hub(hub.path / SUB, hub.remote)
    inner.write("a.txt", "inside\n")
    inner.commit("x")
    hub.git("-c", "advice.addEmbeddedRepo=false", "add", SUB)
    hub.commit("Add it")
    assert cloned(hub).read(f"{SUB}/a.txt") == "inside\n"


def test_a_submodule_that_was_never_fetched_stays_empty(hub: Hub) -> None:
    add_submodule(hub, "lib", SUB)
    hub.git("submodule", "--quiet", "deinit", "--force", SUB)
    subprocess.run(("rm", "-rf", str(hub.path / ".git/modules/lib")), check=True)
    assert list((cloned(hub).path / SUB).iterdir()) == []


@pytest.mark.parametrize("name", ["../../outside", "/outside"])
def test_a_submodule_s_name_leads_nowhere_else(hub: Hub, name: str) -> None:
    add_submodule(hub, "lib", SUB)
    hub.edit(".gitmodules", '"lib"', f'"{name}"')
    clone = cloned(hub)
    assert not (clone.path.parent / "outside").exists()
    assert list((clone.path / SUB).iterdir()) == []


# -- from outside


@pytest.mark.engine
def test_an_image_is_built_with_a_submodule_s_files(scene: Scene) -> None:
    add_submodule(scene.hub, "lib", SUB)
    scene.change(DOCKERFILE, "RUN pip install", "COPY lib/a.txt /srv/\nRUN pip install")
    done = run_task("rehearse", "--json", cwd=scene.hub.path)
    assert done.code == 0, done
    assert done.json["images"][0]["status"] == "built"


@pytest.mark.engine
@pytest.mark.parametrize("submodules", [False, True])
def test_a_clone_of_another_user_that_git_may_open_is_rehearsed(scene: Scene, submodules: bool) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to act for another user")
    if submodules:
        add_submodule(scene.hub, "lib", SUB)
        scene.change(DOCKERFILE, "RUN pip install", "COPY lib/a.txt /srv/\nRUN pip install")
    subprocess.run(("chown", "-R", "65534", str(scene.hub.path)), check=True)
    sh("git", "config", "--global", "safe.directory", str(scene.hub.path), cwd=scene.folder)
    done = run_task("rehearse", "--json", cwd=scene.hub.path)
    assert done.code == 0, done
    assert "\n+    version: 3.3.8\n" in done.json["diff"]
