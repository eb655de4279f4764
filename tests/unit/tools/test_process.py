"""Which programs are started."""

import os
import sys
from pathlib import Path

import pytest

from tasks.tools.command import Command
from tasks.tools.process import capture, find
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
