"""One run at a time: a lock of any kind lets a run go, or says who holds it or how to remove it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core.faults import Refused
from tasks.core.safe_files import LOCK_FILE, MarkedFolder, one_run_at_a_time, temporary_folder
from tasks.repo.hub import sweep
from tasks.tools.git import Git
from tests.support.cli import run, run_task, succeed
from tests.support.hubs import Hub
from tests.support.world import fault

SECRET = "the user's own file\n"


KINDS: dict[str, Callable[[Path, Path], object]] = {
    "a link": lambda lock, mine: lock.symlink_to(mine),
    "a broken link": lambda lock, _: lock.symlink_to("nowhere"),
    "a pipe": lambda lock, _: os.mkfifo(lock),
    "a folder": lambda lock, _: (lock / "inner").mkdir(parents=True),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_what_is_no_lock_file_is_named_with_the_way_to_remove_it(
    moved: Hub, tmp_path: Path, make: Callable[[Path, Path], object]
) -> None:
    mine, lock = tmp_path / "mine", moved.path / ".git" / LOCK_FILE
    mine.write_text(SECRET)
    make(lock, mine)
    done = run_task("commit", cwd=moved.path, seconds=20)
    assert (done.code, done.out) == (2, ""), done
    error, hint = fault(done)
    assert error.startswith("the lock file cannot be used: ")
    assert error.endswith(f" ({lock})")
    assert hint == f"df -h {lock.parent}; ls -ld {lock}; if no run is in progress, remove it: rm -r {lock}"
    assert mine.read_text() == SECRET
    assert not (moved.path / ".git/nowhere").exists()
    # The hint leads on.
    assert run("sh", "-c", hint.rpartition(": ")[2], cwd=tmp_path).code == 0
    succeed("commit", cwd=moved.path)
    assert mine.read_text() == SECRET


def test_a_look_needs_no_lock(moved: Hub) -> None:
    os.mkfifo(moved.path / ".git" / LOCK_FILE)
    succeed("--dry", "commit", cwd=moved.path)


def test_a_lock_that_may_only_be_read_keeps_the_next_run_out(tmp_path: Path) -> None:
    lock = tmp_path / LOCK_FILE
    lock.touch()
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused) as refused, one_run_at_a_time(tmp_path):
            raise AssertionError("the lock is held")
    assert refused.value.what == "another run is in progress, process unknown"
    assert refused.value.hint == f"wait for it, or look at it: fuser -v {lock}"


def test_the_run_before_is_known_by_what_it_left(tmp_path: Path) -> None:
    for left, killed in (("", False), ("4711", True), ("x" * 5000, True), ("\xff\n", True)):
        (tmp_path / LOCK_FILE).write_text(left, "latin-1")
        with one_run_at_a_time(tmp_path) as stopped:
            assert stopped is killed
            assert (tmp_path / LOCK_FILE).read_text() == str(os.getpid())
        assert (tmp_path / LOCK_FILE).read_text() == ""


def test_what_was_left_goes_and_nothing_else(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary, kept = tmp_path / "temporary", tmp_path / "kept"
    temporary.mkdir()
    kept.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with temporary_folder() as made:
        prefix = made.name[:-8]
        left = MarkedFolder.make(prefix)
    os.close(left.lock)
    (left.path / "index").touch()
    hub.write("images/hub/.Dockerfile.ab_01xyz.hubpress-new", "x")
    hub.write("hub/.values.yaml.ab_01xyz.hubpress-new", "x")
    users = {
        ".git/hubpress-notes/x": "x",
        ".notes.hubpress-new": "x",
        ".notes.personal.hubpress": "x",
        "hub/values.yaml.ab_01xyz.hubpress-new": "x",
        ".folder.ab_01xyz.hubpress-new/x": "x",
    }
    for name, text in users.items():
        hub.write(name, text)
    (hub.path / "hub/.link.ab_01xyz.hubpress-new").symlink_to(kept)
    hub.write(".tracked.ab_01xyz.hubpress-new", "x")
    hub.git("add", ".tracked.ab_01xyz.hubpress-new")
    sweep(Git.around(hub.path))
    assert list(temporary.iterdir()) == []
    assert [path.name for path in hub.path.glob("*/.*")] == [".link.ab_01xyz.hubpress-new"]
    assert list(hub.path.glob("images/hub/.*")) == []
    assert {name: hub.read(name) for name in users} == users
    assert kept.is_dir()
    assert hub.read(".tracked.ab_01xyz.hubpress-new") == "x"
