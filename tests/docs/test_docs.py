"""The documents say what the program does."""

import re
from pathlib import Path

import pytest

from tasks import ns
from tasks.checks.problems import Code
from tasks.core.faults import DONE, INTERRUPTED, Denied, ProgramFailed, Refused, Unreachable, Unusable
from tasks.core.settings import Settings
from tests.support.machine import PROJECT

from .console import pages, spans
from .settings_page import documented, page

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_as_the_code_says() -> None:
    assert list(documented()) == list(Settings._fields)
    assert (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8") == page()


def test_the_readme_names_every_task() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(docs/tasks/(\w+)\.md\) \|", README, re.MULTILINE)
    assert {task for task, _ in rows} == set(ns.task_names)
    assert [row for row in rows if row[0] != row[1]] == []


def test_every_exit_code_is_explained() -> None:
    text = (PROJECT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    fault_codes = {fault.code for fault in (Refused, Unusable, ProgramFailed, Unreachable, Denied)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == {DONE, INTERRUPTED, *fault_codes}


def test_every_problem_code_is_explained() -> None:
    text = (PROJECT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert [code.value for code in Code if f"`{code.value}`" not in text] == []


@pytest.mark.parametrize("file", pages(), ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_links_between_the_documents_lead_somewhere(file: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text(encoding="utf-8"))
    assert [target for target in targets if not (file.parent / target).exists()] == []


def test_the_architecture_names_every_room_and_no_other() -> None:
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
    named = [room for row in rows for room in re.findall(r"`([^`]+)`", row)]
    there = [f"{path.name}/" if path.is_dir() else path.name for path in (PROJECT / "tasks").iterdir()]
    assert sorted(named) == sorted(room for room in there if room not in {"__init__.py", "__pycache__/", "py.typed"})


def test_the_documents_name_only_files_that_are_there() -> None:
    """What ends as a file of ours does, and has a folder before it, lies there."""
    named = {span for page in pages() for span in spans(page) if re.fullmatch(r"(?:tasks|tests|docs)/[\w./-]+", span)}
    assert [name for name in sorted(named) if not (PROJECT / name).exists()] == []
