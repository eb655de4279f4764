"""docs/customize-hub-image.md is what ``init --docs`` writes; ``make docs`` writes it anew."""

import os
from pathlib import Path

from tests.support.cli import run_task
from tests.support.hubs import at, make_hub
from tests.support.machine import PROJECT

from .scenes import GOOGLE, ON_GITHUB
from .test_picture import DRAW

PAGE = "docs/customize-hub-image.md"


def test_the_page_is_what_init_writes(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", registry=GOOGLE)
    at(hub, ON_GITHUB)
    done = run_task("init", "--docs", PAGE, cwd=hub.path)
    assert done.code == 0, done
    if os.environ.get(DRAW):
        (PROJECT / PAGE).write_text(hub.read(PAGE), encoding="utf-8")
    assert (PROJECT / PAGE).read_text(encoding="utf-8") == hub.read(PAGE)
