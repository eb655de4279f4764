"""docs/release.svg is drawn from a real run; ``make docs`` draws it anew."""

import io
import os
import re
import secrets
from html import unescape
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from tests.support.cli import run_on_screen
from tests.support.machine import PROJECT

from .console import settled
from .scenes import Scene, make_scene

PICTURE = PROJECT / "docs" / "release.svg"
COLUMNS = 112
TYPED = "hubpress release --push"
DRAW = "DRAW_PICTURE"


def released(around: Scene, folder: Path) -> str:
    """Release on a terminal, and return what it shows in the end, colours included."""
    scene = make_scene("", folder / secrets.token_hex(4), around)
    came = run_on_screen(*TYPED.split(), cwd=scene.cwd, env={**scene.env, "NO_COLOR": ""}, columns=COLUMNS)
    assert came.code == 0, came
    return f"$ {TYPED}\n{scene.as_documented(_at_last(came.out))}"


def _at_last(shown: str) -> str:
    """Return the lines that stay."""
    return "\n".join(re.split(r"\r(?=.)|\x1b\[[0-2]?K", line)[-1] for line in shown.split("\n"))


@pytest.mark.engine
def test_the_picture_shows_what_a_release_shows(around: Scene, tmp_path: Path) -> None:
    now = drawn(released(around, tmp_path), COLUMNS, "hubpress")
    if os.environ.get(DRAW):
        PICTURE.write_text(now, encoding="utf-8")
    there = PICTURE.read_text(encoding="utf-8")
    assert settled(text_in(there)) == settled(text_in(now))


def test_the_picture_fetches_nothing() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    assert [word for word in ("@import", "@font-face", "<image", "<script", "href") if word in picture] == []


# -- draws what a terminal showed: an SVG that fetches nothing, and whose text can be read back


def drawn(shown: str, columns: int, title: str) -> str:
    """Return the picture of a terminal of ``columns`` that shows ``shown``, its colours as ANSI codes."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(shown))
    # Rich's fonts would be fetched from elsewhere.
    return re.sub(r"@font-face \{[^}]*\}\s*", "", console.export_svg(title=title, unique_id="hubpress"))


def text_in(picture: str) -> str:
    """Return the lines that a picture shows, the title left out."""
    lines: dict[str, str] = {}
    for line, text in re.findall(r'<text [^>]*clip-path="url\(#hubpress-line-(\d+)\)">([^<]*)', picture):
        lines[line] = lines.get(line, "") + unescape(text).replace("\xa0", " ")
    return "\n".join(line.rstrip() for line in lines.values())
