"""A rehearsal's clone holds the files of the working tree as they lie, and takes nothing from anywhere else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tasks.core.faults import Unusable
from tasks.core.settings import Settings, ValuesTarget
from tasks.rehearsal.clone import make_clone
from tasks.repo.files import WorkingTree
from tasks.repo.hub import open_hub
from tasks.tools.command import Reach, confined
from tasks.tools.git import Git
from tests.support.calls import raised
from tests.support.cli import run, sh, succeed
from tests.support.hubs import Hub, make_hub
from tests.support.layouts import make_2i2c_like
from tests.support.scene import CHARTPRESS, DOCKERFILE, Scene
from tests.support.steps import add_submodule, set_image
from tests.support.world import files_in

ADDRESS = "127.0.0.1:5000"
SUB = "images/hub/lib"


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return make_hub(tmp_path / "hub", registry="Registry.Example.EDU:5000/team")


PLAIN = Settings(base_branch="main")


def cloned(hub: Hub, settings: Settings = PLAIN, *files: str) -> Hub:
    """Return the clone that a rehearsal of ``hub`` makes beside it, after checking that ``hub`` is as it was.

    The places in ``files`` name the image at the throwaway registry too.
    """
    folder = hub.path.parent / "rehearsal"
    folder.mkdir()
    before, listed = files_in(hub.path / ".git"), sorted(hub.path.iterdir())
    original = open_hub(settings, Git.around(hub.path))
    places = [place for place in original.values_places(original.images[0]) if place.file in files]
    with confined(Reach(folder, ADDRESS, "default")):
        make_clone(original, folder, ADDRESS, places)
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
    assert clone.git("rev-parse", "HEAD~1") == hub.git("rev-parse", "HEAD")
    assert {path for path, about in tree(clone).items() if tree(hub)[path] != about} == {CHARTPRESS}
    assert f"imagePrefix: {ADDRESS}/registry.example.edu-5000/team/core/\n" in clone.read(CHARTPRESS)


def test_images_with_whole_names_are_named_at_the_throwaway_registry_too(tmp_path: Path) -> None:
    clone = cloned(make_2i2c_like(tmp_path / "2i2c", registry="registry.example"))
    text = clone.read("helm-charts/chartpress.yaml")
    assert text.count("registry.example/") == text.count(f": {ADDRESS}/registry.example/2i2c/") == 3


def test_places_of_a_pattern_name_the_images_at_the_throwaway_registry_too(hub: Hub) -> None:
    """A pattern stands for the files that name the image: with another name in chartpress.yaml for none."""
    hub.put("clusters/a.yaml", "image: {name: Registry.Example.EDU:5000/team/core/hub, tag: old}\n")
    settings = Settings(base_branch="main", values=(ValuesTarget("clusters/*.yaml", "image"),))
    clone = cloned(hub, settings, "clusters/a.yaml")
    name = f"{ADDRESS}/registry.example.edu-5000/team/core/hub"
    assert clone.read("clusters/a.yaml") == f"image: {{name: {name}, tag: old}}\n"


def test_changed_new_moved_and_deleted_files_are_as_they_lie_and_ignored_ones_are_not_there(hub: Hub) -> None:
    hub.write(".gitignore", "*.log\n")
    hub.write("a", "1\n")
    hub.put("folder/b", "1\n")
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
    sh("git", "init", "--quiet", "another repository", cwd=hub.path)
    hub.write("another repository/c", "1\n")
    clone = cloned(hub)
    assert (clone.read("a"), clone.read("new file"), clone.read("folder")) == ("2\n", "new\n", "a file now\n")
    assert not (clone.path / "x.log").exists()
    assert not (clone.path / "another repository").exists()
    assert not (clone.path / "images/hub/requirements.txt").exists()
    assert (clone.path / "link").readlink().as_posix() == "../nowhere"
    assert tree(clone)["run.sh"].startswith("100755 ")


def test_a_linked_working_tree_has_its_own_files_and_branch(hub: Hub) -> None:
    hub.git("worktree", "add", "--quiet", "-b", "feature", "../linked")
    linked = Hub(hub.path.parent / "linked", hub.remote)
    linked.write("new", "new\n")
    folder = hub.path.parent / "rehearsal"
    folder.mkdir()
    make_clone(open_hub(PLAIN, Git.around(linked.path)), folder, ADDRESS, ())
    assert (folder / "hub/new").read_text() == "new\n"


def test_a_repository_whose_commits_have_longer_hashes(hub: Hub) -> None:
    shutil.rmtree(hub.path / ".git")
    run("git", "init", "--quiet", "--object-format=sha256", cwd=hub.path)
    hub.commit("Set up the hub")
    assert len(cloned(hub).git("rev-parse", "HEAD")) == 64


def test_line_ends_are_written_as_the_original_s_settings_have_it(hub: Hub) -> None:
    hub.git("config", "core.autocrlf", "true")
    assert b"\r\n" in (cloned(hub).path / DOCKERFILE).read_bytes()


def test_files_pass_the_filters_of_the_original_s_own_settings(hub: Hub) -> None:
    """As with ``git lfs install --local``, which CI uses."""
    hub.git("config", "filter.lfs.clean", "tr A-Z a-z")
    hub.git("config", "filter.lfs.smudge", "tr a-z A-Z")
    hub.write(".gitattributes", "*.up filter=lfs\n")
    hub.write("loud.up", "LOUD\n")
    hub.commit("Be loud")
    assert cloned(hub).read("loud.up") == "LOUD\n"


def test_the_file_of_a_build_secret_is_the_original_s(hub: Hub) -> None:
    hub.write("token.txt", "tulip\n")
    hub.write(".gitignore", "token.txt\n")
    set_image(hub, 'extraBuildCommandOptions: ["--secret=id=token,src=token.txt"]')
    clone = cloned(hub)
    assert f'--secret=id=token,"src={hub.path}/token.txt"' in clone.read("chartpress.yaml").replace('\\"', '"')
    assert not (clone.path / "token.txt").exists()


def test_a_link_that_leads_out_of_the_clone_says_how_to_write_it(hub: Hub) -> None:
    """It is absolute, so a release follows it, and a clone elsewhere cannot."""
    values, shared = hub.path / "hub/values.yaml", hub.path / "shared.yaml"
    values.rename(shared)
    values.symlink_to(shared)
    assert raised(Unusable, WorkingTree(cloned(hub).path).read, "hub/values.yaml") == (
        "error: the file lies outside the repository (hub/values.yaml)\n"
        "hint: name a file of the repository; a link to one must be relative"
    )
    shutil.rmtree(hub.path.parent / "rehearsal")
    values.unlink()
    values.symlink_to("../shared.yaml")
    assert WorkingTree(cloned(hub).path).read("hub/values.yaml") == shared.read_bytes()


# -- submodules


def test_submodules_are_filled_from_the_original_s_own_copies(hub: Hub) -> None:
    commit = add_submodule(hub, "lib", SUB)
    subprocess.run(("rm", "-rf", str(hub.path.parent / "lib")), check=True)
    clone = cloned(hub)
    assert clone.read(f"{SUB}/a.txt") == "lib\n"
    assert (clone.path / ".git/modules/lib/objects").is_dir()
    assert sh("git", "rev-parse", "HEAD", cwd=clone.path / SUB) == commit


@pytest.mark.parametrize("name", ["../../outside", "/outside"])
def test_a_submodule_s_name_leads_nowhere_else(hub: Hub, name: str) -> None:
    add_submodule(hub, "lib", SUB)
    hub.edit(".gitmodules", '"lib"', f'"{name}"')
    clone = cloned(hub)
    assert not (clone.path.parent / "outside").exists()
    assert list((clone.path / SUB).iterdir()) == []


@pytest.mark.engine
def test_a_clone_of_another_user_that_git_may_open_is_rehearsed_with_its_submodules(scene: Scene) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to act for another user")
    add_submodule(scene.hub, "lib", SUB)
    scene.hub.change(DOCKERFILE, "RUN pip install", "COPY lib/a.txt /srv/\nRUN pip install")
    subprocess.run(("chown", "-R", "65534", str(scene.hub.path)), check=True)
    sh("git", "config", "--global", "safe.directory", str(scene.hub.path), cwd=scene.folder)
    done = succeed("rehearse", "--json", cwd=scene.hub.path)
    assert "\n+    version: 3.3.8\n" in done.json["diff"]
