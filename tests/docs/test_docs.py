"""The documents say what the program does."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from tasks import ns
from tasks.checks.problem import Code
from tasks.settings import Settings
from tests.lab.machine import PROJECT

from .settings_page import documented, page

if TYPE_CHECKING:
    from pathlib import Path

README = (PROJECT / "README.md").read_text(encoding="utf-8")
NAMES = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = sorted([*(PROJECT / name for name in NAMES), *(PROJECT / "docs").glob("*.md")])


def test_every_setting_is_documented_as_the_code_says() -> None:
    assert list(documented()) == [field.name for field in fields(Settings)]
    assert (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8") == page()


def test_the_readme_names_every_task() -> None:
    assert set(ns.task_names) == set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) & set(ns.task_names)


def test_every_problem_code_is_explained() -> None:
    text = (PROJECT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert [code.value for code in Code if f"`{code.value}`" not in text] == []


@pytest.mark.parametrize("file", PAGES, ids=lambda path: path.name)
def test_links_between_the_documents_lead_somewhere(file: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text(encoding="utf-8"))
    assert [target for target in targets if not (file.parent / target).exists()] == []


def test_every_room_of_the_architecture_exists() -> None:
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (PROJECT / "tasks").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {room for room in rooms if f"`{room}/`" not in text} == set()
