"""One run at a time: a lock of any kind lets a run go, or says who holds it or how to remove it."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.core.faults import Refused, Unusable
from tasks.core.locks import MarkedFolder
from tasks.repo.files import FileEdit, WorkingTree, is_half_written, scratch_folder, sweep
from tasks.run import LOCK_FILE, one_run_at_a_time
from tasks.tools.git import Git

from ...support.cli import Result, run, run_task
from ...support.machine import PROJECT
from ..release.world import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...support.hubs import Hub

SECRET = "the user's own file\n"
# Somebody else's, also where that is root: what is tried is tried without root's special rights.
OTHER = 65534
ORDINARY = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")
TAKE = (
    "import sys; from pathlib import Path; from tasks.core.faults import Fault\n"
    "from tasks.run import one_run_at_a_time\n"
    "try:\n"
    "    with one_run_at_a_time(Path(sys.argv[1])) as stopped: print(stopped)\n"
    "except Fault as fault: print(fault.what)\n"
)


def link(lock: Path, mine: Path) -> None:
    lock.symlink_to(mine)


def broken_link(lock: Path, _: Path) -> None:
    lock.symlink_to("nowhere")


def loop(lock: Path, _: Path) -> None:
    lock.symlink_to(lock)


def other_name(lock: Path, mine: Path) -> None:
    lock.hardlink_to(mine)


def pipe(lock: Path, _: Path) -> None:
    os.mkfifo(lock)


def folder(lock: Path, _: Path) -> None:
    (lock / "inner").mkdir(parents=True)


def listener(lock: Path, _: Path) -> None:
    here = Path.cwd()
    os.chdir(lock.parent)  # a socket's path may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(lock.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("make", [link, broken_link, loop, other_name, pipe, folder, listener])
def test_what_is_no_lock_file_is_named_with_the_way_to_remove_it(
    moved: Hub, tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    mine, lock = tmp_path / "mine", moved.path / ".git" / LOCK_FILE
    mine.write_text(SECRET)
    make(lock, mine)
    began = time.monotonic()
    done = run_task("commit", cwd=moved.path)
    assert time.monotonic() - began < 20
    assert (done.code, done.out) == (2, ""), done
    error, hint = fault(done)
    assert error.startswith("the lock file cannot be used: ")
    assert error.endswith(f" ({lock})")
    assert hint == f"ls -ld {lock}; while no run is under way it can be removed: rm -r {lock}"
    assert mine.read_text() == SECRET
    assert not (moved.path / ".git/nowhere").exists()
    # The hint leads on.
    assert run("sh", "-c", hint.rpartition(": ")[2], cwd=tmp_path).code == 0
    assert run_task("commit", cwd=moved.path).code == 0
    assert mine.read_text() == SECRET


@pytest.mark.parametrize("make", [link, pipe, folder])
def test_a_look_needs_no_lock(moved: Hub, tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
    make(moved.path / ".git" / LOCK_FILE, tmp_path / "mine")
    assert run_task("--dry", "commit", cwd=moved.path).code == 0


# -- another user's


def as_an_ordinary_user(git_dir: Path) -> Result:
    """Take the lock, and print whether the run before did not come to its end, or what is wrong."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to act as a second user")
    return run(*ORDINARY, sys.executable, "-c", TAKE, str(git_dir), cwd=PROJECT)


@pytest.mark.parametrize("left", ["", "4711"], ids=["ended", "killed"])
def test_another_users_lock_that_may_only_be_read_is_free(tmp_path: Path, left: str) -> None:
    lock = tmp_path / LOCK_FILE
    lock.write_text(left)
    os.chmod(lock, 0o644)  # noqa: PTH101
    try:
        os.chown(lock, OTHER, OTHER)
    except PermissionError:
        pytest.skip("needs root, to act as a second user")
    done = as_an_ordinary_user(tmp_path)
    assert (done.code, done.out) == (0, f"{bool(left)}\n"), done
    assert lock.read_text() == left


def test_another_users_lock_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    lock = tmp_path / LOCK_FILE
    lock.touch(mode=0o600)
    try:
        os.chown(lock, OTHER, OTHER)
    except PermissionError:
        pytest.skip("needs root, to act as a second user")
    done = as_an_ordinary_user(tmp_path)
    assert done.out == "the lock file cannot be used: Permission denied\n", done


def test_a_lock_that_may_only_be_read_keeps_the_next_run_out(tmp_path: Path) -> None:
    lock = tmp_path / LOCK_FILE
    lock.touch()
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused) as refused, one_run_at_a_time(tmp_path):
            raise AssertionError("the lock is held")
    assert refused.value.what == "another run is under way here, process unknown"
    assert refused.value.hint == f"wait for it, or look at it: fuser -v {lock}"


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    try:
        os.chown(closed, OTHER, OTHER)
    except PermissionError:
        pytest.skip("needs root, to act as a second user")
    done = as_an_ordinary_user(closed)
    assert done.out == "the clone cannot be written: Permission denied\n", done


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unusable) as unusable, one_run_at_a_time(tmp_path / "gone"):
        raise AssertionError("there is no folder")
    assert unusable.value.what == "the clone cannot be written: No such file or directory"


# -- the next run


def test_the_run_before_is_known_by_what_it_left(tmp_path: Path) -> None:
    for left, killed in (("", False), ("4711", True), ("x" * 5000, True), ("\xff\n", True)):
        (tmp_path / LOCK_FILE).write_text(left, "latin-1")
        with one_run_at_a_time(tmp_path) as stopped:
            assert stopped is killed
            assert (tmp_path / LOCK_FILE).read_text() == str(os.getpid())
        assert (tmp_path / LOCK_FILE).read_text() == ""


# -- what a killed run leaves


def test_what_was_left_goes_and_nothing_else(hub: Hub, tmp_path: Path) -> None:
    git = Git.around(hub.path)
    with scratch_folder(git) as scratch:
        left = MarkedFolder.make(scratch.name[:-8], scratch.parent)
    os.close(left.lock)
    ours = left.path.name
    kept = tmp_path / "kept"
    (kept / "inner").mkdir(parents=True)
    hub.write(f".git/{ours}/index", "x")
    hub.write("images/hub/.Dockerfile.ab_01xyz.hubpress-new", "x")
    hub.write("hub/.values.yaml.ab_01xyz.hubpress-new", "x")
    users = {
        ".git/hubpress-notes/x": "x",
        ".git/hubpress-releases/x": "x",
        ".git/hubpress-scratch-/x": "x",
        ".git/hubpress-scratch-my notes/x": "x",
        ".git/hubpress-scratch-file0000": "x",
        ".notes.hubpress": "x",
        ".notes.hubpress-new": "x",
        ".notes.personal.hubpress": "x",
        "hub/values.yaml.ab_01xyz.hubpress-new": "x",
        ".folder.ab_01xyz.hubpress-new/x": "x",
    }
    for name, text in users.items():
        hub.write(name, text)
    (hub.path / ".git/hubpress-scratch-abcdefgh").symlink_to(kept)
    (hub.path / "hub/.link.ab_01xyz.hubpress-new").symlink_to(kept / "inner")
    hub.write(".tracked.ab_01xyz.hubpress-new", "x")
    hub.git("add", ".tracked.ab_01xyz.hubpress-new")
    sweep(git)
    assert not (hub.path / ".git" / ours).exists()
    assert [path.name for path in hub.path.glob("*/.*")] == [".link.ab_01xyz.hubpress-new"]
    assert list(hub.path.glob("images/hub/.*")) == []
    assert {name: hub.read(name) for name in users} == users
    assert (kept / "inner").is_dir()
    assert hub.read(".tracked.ab_01xyz.hubpress-new") == "x"


def test_the_name_of_what_is_half_written_is_known(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def replace(new: Path, target: Path) -> None:
        seen.append((new.name, target.name))
        os.rename(new, target)  # noqa: PTH104

    monkeypatch.setattr(Path, "replace", replace)
    tree = WorkingTree(hub.path)
    tree.replace([FileEdit("hub/values.yaml", tree.read("hub/values.yaml"), b"{}\n", "empty")])
    assert hub.read("hub/values.yaml") == "{}\n"
    assert [is_half_written(f"hub/{new}") for new, _ in seen] == [True]
