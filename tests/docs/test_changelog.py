"""CHANGELOG.md has the form of https://keepachangelog.com/en/1.1.0/, and the version stands in one place."""

import re
from datetime import date

from packaging.version import Version

from tasks.core import __version__
from tests.support.cli import sh
from tests.support.machine import PROJECT

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
