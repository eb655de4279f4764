"""Security fixes that a pinned release lacks, by the releases that the Helm repository offers."""

from pathlib import Path

import pytest

from tasks.checks.outside import security_problems
from tasks.core.problems import Problem, Unchecked
from tasks.releases.index import Index, Release
from tasks.releases.notes import known
from tests.support.calls import opened
from tests.support.hubs import make_hub

OLD = "CVE-2024-28233 in JupyterHub"
LAST_OF_3 = "CVE-2024-41942 in JupyterHub"
IN_4_3_3 = "CVE-2026-33709 in JupyterHub, CVE-2026-33175 in OAuthenticator, CVE-2026-34052 in LTIAuthenticator"
IN_4_3_4, IN_4_4 = "CVE-2026-40864 in JupyterHub", "GHSA-p43p-whwx-q52h in JupyterHub"
SINCE_4_3 = f"{IN_4_3_3}, {IN_4_3_4}, {IN_4_4}"
ALL = ("3.2.1", "3.3.8", "4.0.0-beta.4", "4.3.2", "4.4.0", "5.0.0-0.dev.git.7340.h48ea50e3")
MAJOR = "invoke bump --major"


def index(*versions: str, created: str = "2026-06-10T08:00:00Z") -> Index:
    return Index({version: Release(version, created=created) for version in versions})


@pytest.mark.parametrize(
    ("pinned", "offered", "told"),
    [
        ("3.3.8", ("3.3.8",), []),
        ("3.3.8", ALL, [(f"4.4.0, a newer major version: {SINCE_4_3}", MAJOR)]),
        (
            "3.2.1",
            ALL,
            [
                (f"3.3.8: {OLD}, {LAST_OF_3}", "invoke bump --to 3.3.8"),
                (f"4.4.0, a newer major version: {SINCE_4_3}", MAJOR),
            ],
        ),
        ("~3.2.1", ALL[:2], [(f"3.3.8: {OLD}, {LAST_OF_3}", "invoke bump --to 3.3.8")]),
        ("4.0.0-beta.4", ALL, [(f"4.4.0: {SINCE_4_3}", "invoke bump --to 4.4.0")]),
        ("4.3.3", ALL, [(f"4.4.0: {IN_4_3_4}, {IN_4_4}", "invoke bump --to 4.4.0")]),
        ("4.4.0", ALL, []),
        ("5.0.0-0.dev.git.7340.h48ea50e3", ALL, []),
    ],
)
def test_what_is_lacking_and_the_command(
    pinned: str, offered: tuple[str, ...], told: list[tuple[str, str]], tmp_path: Path
) -> None:
    made = make_hub(tmp_path / "hub")
    made.edit("hub/requirements.yaml", "version: 3.2.1", f"version: '{pinned}'")
    hub = opened(made)
    found = [one for one in security_problems(hub, index(*offered)) if isinstance(one, Problem)]
    assert [(one.path, one.code.value, one.severity.value) for one in found] == [
        ("hub/requirements.yaml:4", "security-release", "warning")
    ] * len(told)
    what = f"jupyterhub {hub.version} lacks security fixes of "
    assert [(one.message, one.hint) for one in found] == [
        (f"{what}{message} (known as of {known().date})", hint) for message, hint in told
    ]


def test_other_charts_have_versions_of_their_own(tmp_path: Path) -> None:
    made = make_hub(tmp_path / "hub", version="3.2.1")
    made.edit("hub/requirements.yaml", "name: jupyterhub", "name: daskhub")
    assert [*security_problems(opened(made, dependency="daskhub"), index(*ALL))] == []


@pytest.mark.parametrize(
    ("pinned", "created", "is_told"),
    [
        ("4.4.0", "2026-12-24T08:00:00Z", True),
        ("4.4.0", known().date, False),
        ("4.4.0", None, False),
        ("4.4.1", "2026-12-24T08:00:00Z", False),
    ],
)
def test_a_release_younger_than_what_is_known_is_named(
    pinned: str, created: str | None, tmp_path: Path, *, is_told: bool
) -> None:
    hub = opened(make_hub(tmp_path / "hub", version=pinned))
    offered = Index({"4.4.1": Release("4.4.1", created=created), "4.4.0": Release("4.4.0")})
    words = f"whether 4.4.1, of 2026-12-24, fixes vulnerabilities is not known: the list of fixes is of {known().date}"
    hint = "read https://z2jh.jupyter.org/en/stable/changelog.html, or install a newer hubpress"
    assert [*security_problems(hub, offered)] == ([Unchecked(words, hint)] if is_told else [])
