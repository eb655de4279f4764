"""Requirements as Helm reads them, beside the real helm; ``tests/machine/helm.sh`` fetches it."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.core.yaml_tree import load
from tasks.releases.index import Index
from tasks.releases.versions import is_like_z2jh, is_range, parse_constraint, parse_version, respelled
from tests.support.helm import RELEASES, HelmServer, chart_archive, served
from tests.support.machine import HELMS

WORDS = """
3 3.2 3.2.1 3.3.0 2.0.0 0 0.11 0.9.0 4.0.0-beta.4 4.0.0-0 0.11.1-n259.h74abbb81 2.0.1-0.dev.git.6085.h59225bad 3.3.0-0
"""
BASES = WORDS.split()
SIGNS = ("", "=", "~", "^", ">", "<", ">=", "<=", "!=", "~>", "=>", "=<", "v", "~v")
MORE_WORDS = """
* x X 3.x 3.2.x 3.* 3.X.x >=3.2,<4 ~* >* >=* !=* 3.2.1+build >=3.2.1+x v3.x =3.2.1 ~0 ^0 ^0.9 >=1.0.0-0 <=3.2.1-0
3.2.1,3.2.1 x.3 3.x.1 *.1
"""
MORE = (
    *MORE_WORDS.split(),
    *(">=3.2 <4", ">=3.2, <4", ">= 3.2 < 4", "1.0 - 2.0", "1.0.0 - 2", "1.2.3 - 3.3.5", ">=0.9 <1.0", "3 3.2"),
    *(">=3.0.0-0 <4.0.0", ">=3.0.0-0 <4.0.0-0", ">=3 !=3.3.8", ">3 <3.3", ">3.2.1-0 <3.3"),
    *("  3.2.1  ", ">= v3.2", "~ 3.2", "^ 3", " ~3.2 ", "3.2.1 "),
)
EITHER = ("3.2 || 1.x", "^1.1 || ~2.0", ">=0.9 <1.0 || ^1.1", "<3 || >3.3.0-0", "3.2.1 || 3.3.8")
NEITHER = ("9.9.9", "~3.9", ">5", "<0", "^0.0.1", "3.2.1 2.0.0")
REFUSED = (
    *("latest", "== 3.2.1", ">=3.2<4", "3.2.1.4", "3.2.1-", "-3", "3,", "a.b", "3.2.1-01", ">=3.2 || ", "|| 3"),
    *("3.2.1 - ", "^^3", "3..2", "3.2.1_x"),
)


def spellings(versions: list[str]) -> dict[str, str]:
    """Return every spelling that allows a version, with the version that Helm takes by our rules."""
    every = dict.fromkeys((*(f"{sign}{base}" for base in BASES for sign in SIGNS), *MORE, *EITHER))
    ours = {text: constraint.newest_of(versions) for text in every if (constraint := parse_constraint(text))}
    return {text: version for text, version in ours.items() if version}


def is_as_in_helm_3(text: str) -> bool:
    """Whether Helm 3 takes the same: its rules for pre-releases differ beside ``!=`` and where parts do."""
    constraint = parse_constraint(text)
    assert constraint is not None
    return "!=" not in text and all(len({bool(one.version.prerelease) for one in g}) == 1 for g in constraint.groups)


class Lab(NamedTuple):
    """The releases of October 2024 on this machine and some builds of main, with an archive for each of them."""

    server: HelmServer
    versions: list[str]


@pytest.fixture(scope="module")
def lab(real_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with served(tmp_path_factory.mktemp("charts")) as server:
        # helm reads the whole index for each spelling.
        names = [name for at, name in enumerate(real_index) if name in BASES or "-" not in name or at % 20 == 0]
        entries = [
            {"apiVersion": "v2", "name": "jupyterhub", "version": name, "urls": [f"{server.url}jupyterhub-{name}.tgz"]}
            for name in names
        ]
        index = {"apiVersion": "v1", "entries": {"jupyterhub": entries}, "generated": "2024-10-24T11:45:31Z"}
        server.answers["/index.yaml"] = 200, json.dumps(index).encode()
        for name in names:
            archive = chart_archive(replace(RELEASES[0], version=name))
            server.answers[f"/jupyterhub-{name}.tgz"] = 200, archive
        yield Lab(server, names)


def helm_update(helm: str, chart: Path, url: str, texts: list[str]) -> tuple[list[str], str]:
    """Let helm lock a chart that requires jupyterhub in each of these spellings; return what it locked and said."""
    dependencies = [
        {"name": "jupyterhub", "alias": f"a{number}", "version": text, "repository": url}
        for number, text in enumerate(texts)
    ]
    chart.mkdir()
    content = {"apiVersion": "v2", "name": "hub", "version": "0.0.1", "dependencies": dependencies}
    (chart / "Chart.yaml").write_text(json.dumps(content))
    argv = [str(HELMS[helm]), "dependency", "update", str(chart)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=800).stderr
    lock = chart / "Chart.lock"
    tree = load(lock.read_text()) if lock.exists() else {}
    assert isinstance(tree, dict)
    locked = tree.get("dependencies") or []
    return [str(one["version"]) for one in locked if isinstance(one, dict)], said


@pytest.mark.helm
@pytest.mark.timeout(900)
@pytest.mark.parametrize("helm", HELMS)
def test_helm_takes_the_same_version_for_every_spelling(helm: str, lab: Lab, tmp_path: Path) -> None:
    ours = spellings(lab.versions)
    assert len(ours) > 200
    asked = [text for text in ours if helm != "3" or is_as_in_helm_3(text)]
    assert len(asked) > 150
    locked, said = helm_update(helm, tmp_path / "chart", lab.server.url, asked)
    assert dict(zip(asked, locked, strict=True)) == {text: ours[text] for text in asked}, said


@pytest.mark.helm
@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(
    ("texts", "words", "ours"),
    [
        pytest.param(NEITHER, "can't get a valid version", [None] * len(NEITHER), id="no such version"),
        pytest.param(REFUSED, "invalid version/constraint format", [], id="no requirement"),
    ],
)
def test_helm_takes_nothing_for_what_allows_nothing(
    helm: str, texts: tuple[str, ...], words: str, ours: list[None], lab: Lab, tmp_path: Path
) -> None:
    constraints = [constraint for text in texts if (constraint := parse_constraint(text))]
    assert [constraint.newest_of(lab.versions) for constraint in constraints] == ours
    for number, text in enumerate(texts):
        locked, said = helm_update(helm, tmp_path / str(number), lab.server.url, [text])
        assert (locked, words in said) == ([], True), (text, said)


@pytest.mark.parametrize(
    ("text", "version", "after"),
    [
        ("3.2.1", "3.3.8", "3.3.8"),
        ("v3.2.1", "3.3.8", "v3.3.8"),
        ("v3.2.1", "v0.6.0-fb64667", "v0.6.0-fb64667"),
        ("3.2.1", "4.0.0-beta.4", "4.0.0-beta.4"),
        ("3.2", "3.3.8", "3.3"),
        ("3", "3.3.8", "3"),
        ("3", "3.3.7", "3.3.7"),
        ("~3.2", "3.3.8", "~3.3"),
        ("3.2.x", "3.3.8", "3.3.x"),
        ("v3.2.*", "3.3.8", "v3.3.*"),
        ("3.x", "4.0.0-beta.4", "4.0.0-beta.4"),
        ("~ 3.2.0", "3.3.8", "~ 3.3.8"),
        ("~3.2", "3.3.7", "3.3.7"),
        ("^2.0", "3.3.8", "^3.3"),
        (">=3.2 <4", "3.3.8", ">=3.2 <4"),
        (">=3.2 <4", "3.2.1", "3.2.1"),
        ("latest", "3.3.8", "3.3.8"),
    ],
)
def test_a_requirement_keeps_its_spelling_where_helm_then_takes_the_release(
    text: str, version: str, after: str, real_index: Index
) -> None:
    assert respelled(text, version, real_index) == after


def test_a_version_of_a_mirror_is_written_with_its_build_metadata() -> None:
    assert respelled("3.2.1", "3.3.8+team.5", ["3.2.1", "3.3.8+team.5"]) == "3.3.8+team.5"


def test_what_means_several_versions_is_a_range() -> None:
    texts = ("3.2.1", "v3.2.1", "=3.2.1", "x1", "3.2", "~3.2.1", "*")
    assert list(filter(is_range, texts)) == ["3.2", "~3.2.1", "*"]


@pytest.mark.parametrize(
    "tag", ["base-3.2.1", "pr-499", "latest", "3.2.1-ours", "2024-01-31", "1.0.0.1", "4.0.0-uni.2", "main"]
)
def test_a_tag_of_somebodys_own(tag: str) -> None:
    assert not is_like_z2jh(tag)


def test_every_version_of_the_real_index_is_one_and_spelled_as_z2jhs_are(real_index: Index) -> None:
    assert [one for one in real_index if parse_version(one) is None or not is_like_z2jh(one)] == []
