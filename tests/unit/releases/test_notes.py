import pytest
import semver

from tasks.releases.index import Release
from tasks.releases.notes import comparison, known, release_links, security_news, upgrade_links

GITHUB = "https://github.com/jupyterhub/zero-to-jupyterhub-k8s"
GUIDES = "https://z2jh.jupyter.org/en/stable/administrator/upgrading"


@pytest.mark.parametrize(
    ("version", "page"),
    [
        ("2.0.1-0.dev.git.6085.h59225bad", "commits/59225bad"),
        ("4.0.0-beta.4.git.6831.habe06f4d", "commits/abe06f4d"),
        ("2.0.0-beta.1.n031.hc5adeae4", "commits/c5adeae4"),
        ("0.11.1-n451.h198fc854", "commits/198fc854"),
        ("0.8.0-a59cf29", "commits/a59cf29"),
        ("v0.6.0-fb64667", "commits/fb64667"),
        ("1.0.0-x", "commits/main"),
        ("1.0.0-next.version", "commits/main"),
    ],
)
def test_a_build_of_main_links_its_commits(version: str, page: str) -> None:
    assert release_links(Release(version)) == (f"{GITHUB}/{page}",)


def test_the_guides_of_each_major_version_crossed_on_the_way_up() -> None:
    pages = ("index", "upgrade-1-to-2", "upgrade-2-to-3", "upgrade-3-to-4")
    assert upgrade_links("1.2.0", "4.4.0") == tuple(f"{GUIDES}/{page}.html" for page in pages)
    assert upgrade_links("4.0.0", "3.3.8") == ()


@pytest.mark.parametrize(
    ("before", "after", "page"),
    [
        ("3.2.1", "3.3.8", "3.2.1...3.3.8"),
        ("4.4.0", "3.3.8", "3.3.8...4.4.0"),
        ("4.0.0-beta.4", "4.0.0", "4.0.0-beta.4...4.0.0"),
        ("4.4.0", "5.0.0-0.dev.git.7340.h48ea50e3", "4.4.0...48ea50e3"),
        ("2.0.1-0.dev.git.6085.h59225bad", "2.0.1-0.dev.git.6090.h1234567a", "59225bad...1234567a"),
        ("v0.6", "4.4.0", "v0.6...4.4.0"),
        ("latest", "4.4.0", None),
        ("4.4.0", "1.0.0-next.version", None),
    ],
)
def test_the_page_with_every_change_between_two_releases(before: str, after: str, page: str | None) -> None:
    assert comparison(Release(before), Release(after)) == (page and f"{GITHUB}/compare/{page}")


@pytest.mark.parametrize(
    ("before", "after", "beginnings"),
    [
        ("4.3.2", "4.4.0", ["4.3.3 is a", "4.3.4 is a", "4.4.0 is a"]),
        ("4.3.3-0.dev.git.7272.h2ff70453", "4.3.3", ["4.3.3 is a"]),
        ("4.3.3", "5.0.0-0.dev.git.7340.h48ea50e3", ["4.3.4 is a", "4.4.0 is a"]),
        ("4.4.0", "4.3.3", ["This downgrades below 4.3.4, which fixes", "This downgrades below 4.4.0, which fixes"]),
        ("4.4.0", "4.4.0", []),
        ("v0.6", "1.2.0", ["1.2.0 is a"]),
        ("0.11.1-n451.h198fc854", "0.11.1", []),
        ("latest", "4.4.0", []),
        (None, "4.4.0", []),
    ],
)
def test_the_security_releases_on_the_way(before: str | None, after: str, beginnings: list[str]) -> None:
    news = security_news(before, after)
    assert len(news) == len(beginnings)
    assert all(line.startswith(beginning) for line, beginning in zip(news, beginnings, strict=True))
    assert security_news("3.3.7", "3.3.8") == ("3.3.8 is a security release: it fixes CVE-2024-41942 in JupyterHub.",)


def test_they_stand_in_semvers_order() -> None:
    versions = [semver.Version.parse(version) for version in known().security]
    assert versions == sorted(versions)
