"""The installed command: the same tasks, in repositories that carry none."""

import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.core import __version__
from tests.support.cli import run, run_task, sh
from tests.support.hubs import Hub, make_repository
from tests.support.machine import PROJECT
from tests.support.world import fault

BROKEN_TASKS = "raise RuntimeError('the tasks of another program were loaded')\n"
# What bash does when one presses the tabulator behind "hubpress re".
PRESS_TAB = """
source <(hubpress --print-completion-script bash)
COMP_WORDS=(hubpress re) COMP_CWORD=1 COMP_LINE='hubpress re' COMP_POINT=11
_complete_hubpress hubpress re hubpress
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_completion(installed: Path, tmp_path: Path) -> None:
    for typed in ("hubpress bump -", "hubpress bump --version"):
        answer = sh(str(installed / "hubpress"), "--complete", "--", *typed.split(), cwd=tmp_path)
        assert sorted(answer.split()) == ["--dev", "--json", "--major", "--pre", "--repo", "--to"]


def test_bash_completes_the_command(installed: Path, tmp_path: Path) -> None:
    path = f"{installed}:/usr/bin:/bin"
    complete = run("bash", "--norc", "-c", PRESS_TAB, cwd=tmp_path, env={"PATH": path})
    assert complete.code == 0, complete
    assert sorted(complete.out.split()) == ["rehearse", "release"], complete


# -- whose settings and whose tasks


def test_the_hubs_own_tasks_are_never_loaded(installed: Path, hub: Hub) -> None:
    hub.write("tasks.py", BROKEN_TASKS)
    hub.write("tasks/__init__.py", BROKEN_TASKS)
    hub.write("hubpress/__init__.py", BROKEN_TASKS)
    assert run(str(installed / "hubpress"), "--dry", "bump", "--json", cwd=hub.path).json["chart"]["after"] == "3.3.8"


def test_the_hubs_own_settings_are_read_from_wherever_one_stands(installed: Path, hub: Hub) -> None:
    hub.write("invoke.yaml", "hub:\n  branch: z2jh/{version}\n  base_branch: main\n")
    below = hub.path / "images" / "hub"
    sh(str(installed / "hubpress"), "bump", "commit", cwd=below)
    assert hub.git("rev-parse", "--abbrev-ref", "HEAD") == "z2jh/3.3.8"


def test_a_hint_has_one_type_the_command_that_is_there(installed: Path, tmp_path: Path) -> None:
    nothing = make_repository(tmp_path / "nothing", {"README.md": "# Nothing\n"})
    told = run(str(installed / "hubpress"), "status", cwd=nothing.path)
    assert fault(told)[1].endswith(": hubpress init")
    assert fault(run_task("status", cwd=nothing.path))[1].endswith(": invoke init")


@pytest.mark.parametrize("place", ["hub/images/hub", ".", "link"])
def test_a_hint_leads_to_the_repository_that_it_is_for(installed: Path, hub: Hub, tmp_path: Path, place: str) -> None:
    """From a folder of it, from elsewhere with ``--repo``, and from a link, whose ``..`` leads elsewhere in a shell."""
    hub.change("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    hub.write("images/hub/new.txt", "new\n")
    (tmp_path / "link").symlink_to(hub.path / "images/hub")
    hubpress, repo, way = str(installed / "hubpress"), ("--repo", str(hub.path)), f"cd {hub.path} && "
    found = run(hubpress, "check", "--offline", *repo, cwd=tmp_path / place).out
    assert f"[base-not-of-release]\n  hint: {way}hubpress bump --to 3.3.8\n" in found
    assert fault(run(hubpress, "build", *repo, cwd=tmp_path / place))[1].startswith(f"{way}git add -- images/hub/new")
    assert " cd " not in run(hubpress, "check", "--offline", cwd=hub.path).out
    # Invoke finds its tasks in the current folder: there are none.
    assert " cd " not in run_task("check", "--offline", *repo, cwd=tmp_path / place).out


# -- the wheel and the source archive: the same bytes from the same files, wherever they lie


Built = Mapping[str, bytes]

NAME = f"hubpress-{__version__}"
WHEEL, SDIST = f"{NAME}-py3-none-any.whl", f"{NAME}.tar.gz"
EPOCH = "1790000000"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean tree of this project as it stands, in git, and nothing beside it."""
    if not (PROJECT / ".git").exists():
        pytest.skip("this is no clone of the project")
    folder = tmp_path_factory.mktemp("clean") / "tree"
    sh("git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(folder), cwd=PROJECT)
    changed = sh("git", "diff", "HEAD", "--binary", cwd=PROJECT)
    if changed:
        applied = run("git", "apply", "--index", cwd=folder, stdin=f"{changed}\n")
        assert applied.code == 0, applied
    return folder


def tracked(tree: Path, *below: str) -> set[str]:
    return set(sh("git", "ls-files", *below, cwd=tree).splitlines())


def built(tree: Path) -> Built:
    """Build both from a tree as ``make dist`` does, and return their bytes."""
    argv = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--target", "sdist")
    done = run(*argv, cwd=tree, env={"SOURCE_DATE_EPOCH": EPOCH})
    assert done.code == 0, done
    files = {path.name: path.read_bytes() for path in (tree / "dist").iterdir()}
    assert set(files) == {WHEEL, SDIST}
    return files


@pytest.fixture(scope="module")
def ours(tree: Path) -> Built:
    return built(tree)


def test_the_source_archive_has_every_file_in_git_and_nothing_else(tree: Path, ours: Built, tmp_path: Path) -> None:
    (tmp_path / SDIST).write_bytes(ours[SDIST])
    with tarfile.open(tmp_path / SDIST) as archive:
        members = {member.name.removeprefix(f"{NAME}/"): member for member in archive.getmembers()}
    assert set(members) == {*tracked(tree), "PKG-INFO"}
    sh("tar", "--extract", "--gzip", "--file", SDIST, cwd=tmp_path)
    assert built(tmp_path / NAME)[WHEEL] == ours[WHEEL]
    runnable = sh("git", "ls-files", "--stage", cwd=tree).splitlines()
    assert {name for name, member in members.items() if member.mode & 0o100} == {
        line.partition("\t")[2] for line in runnable if line.startswith("100755")
    }
    assert {member.mtime for member in members.values()} == {int(EPOCH)}


def test_the_wheel_has_the_tasks_under_the_name_of_the_command(tree: Path, ours: Built, tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(ours[WHEEL])
    with zipfile.ZipFile(tmp_path / WHEEL) as archive:
        names = archive.namelist()
        programs = archive.read(f"{NAME}.dist-info/entry_points.txt").decode()
    about = {f"{NAME}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    modules = {name.replace("tasks/", "hubpress/", 1) for name in tracked(tree, "tasks")}
    assert set(names) == {*modules, *about, f"{NAME}.dist-info/licenses/LICENSE"}
    assert len(names) == len(set(names))
    assert programs.split() == ["[console_scripts]", "hubpress", "=", "hubpress.program:program.run"]
