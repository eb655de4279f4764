"""docs/rehearsal.svg is drawn from a real run; ``make docs`` draws it anew."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest

from ..support.cli import run_on_screen
from ..support.machine import PROJECT
from .picture import drawn, text_in
from .scenes import make_scene
from .volatile import settled

if TYPE_CHECKING:
    from pathlib import Path

    from .scenes import Around

PICTURE = PROJECT / "docs" / "rehearsal.svg"
COLUMNS = 112
TYPED = "hubpress rehearse --stand-in-base"
DRAW = "DRAW_PICTURE"


def rehearsed(around: Around, folder: Path) -> str:
    """Rehearse on a terminal, and return what stands on standard output there, colours included."""
    scene = make_scene("", folder / secrets.token_hex(4), around)
    shell = ("bash", "--noprofile", "--norc", "-c", f"{TYPED} 2>/dev/null")
    came = run_on_screen(*shell, cwd=scene.cwd, env={**scene.env, "NO_COLOR": ""}, columns=COLUMNS)
    assert came.code == 0, came
    return f"$ {TYPED}\n{scene.as_documented(came.out)}"


@pytest.mark.engine
def test_the_picture_shows_what_a_rehearsal_shows(around: Around, tmp_path: Path) -> None:
    now = drawn(rehearsed(around, tmp_path), COLUMNS, "hubpress")
    if os.environ.get(DRAW):
        PICTURE.write_text(now, encoding="utf-8")
    there = PICTURE.read_text(encoding="utf-8")
    assert settled(text_in(there)) == settled(text_in(now))


def test_the_picture_fetches_nothing() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    assert [word for word in ("@import", "@font-face", "<image", "<script", "href") if word in picture] == []
