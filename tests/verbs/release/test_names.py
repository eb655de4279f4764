"""Names in files that would be options, if they were given to a program as they stand."""

import os
import shlex
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.cli import run_task, succeed
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.scene import CHARTPRESS
from tests.support.steps import committed_files, set_image
from tests.support.world import ended, nothing_written

# -- programs that write down how they were called, and then do what they always do


PROGRAMS = ("git", "docker", "gh", "helm", "gcloud", "docker-credential-gcloud")
# A file for each process: programs run side by side. Each argument ends with a NUL, and a call with a lone line break.
SCRIPT = """\
printf '%s\\0' {name} "$@" '\n' >>{calls}/$$ || exit 125
exec {real} "$@"
"""
END = "\0\n\0"


# Options of those programs that take the next argument for their value, whatever it begins with.
WITH_VALUE = frozenset({"--builder", "--context", "--platform", "-B", "--head", "--base", "--title", "--file", "--tag"})


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the programs, which are the first on PATH, write down how they are called."""
    programs, calls = tmp_path / "recorder", tmp_path / "recorder/calls"
    calls.mkdir(parents=True)
    for name in PROGRAMS:
        if real := shutil.which(name):
            script = SCRIPT.format(name=name, calls=shlex.quote(str(calls)), real=shlex.quote(real))
            write_program(programs, name, script)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return calls


def require_no_option(calls: Path) -> None:
    """Demand that programs were called, none with a name for an argument that it may take for an option.

    Behind ``--`` it is none, and none as the value of the option before it.
    """
    told = "".join(file.read_bytes().decode("utf-8", "replace") for file in calls.iterdir())
    made = [call.split("\0") for call in told.split(END)[:-1]]
    assert made
    for call in made:
        for before, argument in pairwise(call[: call.index("--")] if "--" in call else call):
            is_option = argument.startswith("-") and "evil" in argument and not argument.startswith("--path=")
            assert not is_option or before in WITH_VALUE, call


# -- names in files

Put: TypeAlias = Callable[[Hub], None]


def image_key(line: str) -> Put:
    """Return what adds a line to what chartpress.yaml says of the image."""
    return lambda hub: set_image(hub, line)


def every_folder_and_the_branch(hub: Hub) -> None:
    """The chart and its folder, the image's folder, a file in it and the image's paths, and the branch."""
    hub.git("mv", "--", "hub", "./--evil")
    hub.edit(CHARTPRESS, "name: hub", "name: --evil")
    hub.git("mv", "--", "images/hub", "./--evil-image")
    hub.write("--evil-image/--output=evil", "x\n")
    set_image(hub, "contextPath: --evil-image")
    set_image(hub, "paths: [--output=evil]")
    hub.git("symbolic-ref", "HEAD", "refs/heads/--evil")
    hub.git("update-ref", "HEAD", "refs/heads/main")


def git_tag(hub: Hub) -> None:
    hub.git("update-ref", "refs/tags/--output=evil", "HEAD")
    hub.write(".gitattributes", "* text=auto\n")


# What puts a name that begins like an option into a place, the task that comes across it, the exit code (0 where it is
# taken for the name that it is) and the error.
ANYWHERE: dict[str, tuple[Put, str, int, str]] = {
    "folders and branch": (every_folder_and_the_branch, "bump commit --push", 0, ""),
    "Dockerfile": (image_key("dockerfilePath: --evil"), "status", 2, "does not name images/hub/Dockerfile"),
}
WITH_ENGINE: dict[str, tuple[Put, str, int, str]] = {
    "folders and branch, in a build": (every_folder_and_the_branch, "build", 0, ""),
    "image's name": (image_key("imageName: --evil/x"), "build", 2, "which is not an image name"),
    "git tag": (git_tag, "build", 1, "is not a valid image tag"),
}


@pytest.mark.parametrize(
    ("put", "typed", "code", "error"),
    [
        *(pytest.param(*name, id=place) for place, name in ANYWHERE.items()),
        *(pytest.param(*name, id=place, marks=pytest.mark.engine) for place, name in WITH_ENGINE.items()),
    ],
)
def test_a_name_of_a_file_is_never_an_option(
    hub: Hub, calls: Path, put: Put, typed: str, code: int, error: str
) -> None:
    put(hub)
    hub.git("add", "--all")
    hub.git("commit", "--quiet", "--allow-empty", "--message=Put an option there")
    before = hub.snapshot()
    done = run_task(*typed.split(), cwd=hub.path)
    assert (done.code, error in done.err) == (code, True), done
    require_no_option(calls)
    assert code == 0 or hub.snapshot() == before
    assert set(hub.snapshot()) == set(before)


def test_a_folder_that_is_a_pattern_commits_its_own_files_alone(hub: Hub, calls: Path) -> None:
    hub.write("h/values.yaml", "of: somebody else\n")
    hub.git("mv", "--", "hub", "./[a-z]")
    hub.change(CHARTPRESS, "name: hub", "name: '[a-z]'")
    hub.write("h/values.yaml", "of: somebody else, changed\n")
    succeed("bump", "commit", cwd=hub.path)
    assert committed_files(hub) == "[a-z]/requirements.yaml\nimages/hub/Dockerfile"
    assert hub.git("status", "--porcelain") == " M h/values.yaml"
    require_no_option(calls)


@pytest.mark.engine
def test_a_release_commits_the_files_behind_links(hub: Hub) -> None:
    links = {"hub/requirements.yaml": "shared/needs.yaml", "hub/values.yaml": "shared/values.yaml"}
    (hub.path / "shared").mkdir()
    for link, file in links.items():
        (hub.path / link).replace(hub.path / file)
        (hub.path / link).symlink_to(f"../{file}")
    hub.git("mv", "images", "pictures")
    (hub.path / "images").symlink_to("pictures")
    hub.commit("Link")
    with nothing_written(hub):
        stopped = ended(run_task("release", "--yes", cwd=hub.path))
    dockerfile = "images/hub/Dockerfile is a link to pictures/hub/Dockerfile"
    assert stopped == (
        1,
        f"{dockerfile}, whose changes give the image no new tag (chartpress.yaml: images.hub)",
        "add pictures/hub/Dockerfile to the image's paths in chartpress.yaml, or replace the link by the file",
    )
    set_image(hub, "paths: [pictures/hub]")
    hub.commit("Let the files behind the link make the tag")
    done = succeed("release", "--yes", "--json", cwd=hub.path)
    assert done.json["files"] == ["pictures/hub/Dockerfile", "shared/needs.yaml"]
    assert hub.git("diff", "--name-only", "main").splitlines() == [*done.json["files"], "shared/values.yaml"]
    assert all((hub.path / link).is_symlink() for link in (*links, "images"))
    assert hub.git("status", "--porcelain") == ""
