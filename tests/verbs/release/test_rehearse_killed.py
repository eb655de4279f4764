"""A rehearsal that is interrupted leaves nothing; after one that is killed, the next one clears up."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.core.safe_files import MARK, MarkedFolder
from tasks.rehearsal.stage import TEMPORARY, clear_up_after_killed_ones, port_of, rehearsal_folder
from tests.support.cli import INVOKE, sh, succeed
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.processes import serves, wait_until

pytestmark = pytest.mark.engine

PATIENCE = 90.0
IN_THE_BUILD = "the build has come to here"


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that runs, what it says, and what it leaves."""

    child: subprocess.Popen[bytes]
    temporary: Path

    @property
    def folder(self) -> Path | None:
        return next(self.temporary.glob("hubpress-[rk]*-*"), None)

    @property
    def port(self) -> int | None:
        return port_of(self.folder) if self.folder else None

    @property
    def said(self) -> str:
        return self.temporary.with_name("said").read_text(errors="replace")


@pytest.fixture
def hub(tmp_path: Path, helm_repository: HelmServer) -> Hub:
    """A hub whose base image is stood in for."""
    base = "registry.invalid/jupyterhub/k8s-hub"
    return make_hub(tmp_path / "hub", base=base, registry="registry.invalid", chart_repository=helm_repository.url)


def take_time(hub: Hub) -> None:
    """Let the build of the image say when it has begun, and then take some seconds."""
    hub.change("images/hub/Dockerfile", "USER root\n", f'USER root\nRUN echo "{IN_THE_BUILD}" && sleep 3\n')


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@contextmanager
def rehearsing(hub: Hub, temporary: Path, *flags: str) -> Iterator[Rehearsal]:
    """Start a rehearsal, its two outputs as one; whatever it comes to, it does not outlive the block."""
    argv, env = (*INVOKE, "rehearse", *flags), {**os.environ, "TMPDIR": str(temporary)}
    with (
        temporary.with_name("said").open("wb") as said,
        subprocess.Popen(argv, cwd=hub.path, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as child,
    ):
        try:
            yield Rehearsal(child, temporary)
        finally:
            child.kill()


def left_in_engine(port: int) -> list[str]:
    images = sh("docker", "image", "ls", "--format={{.Repository}}:{{.Tag}}", cwd=Path.cwd()).splitlines()
    return [name for name in images if name.startswith(f"127.0.0.1:{port}/")]


def clear_up(temporary: Path) -> None:
    """Clear up as each rehearsal does first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(temporary))
        clear_up_after_killed_ones()


def test_what_a_killed_rehearsal_leaves_is_cleared_up(hub: Hub, temporary: Path) -> None:
    before = hub.snapshot()
    with rehearsing(hub, temporary) as rehearsal:
        wait_until(lambda: rehearsal.folder and any((rehearsal.folder / "registry").rglob("data")))
        folder, port = rehearsal.folder, rehearsal.port
        rehearsal.child.send_signal(signal.SIGKILL)
    # It may have come to its end by itself.
    assert rehearsal.child.returncode in {-signal.SIGKILL, 0}
    assert folder
    assert port
    wait_until(lambda: not serves(port))
    clear_up(temporary)
    assert list(temporary.glob("hubpress-rehearsal-*")) == []
    assert left_in_engine(port) == []
    assert hub.snapshot() == before


def test_an_interrupted_rehearsal_clears_up_itself(hub: Hub, temporary: Path) -> None:
    take_time(hub)
    with rehearsing(hub, temporary) as rehearsal:
        wait_until(lambda: IN_THE_BUILD in rehearsal.said)
        port = rehearsal.port
        for _ in range(2):
            rehearsal.child.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert rehearsal.child.wait(PATIENCE) == 130, rehearsal.said
    assert port
    assert list(temporary.iterdir()) == []
    assert left_in_engine(port) == []
    assert not serves(port)


def test_a_rehearsal_to_be_kept_stays_when_it_is_killed_and_the_next_one_removes_its_images(
    hub: Hub, temporary: Path, helm_repository: HelmServer
) -> None:
    take_time(hub)
    with rehearsing(hub, temporary, "--keep") as rehearsal:
        wait_until(lambda: IN_THE_BUILD in rehearsal.said)
        folder, port = rehearsal.folder, rehearsal.port
        rehearsal.child.send_signal(signal.SIGKILL)
    assert folder
    assert port
    assert left_in_engine(port)
    other = make_hub(temporary.parent / "other", chart_repository=helm_repository.url)
    succeed("rehearse", "--stand-in-base", cwd=other.path, env={"TMPDIR": str(temporary)})
    assert left_in_engine(port) == []
    clear_up(temporary)
    assert list(temporary.iterdir()) == [folder]
    assert (folder / "hub/.git").is_dir()
    assert not (folder / MARK).exists()


# -- the mark


@pytest.fixture
def killed(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a rehearsal that was killed."""
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    place = MarkedFolder.make(TEMPORARY)
    os.close(place.lock)
    (place.path / "hub").mkdir()
    (place.path / "hub/file").write_text("ours\n")
    return place.path


def test_links_in_the_folder_are_not_followed(killed: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").write_text("theirs\n")
    (killed / "link").symlink_to(tmp_path / "theirs")
    (killed / "hub/link").symlink_to(tmp_path / "theirs")
    clear_up_after_killed_ones()
    assert not killed.exists()
    assert (tmp_path / "theirs/file").read_text() == "theirs\n"


def behind_a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def another_users(path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to act for another user")
    os.chown(path, 65534, 65534)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


NOT_OURS: dict[str, Callable[[Path], object]] = {
    "no mark": lambda place: (place / MARK).unlink(),
    "a mark that is a link": lambda place: behind_a_link(place / MARK),
    "a mark that is a pipe": lambda place: pipe(place / MARK),
    "behind a link": behind_a_link,
    "of another user": another_users,
}


@pytest.mark.parametrize("changed", NOT_OURS.values(), ids=NOT_OURS)
def test_a_folder_that_is_not_surely_ours_stays(killed: Path, changed: Callable[[Path], object]) -> None:
    changed(killed)
    clear_up_after_killed_ones()
    assert (killed / "hub/file").read_text() == "ours\n"


def test_a_folder_whose_rehearsal_runs_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with rehearsal_folder(keep=False) as folder:
        (folder / "file").touch()
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        assert list(MarkedFolder.left_behind(TEMPORARY)) == []
    assert not folder.exists()
