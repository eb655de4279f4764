"""The lock file beside a requirement: helm's to write, refreshed with the requirement or not at all.

What the real helm writes is in test_lock_by_helm.py.
"""

from pathlib import Path

import pytest

from tests.support.calls import refused
from tests.support.fixtures import Hubpress
from tests.support.helm import HELM_STAND_IN
from tests.support.hubs import Hub
from tests.support.steps import move
from tests.support.world import each, nothing_written

REQUIREMENTS, LOCK = "hub/requirements.yaml", "hub/requirements.lock"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which the stand-in for helm, the first on PATH, writes a line for each call."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "helm").symlink_to(HELM_STAND_IN)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    (tmp_path / "record").touch()
    monkeypatch.setenv("HELM_RECORD", str(tmp_path / "record"))
    return tmp_path / "record"


@pytest.fixture
def locked(hub: Hub) -> Hub:
    hub.put(LOCK, "dependencies:\n- name: jupyterhub\n  version: 3.2.1\ndigest: sha256:0123456789abcdef\n")
    return hub


def test_a_lock_that_was_left_behind_is_refreshed_alone(locked: Hub, calls: Path, hubpress: Hubpress) -> None:
    move(locked)
    locked.commit("Move z2jh by hand")
    assert hubpress(locked, "bump", "--json").json["files"] == [LOCK]
    assert len(calls.read_text().splitlines()) == 1


@pytest.mark.usefixtures("programs")
def test_without_helm_nothing_moves_but_where_no_lock_is(locked: Hub, hubpress: Hubpress) -> None:
    install = "install Helm, for previews and lock files: https://helm.sh/docs/intro/install/"
    assert refused(hubpress, locked, "bump") == (3, "helm is not installed (PATH)", install)
    (locked.path / LOCK).unlink()
    assert hubpress(locked, "bump").code == 0


def test_an_archive_that_git_has_is_not_left_behind_in_silence(locked: Hub, hubpress: Hubpress) -> None:
    archive = "hub/charts/jupyterhub-3.2.1.tgz"
    locked.write(archive, "an archive")
    locked.put("hub/charts/jupyterhub-home-nfs-1.2.0.tgz", "another chart")
    assert refused(hubpress, locked, "bump") == (
        1,
        f"git has jupyterhub itself, and a release does not move it ({archive})",
        "ignore it, and: git rm -r --cached -- hub/charts/jupyterhub-3.2.1.tgz; helm dependency build fetches it again",
    )
    locked.change(REQUIREMENTS, "version: 3.2.1", "version: 3.3.8")
    problems = hubpress(locked, "check", "--offline", "--json").json["problems"]
    assert (archive, "the archive is jupyterhub 3.2.1, the requirement 3.3.8") in each(problems, "path message")
    locked.git("rm", "--quiet", "--cached", archive)
    assert "git has jupyterhub itself" not in hubpress(locked, "bump", "--dry").err


def test_helm_that_leaves_the_lock_behind_is_a_fault(
    locked: Hub, calls: Path, hubpress: Hubpress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_MOOD", "idle")
    code, error, _ = refused(hubpress, locked, "bump")
    assert (code, error) == (3, f"helm did not lock jupyterhub at 3.3.8 ({LOCK})")
    assert len(calls.read_text().splitlines()) == 1


def test_an_interrupt_while_helm_works_leaves_all_as_it_was(
    locked: Hub, calls: Path, hubpress: Hubpress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_MOOD", "interrupts")
    with nothing_written(locked):
        assert hubpress(locked, "bump").code == 130
    assert len(calls.read_text().splitlines()) == 1


def test_helm_that_fails_after_it_removed_the_lock_leaves_all_as_it_was(
    locked: Hub, calls: Path, hubpress: Hubpress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_MOOD", "removes")
    assert refused(hubpress, locked, "bump") == (
        3,
        "helm dependency update: it ended with status 1",
        f"(cd {locked.path / 'hub'} && helm dependency update .)",
    )
    assert len(calls.read_text().splitlines()) == 1


def test_a_locked_range_keeps_its_lock_until_it_is_moved(locked: Hub, calls: Path, hubpress: Hubpress) -> None:
    locked.change(REQUIREMENTS, "version: 3.2.1", "version: ~3.2")
    found = hubpress(locked, "check", "--offline", "--json").json["problems"]
    assert "lock-differs" not in [problem["code"] for problem in found]
    assert hubpress(locked, "bump", "--json").json["files"] == []
    assert calls.read_text() == ""
