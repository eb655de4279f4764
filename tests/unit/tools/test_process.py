"""Which programs are started, and why one is not."""

import os
import sys
from pathlib import Path

import pytest

from tasks.core.faults import ProgramFailed, Unreachable
from tasks.tools.command import Command, Output
from tasks.tools.git import Git, failed
from tasks.tools.process import capture, find
from tests.support.calls import raised
from tests.support.processes import write_program


@pytest.mark.parametrize("path", ["", os.pathsep, f"{sys.prefix}/bin"], ids=["empty", "two empty parts", "its own bin"])
def test_no_program_of_the_repository_is_started_where_path_is_empty(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(tmp_path, "docker-credential-theirs", "echo theirs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    assert find("docker-credential-theirs") is None
    assert capture(Command(("sh", "-c", "command -v docker-credential-theirs"))).text == ""


@pytest.mark.parametrize(
    ("program", "folder", "why"),
    [("broken", ".", "Exec format error ({}/broken)"), ("sh", "gone", "No such file or directory ({}/gone)")],
)
def test_what_keeps_a_program_from_starting_is_told(
    program: str, folder: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").write_bytes(b"\0")
    (tmp_path / "broken").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert raised(ProgramFailed, capture, Command((program,), tmp_path / folder)) == (
        f"error: {program} cannot be started: {why.format(tmp_path)}\n"
        f"hint: try {program} --version; if that does not start, reinstall {program}"
    )


def test_a_remote_that_takes_the_connection_and_says_nothing_is_out_of_reach(tmp_path: Path) -> None:
    """What needs no answer of it goes on without."""
    git = Git(tmp_path)
    look = git.command("-c", "protocol.ext.allow=always", "ls-remote", "ext::sleep 60")
    assert raised(Unreachable, git.ask_remote, look, "origin", 0.3) == (
        "error: cannot reach the remote: git did not end within 0.3 seconds (origin)\nhint: git ls-remote origin"
    )


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("fatal: origin/main...HEAD: no merge base", "fetch the whole history: git fetch --unshallow; or use another"),
        ("error: insufficient permission for adding an object to repository database", "see whose they are: ls -ld"),
        ("fatal: Unable to create '/hub/.git/index.lock': Permission denied", "see whose they are: ls -ld .git"),
    ],
    ids=["two histories of depth 1", "objects of root", "a folder of root"],
)
def test_what_git_cannot_do_has_a_way_on(said: str, hint: str) -> None:
    assert failed(("commit",), Output(128, b"", f"{said}\n")).hint.startswith(hint)


@pytest.mark.parametrize(
    "end", ["fatal: the remote end hung up unexpectedly", "error: packet write with format failed"]
)
def test_a_filter_that_is_not_installed_is_named_where_git_does_not_live_to_say_it(end: str) -> None:
    shell = "git-lfs filter-process: 1: git-lfs: not found"
    fault = failed(("status",), Output(128, b"", f"{shell}\n{end}\n"))
    assert (fault.what, fault.hint) == (
        f"git status: {shell}",
        "see which program that is, and install it: git config --show-origin --get-regexp ^filter[.]",
    )
