import pytest
import semver

from tasks.releases.notes import known, security_news


@pytest.mark.parametrize(
    ("before", "after", "beginnings"),
    [
        ("4.3.2", "4.4.0", ["4.3.3 is a", "4.3.4 is a", "4.4.0 is a"]),
        ("4.3.3", "4.3.4", ["4.3.4 is a"]),
        ("4.3.4", "4.3.5", []),
        ("4.3.3-0.dev.git.7272.h2ff70453", "4.3.3", ["4.3.3 is a"]),
        ("4.3.3", "5.0.0-0.dev.git.7340.h48ea50e3", ["4.3.4 is a", "4.4.0 is a"]),
        ("4.4.0", "4.3.3", ["Downgrades below 4.3.4", "Downgrades below 4.4.0"]),
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


def test_a_security_release_says_what_it_mends_and_where() -> None:
    assert security_news("3.3.7", "3.3.8") == ("3.3.8 is a security release: it fixes CVE-2024-41942 in JupyterHub.",)


def test_they_stand_in_semvers_order() -> None:
    versions = [semver.Version.parse(one.version) for one in known().security]
    assert versions == sorted(versions)
