"""The documents say what the program does."""

import ast
import os
import re
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt
from packaging.version import Version

from tasks import ns
from tasks.core import __version__
from tasks.core.faults import Denied, Interrupted, ProgramFailed, Refused, Unreachable, Unusable
from tasks.core.problems import Code
from tasks.core.settings import Settings
from tests.support.cli import FAULT, REPORTS, SCHEMA, sh, succeed
from tests.support.hubs import at, make_hub
from tests.support.machine import PROJECT

from .console import pages, spans
from .scenes import GOOGLE, ON_GITHUB
from .settings_page import PAGE, documented, page
from .test_picture import DRAW

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_as_the_code_says() -> None:
    assert list(documented()) == list(Settings._fields)
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_readme_names_every_task() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(docs/tasks/(\w+)\.md\) \|", README, re.MULTILINE)
    assert {task for task, _ in rows} == set(ns.task_names)
    assert [row for row in rows if row[0] != row[1]] == []


def test_every_exit_code_is_explained() -> None:
    text = (PROJECT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    fault_codes = {fault.code for fault in (Refused, Unusable, ProgramFailed, Unreachable, Denied, Interrupted)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == {0, *fault_codes}


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


# -- docs/reports.schema.json describes every report; tests/support/cli.py holds what tasks print against it


def test_it_is_a_schema_with_a_report_of_every_task() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert sorted(REPORTS) == sorted([*ns.task_names, FAULT])


def test_every_key_of_a_report_is_always_there() -> None:
    objects = [one for one in SCHEMA["$defs"].values() if "properties" in one]
    assert [one for one in objects if one["required"] != list(one["properties"])] == []


# -- docs/customize-hub-image.md is what ``init --docs`` writes; ``make docs`` writes it anew


TEAMS_PAGE = "docs/customize-hub-image.md"


def test_the_page_is_what_init_writes(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", registry=GOOGLE)
    at(hub, ON_GITHUB)
    succeed("init", "--docs", TEAMS_PAGE, cwd=hub.path)
    if os.environ.get(DRAW):
        (PROJECT / TEAMS_PAGE).write_text(hub.read(TEAMS_PAGE), encoding="utf-8")
    assert (PROJECT / TEAMS_PAGE).read_text(encoding="utf-8") == hub.read(TEAMS_PAGE)


# -- docs/troubleshooting.md quotes what the code says, and what people mostly meet is in it


OPEN = "…"
TREES = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted((PROJECT / "tasks").rglob("*.py"))]


def explained() -> list[str]:
    """Return the messages in the first column of the page's tables."""
    page = (PROJECT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    tokens = MarkdownIt().enable("table").parse(page)
    rows = zip(tokens, tokens[1:], tokens[2:], strict=False)
    cells = [cell for row, first, cell in rows if (row.type, first.type) == ("tr_open", "td_open")]
    return ["".join(child.content for child in cell.children or ()) for cell in cells]


def template(node: ast.AST) -> str | None:
    """Return a text in the code, with ``…`` where it is filled in; None for another node."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else OPEN for part in node.values)
    return None


def raised(*faults: str) -> set[str]:
    """Return the messages that are given to the named faults where they are made."""
    calls = (node for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    made = (call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id in faults)
    return {text for what in made if (text := template(what)) is not None}


# What is refused, or denied, has its row in the page. These say themselves what is to be done.
PLAIN = {
    "cancelled, nothing was changed",
    "the commit's message is empty",
    "Cloud Build has no image to leave here",
    "chartpress does not know …",
    "the remote does not have the branch that was pushed",
    "there is no … …",
    "Docker has no credential helper for it",
    "Docker's helper returned no credentials",
}


def test_the_page_explains_once_what_is_refused_or_denied_and_no_message_that_the_code_does_not_have() -> None:
    messages, page = raised("Refused", "Denied"), explained()
    assert set(page) - {template(node) for tree in TREES for node in ast.walk(tree)} == set()
    assert len(page) == len(set(page))
    assert messages - PLAIN - set(page) == set()
    assert PLAIN - messages == set()


# -- CHANGELOG.md has the form of https://keepachangelog.com/en/1.1.0/, and the version stands in one place


CHANGELOG = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def test_it_has_the_form_and_the_version_has_its_section_or_is_not_released_yet() -> None:
    """Between releases the version is a development one, newer than all that was released."""
    title, *parts = re.split(r"^## (.+)$", CHANGELOG, flags=re.MULTILINE)
    headings, texts = parts[::2], parts[1::2]
    assert (title.splitlines()[0], headings[0]) == ("# Changelog", "[Unreleased]")
    matched = [re.fullmatch(r"\[([^\]]+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in headings[1:]]
    released = [(Version(one[1]), date.fromisoformat(one[2])) for one in matched if one]
    assert (len(released), released) == (len(matched), sorted(released, reverse=True))
    for heading, text in zip(headings, texts, strict=True):
        kinds = re.findall(r"^### (.+)$", text, flags=re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds], heading
        changes = [
            line for line in text.partition("\n### ")[2].splitlines()[1:] if line and not line.startswith("### ")
        ]
        assert [line for line in changes if not line.startswith(("- ", "  "))] == [], heading
    here, newest = Version(__version__), released[0][0] if released else Version("0")
    assert texts[0].strip() and newest < here if here.is_devrelease else here == newest


def test_the_version_stands_in_one_place() -> None:
    """Besides tasks/core/__init__.py only documents name it, and they name the release that the next one will be."""
    assert f'__version__ = "{__version__}"' in (PROJECT / "tasks/core/__init__.py").read_text(encoding="utf-8")
    if (PROJECT / ".git").exists():
        where = sh("git", "grep", "--fixed-strings", "--files-with-matches", __version__, cwd=PROJECT).splitlines()
        assert [path for path in where if path != "CHANGELOG.md"] == ["tasks/core/__init__.py"]
    hook = (PROJECT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert re.findall(r"^ +rev: (\S+)$", hook, flags=re.MULTILINE) == [f"v{Version(__version__).base_version}"]
