"""A rehearsal that is killed leaves nothing: no program, no folder, no image in the engine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.rehearsal import caretaker
from tasks.rehearsal.locks import machine_lock, open_lock, taken
from tasks.rehearsal.record import Record

from ..lab.cli import INVOKE, run, run_task, sh
from ..lab.hubs import Hub, make_hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..lab.helm import HelmServer

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux tells whose a program is"),
]

PATIENCE = 90.0
IN_THE_BUILD = "the build has come to here"
SLOW = f"""\
FROM {{base}}:3.2.1
RUN echo "{IN_THE_BUILD}" && sleep 3
COPY requirements.txt /
"""


def wait_until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)


@dataclass
class Rehearsal:
    """A rehearsal that runs, and what it leaves.

    Attributes:
        child: its process.
        temporary: the folder that it puts its own into.
        said: the lines that it has said so far.
    """

    child: subprocess.Popen[str]
    temporary: Path
    said: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path | None:
        return next(self.temporary.glob("hubpress-[rk]*-*"), None)

    @property
    def record(self) -> Record | None:
        return Record.read(self.folder) if self.folder else None

    def listen(self) -> None:
        assert self.child.stdout is not None
        self.said.extend(iter(self.child.stdout.readline, ""))

    def has_said(self, words: str) -> bool:
        return any(words in line for line in list(self.said))


@pytest.fixture
def hub(tmp_path: Path, helm_repository: HelmServer) -> Hub:
    """A hub whose base image is stood in for by one that no other test uses, and whose build takes its time."""
    base = f"registry.invalid/{tmp_path.name.lower()}-{os.getpid()}/k8s-hub"
    hub = make_hub(tmp_path / "hub", base=base, registry="registry.invalid", chart_repository=helm_repository.url)
    hub.write("images/hub/Dockerfile", SLOW.format(base=base))
    hub.commit("Take our time")
    return hub


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@contextmanager
def rehearsing(hub: Hub, temporary: Path, *flags: str) -> Iterator[Rehearsal]:
    """Start a rehearsal, its two outputs as one; whatever it comes to, it does not outlive the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        (*INVOKE, "rehearse", *flags),
        cwd=hub.path,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as child:
        rehearsal = Rehearsal(child, temporary)
        listener = threading.Thread(target=rehearsal.listen)
        listener.start()
        try:
            yield rehearsal
        finally:
            child.kill()
            listener.join()


def programs_of(folder: Path) -> list[int]:
    """Return the processes of a rehearsal, its caretaker left out."""
    return list(caretaker._programs(folder))  # noqa: SLF001 - the very processes that it ends


def caretaker_of(folder: Path) -> int | None:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = file.read_bytes().split(b"\0")
            if caretaker.__name__.encode() in words and str(folder).encode() in words:
                return int(file.parent.name)
    return None


def images() -> set[str]:
    return set(sh("docker", "image", "ls", "--format={{.Repository}}:{{.Tag}}", cwd=Path.cwd()).splitlines())


def left_in_engine(record: Record) -> set[str]:
    own = {name for name in images() if name.startswith(f"127.0.0.1:{record.port}/")}
    return own | (images() & set(record.stand_ins))


MOMENTS = {
    "while the clone is made": lambda one: one.record,
    "while the plan is made": lambda one: one.has_said("STAND-IN: "),
    "in the build": lambda one: one.has_said(IN_THE_BUILD),
    "when the image is pushed": lambda one: one.has_said("pushing "),
    "while it commits": lambda one: one.has_said("commit: commit hub/values.yaml"),
    "while it shows what came of it": lambda one: one.has_said("Commits on bump-z2jh-3.3.8"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_rehearsal_that_is_killed_leaves_nothing(hub: Hub, temporary: Path, moment: str) -> None:
    before = hub.snapshot()
    with rehearsing(hub, temporary) as rehearsal:
        wait_until(lambda: MOMENTS[moment](rehearsal))
        folder, record = rehearsal.folder, rehearsal.record
        rehearsal.child.send_signal(signal.SIGKILL)
    # At the last moment it may have come to its end by itself.
    assert rehearsal.child.returncode in {-signal.SIGKILL, 0}
    assert folder
    assert record
    wait_until(lambda: caretaker_of(folder) is None)
    assert list(temporary.glob("hubpress-[rk]*-*")) == []
    assert programs_of(folder) == []
    assert left_in_engine(record) == set()
    assert hub.snapshot() == before


def test_a_rehearsal_that_is_to_be_kept_is_kept_when_it_is_killed(hub: Hub, temporary: Path) -> None:
    with rehearsing(hub, temporary, "--keep") as rehearsal:
        wait_until(lambda: rehearsal.has_said(IN_THE_BUILD))
        folder, record = rehearsal.folder, rehearsal.record
        rehearsal.child.send_signal(signal.SIGKILL)
    assert folder
    assert record
    wait_until(lambda: caretaker_of(folder) is None)
    assert (folder / "hub" / ".git").is_dir()
    assert (programs_of(folder), left_in_engine(record)) == ([], set())
    done = run_task("rehearse", "--folder", str(folder), "--json", cwd=hub.path)
    assert done.code == 0, done
    assert done.json["images"][0]["status"] == "built"


def test_ctrl_c_twice_still_leaves_nothing(hub: Hub, temporary: Path) -> None:
    with rehearsing(hub, temporary) as rehearsal:
        wait_until(lambda: rehearsal.has_said(IN_THE_BUILD))
        folder, record = rehearsal.folder, rehearsal.record
        for _ in range(2):
            rehearsal.child.send_signal(signal.SIGINT)
            time.sleep(0.05)
        rehearsal.child.wait(PATIENCE)
    assert folder
    assert record
    wait_until(lambda: caretaker_of(folder) is None)
    assert not folder.exists()
    assert left_in_engine(record) == set()


def test_what_died_with_its_caretaker_is_cleared_up_after_by_the_next_rehearsal(hub: Hub, temporary: Path) -> None:
    with rehearsing(hub, temporary) as rehearsal:
        wait_until(lambda: rehearsal.has_said("pushing "))
        folder, record = rehearsal.folder, rehearsal.record
        assert folder
        assert record
        keeper = caretaker_of(folder)
        assert keeper
        os.kill(keeper, signal.SIGKILL)
        rehearsal.child.send_signal(signal.SIGKILL)
    assert folder.is_dir()
    (temporary / "hubpress-rehearsal-by-hand").write_text("no folder of ours\n")
    hub.edit("images/hub/Dockerfile", "sleep 3", "true")
    done = run_task("rehearse", cwd=hub.path, env={"TMPDIR": str(temporary)})
    assert done.code == 0, done
    assert [path.name for path in temporary.glob("hubpress-[rk]*-*")] == ["hubpress-rehearsal-by-hand"]
    assert programs_of(folder) == []
    assert left_in_engine(record) == set()


def test_a_rehearsal_that_still_runs_is_nobody_elses_to_clear_up_after(hub: Hub, temporary: Path) -> None:
    with rehearsing(hub, temporary) as rehearsal:
        wait_until(lambda: rehearsal.has_said(IN_THE_BUILD))
        other = make_hub(temporary.parent / "other", chart_repository="http://127.0.0.1:1/")
        done = run_task("rehearse", "--stand-in-base", cwd=other.path, env={"TMPDIR": str(temporary)})
        assert done.code == 0, done
        assert rehearsal.child.wait(PATIENCE) == 0, "".join(rehearsal.said)
    assert list(temporary.glob("hubpress-[rk]*-*")) == []


def test_a_folder_that_goes_away_is_nobody_elses_to_clear_up_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies there without its lock for a moment: who looks for the dead then has to wait."""
    folder = tmp_path / "hubpress-rehearsal-mine"
    folder.mkdir()
    could_look = []

    def rmtree(path: Path) -> None:
        looker = open_lock(machine_lock(caretaker.FOLDERS))
        could_look.append((path, taken(looker)))
        os.close(looker)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    caretaker.clear_up(folder, keep=False)
    assert could_look == [(folder, False)]


def test_two_rehearsals_do_not_share_a_folder(hub: Hub, temporary: Path) -> None:
    folder = temporary / "mine"
    with rehearsing(hub, temporary, "--folder", str(folder)) as rehearsal:
        wait_until(lambda: rehearsal.has_said(IN_THE_BUILD))
        other = make_hub(temporary.parent / "other", chart_repository="http://127.0.0.1:1/")
        done = run_task("rehearse", "--folder", str(folder), cwd=other.path)
        assert done.code == 1
        assert done.err == (
            f"error: another rehearsal is under way here ({folder})\n"
            "hint: wait for it, or name another folder: --folder PATH\n"
        )


def test_what_would_not_go_away_is_told(hub: Hub, temporary: Path) -> None:
    """A container of the image keeps it in the engine."""
    hub.edit("images/hub/Dockerfile", "sleep 3", "true")
    with rehearsing(hub, temporary) as rehearsal:
        wait_until(lambda: rehearsal.has_said("commit: commit hub/values.yaml"))
        assert rehearsal.record
        (image, *_) = left_in_engine(rehearsal.record) - set(rehearsal.record.stand_ins)
        container = sh("docker", "create", image, "true", cwd=temporary)
        rehearsal.child.wait(PATIENCE)
    run("docker", "rm", container, cwd=temporary)
    run("docker", "image", "rm", image, cwd=temporary)
    assert rehearsal.child.returncode == 3
    error, hint = rehearsal.said[-2:]
    assert error.startswith("error: not all of the rehearsal has gone away: docker image rm"), rehearsal.said
    assert hint.startswith("hint: see what is left: ls ")
