"""CHANGELOG.md has the form of https://keepachangelog.com/en/1.1.0/, and the version stands in one place."""

import re
from datetime import date

import semver
from packaging.version import Version

from tasks.core import __version__
from tests.support.cli import sh
from tests.support.machine import PROJECT

CHANGELOG = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
UNRELEASED = "[Unreleased]"
_RELEASE = re.compile(r"\[(?P<version>[^\]]+)\] - (?P<day>\d{4}-\d\d-\d\d)")


def sections() -> dict[str, str]:
    """Return the text below each heading of the second level, by the heading."""
    parts = re.split(r"^## (.+)$", CHANGELOG, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def releases() -> list[tuple[semver.Version, date]]:
    matched = [_RELEASE.fullmatch(heading) for heading in sections() if heading != UNRELEASED]
    assert all(matched)
    return [
        (semver.Version.parse(one["version"]), date.fromisoformat(one["day"])) for one in matched if one is not None
    ]


def test_it_begins_with_what_is_not_released_yet() -> None:
    assert CHANGELOG.startswith("# Changelog\n\n")
    assert next(iter(sections())) == UNRELEASED


def test_releases_stand_newest_first() -> None:
    assert releases() == sorted(releases(), reverse=True)


def test_every_change_is_a_bullet_below_its_kind() -> None:
    for heading, text in sections().items():
        kinds = re.findall(r"^### (.+)$", text, flags=re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds], heading
        for kind, changes in zip(kinds, re.split(r"^### .+$", text, flags=re.MULTILINE)[1:], strict=True):
            lines = [line for line in changes.splitlines() if line]
            assert lines, (heading, kind)
            assert all(line.startswith(("- ", "  ")) for line in lines), (heading, kind)


def test_the_version_has_its_section_or_is_not_released_yet() -> None:
    """Between releases the version is a development one, newer than all that was released."""
    released = [Version(str(version)) for version, _ in releases()]
    here = Version(__version__)
    if here.is_devrelease:
        assert sections()[UNRELEASED].strip()
        assert all(version < here for version in released)
    else:
        assert here == released[0]


def test_the_version_stands_in_one_place() -> None:
    """Besides tasks/core/__init__.py only documents name it, and they name the release that the next one will be."""
    assert f'__version__ = "{__version__}"' in (PROJECT / "tasks/core/__init__.py").read_text(encoding="utf-8")
    if (PROJECT / ".git").exists():
        where = sh("git", "grep", "--fixed-strings", "--files-with-matches", __version__, cwd=PROJECT).splitlines()
        assert [path for path in where if path != "CHANGELOG.md"] == ["tasks/core/__init__.py"]
    hook = (PROJECT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert re.findall(r"^ +rev: (\S+)$", hook, flags=re.MULTILINE) == [f"v{Version(__version__).base_version}"]
