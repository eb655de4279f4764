"""docs/release.svg is drawn from a real run; ``make docs`` draws it anew."""

import os
import re
import secrets
from pathlib import Path

import pytest

from tests.support.cli import run_on_screen
from tests.support.machine import PROJECT

from .picture import drawn, text_in
from .scenes import Around, make_scene
from .volatile import settled

PICTURE = PROJECT / "docs" / "release.svg"
COLUMNS = 112
TYPED = "hubpress release --push"
DRAW = "DRAW_PICTURE"


def released(around: Around, folder: Path) -> str:
    """Release on a terminal, and return what it shows in the end, colours included."""
    scene = make_scene("", folder / secrets.token_hex(4), around)
    came = run_on_screen(*TYPED.split(), cwd=scene.cwd, env={**scene.env, "NO_COLOR": ""}, columns=COLUMNS)
    assert came.code == 0, came
    return f"$ {TYPED}\n{scene.as_documented(_at_last(came.out))}"


def _at_last(shown: str) -> str:
    """Return the lines that stay, without the warning that the tests' base image is a stand-in: a reader's is not."""
    lines = [re.split(r"\r(?=.)|\x1b\[[0-2]?K", line)[-1] for line in shown.split("\n")]
    return "\n".join(line for line in lines if "STAND-IN" not in line)


@pytest.mark.engine
def test_the_picture_shows_what_a_release_shows(around: Around, tmp_path: Path) -> None:
    now = drawn(released(around, tmp_path), COLUMNS, "hubpress")
    if os.environ.get(DRAW):
        PICTURE.write_text(now, encoding="utf-8")
    there = PICTURE.read_text(encoding="utf-8")
    assert settled(text_in(there)) == settled(text_in(now))


def test_the_picture_fetches_nothing() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    assert [word for word in ("@import", "@font-face", "<image", "<script", "href") if word in picture] == []
