from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks.tools.git import Git
from tasks.tools.git_states import switched

from ...support.cli import sh

if TYPE_CHECKING:
    from pathlib import Path


def test_a_clone_whose_path_has_a_line_break_and_is_not_utf_8(tmp_path: Path) -> None:
    clone = tmp_path / os.fsdecode(b'a\nb \xff"c')
    clone.mkdir()
    sh("git", "init", "--quiet", "--initial-branch=main", cwd=clone)
    sh("git", "commit", "--quiet", "--allow-empty", "--message", "begin", cwd=clone)
    (tmp_path / "ahead").mkdir()
    ahead = switched(Git(clone), "other", str(Git(clone).head()), (), tmp_path / "ahead")
    assert (ahead.branch(), ahead.head()) == ("other", Git(clone).head())
