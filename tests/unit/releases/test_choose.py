from typing import TypedDict

import pytest
import semver

from tasks.core.faults import Refused
from tasks.releases.index import Index, Release, choose, release_with_image
from tasks.releases.notes import comparison, guide_links, release_links, security_news, upgrades_between
from tasks.releases.versions import is_dev, order, parse_version
from tests.support.calls import raised

WHERE = "https://charts.test/index.yaml"


class Flags(TypedDict, total=False):
    to: str | None
    pre: bool
    dev: bool
    major: bool


def index_of(*versions: str) -> Index:
    return Index({version: Release(version) for version in versions}, WHERE)


OFFER = index_of(
    *("5.0.0-0.dev.git.7272.h2ff70453", "4.0.0-beta.4.git.6831.habe06f4d", "4.0.0-beta.4", "3.3.9-n012.h1234567"),
    *("3.3.8", "3.4.0-rc.1", "3.3.10-alpha.1", "3.2.1", "2.0.0", "2.0.1-0.dev.git.6085.h59225bad", "1.2.0"),
    "v0.6.0-fb64667",
)


@pytest.mark.parametrize(
    ("pinned", "flags", "chosen", "newer_major", "reason"),
    [
        ("3.2.1", {}, "3.3.8", None, "the newest stable release of 3.x"),
        ("2.0.0", {}, "2.0.0", "3.3.8", "the newest stable release of 2.x"),
        ("1.2.0", {"major": True}, "3.3.8", None, "the newest stable release"),
        ("3.2.1", {"pre": True}, "3.4.0-rc.1", "4.0.0-beta.4", "the newest stable release or pre-release of 3.x"),
        (
            "3.2.1",
            {"pre": True, "dev": True},
            "3.4.0-rc.1",
            "5.0.0-0.dev.git.7272.h2ff70453",
            "the newest stable release or pre-release or development build of 3.x",
        ),
        ("2.0.1-0.dev.git.6085.h59225bad", {}, None, "3.3.8", "pinned, and newer than every stable release of 2.x"),
        ("3.3.0", {}, "3.3.8", None, "the newest stable release of 3.x"),
        ("3.2.1", {"to": "v0.6.0-fb64667", "major": True}, "v0.6.0-fb64667", None, "the requested release"),
        ("9.9.9", {"to": "3.2.1", "pre": True}, "3.2.1", None, "the requested release"),
    ],
    ids=lambda value: str(value) if isinstance(value, (str, dict)) else "-",
)
def test_the_choice(pinned: str, flags: Flags, chosen: str | None, newer_major: str | None, reason: str) -> None:
    choice = choose(OFFER, pinned, **flags)
    assert choice.release.version == (chosen or pinned)
    assert (choice.newer_major.version if choice.newer_major else None) == newer_major
    assert choice.reason == reason


@pytest.mark.parametrize(
    ("to", "hint"),
    [
        ("3.3.81", "choose an existing one: --to 3.3.8"),
        ("3.2.11", "choose an existing one: --to 3.2.1 or --to 3.3.8"),
        ("v2.0.7", "choose an existing one: --to 2.0.0"),
        ("4.4.0", "choose an existing one: --to 4.0.0-beta.4"),
        ("latest", "choose an existing one: --to 3.3.8"),
    ],
)
def test_to_a_version_that_does_not_exist(to: str, hint: str) -> None:
    told = f"error: version {to} does not exist ({WHERE})\nhint: {hint}"
    assert raised(Refused, choose, OFFER, "3.2.1", to=to) == told


@pytest.mark.parametrize(
    ("pinned", "to", "named"),
    [("3.2.1", "3.3", "3.3.8"), ("3.2.1", "3", "3.3.8"), ("1.2.0", "v3.2", "3.2.1"), ("3.2.1", "2", "2.0.0")],
)
def test_to_a_part_of_a_version_names_the_newest_release_that_begins_with_it(pinned: str, to: str, named: str) -> None:
    told = f"error: {to} is not a full version ({WHERE})\nhint: choose an existing one: --to {named}"
    assert raised(Refused, choose, OFFER, pinned, to=to) == told


@pytest.mark.parametrize("pinned", ["latest", "~9.1", "3.2.1.4", ">=3.2 ||"])
def test_a_pinned_text_that_no_release_is_has_no_place_in_the_order(pinned: str) -> None:
    assert raised(Refused, choose, OFFER, pinned, major=True) == (
        f"error: the pinned version {pinned} is neither a version nor a range of versions that exist "
        f"({WHERE})\nhint: name the release to move to: --to 3.3.8"
    )


@pytest.mark.parametrize(
    ("pinned", "flags", "chosen", "beyond"),
    [
        ("v3.2.1", {}, "3.3.8", None),
        ("v3.2.1", {"to": "v3.3.8"}, "3.3.8", None),
        ("3.2", {}, "3.2.1", "3.3.8"),
        ("~3.2", {}, "3.2.1", "3.3.8"),
        ("~3.2", {"to": "3.3.8"}, "3.3.8", None),
        ("~2", {"major": True}, "3.3.8", None),
        (">=3.2 <4", {}, "3.3.8", None),
        ("^3", {"pre": True}, "3.4.0-rc.1", None),
        (">=3.0.0-0 <4.0.0-0", {}, "3.4.0-rc.1", None),
    ],
    ids=str,
)
def test_a_range_has_its_say_unless_more_is_asked_for(
    pinned: str, flags: Flags, chosen: str, beyond: str | None
) -> None:
    choice = choose(OFFER, pinned, **flags)
    assert choice.release.version == chosen
    assert (choice.beyond.version if choice.beyond else None) == beyond


def test_builds_that_are_named_after_the_release_before_them() -> None:
    made = ["0.11.0", "0.11.1-alpha.1", "0.11.1", "0.11.1-n259.h74abbb81", "0.11.1-n1000.h1234567", "0.12.0-beta.1"]
    parsed = [version for version in map(parse_version, made) if version]
    assert sorted(parsed[1:] + parsed[:1], key=order) == parsed
    index = index_of(*made, "0.12.0")
    assert choose(index, "0.11.1", dev=True).release.version == "0.12.0"
    assert choose(index_of(*made), "0.11.1-n259.h74abbb81").release.version == "0.11.1-n259.h74abbb81"
    assert choose(index_of(*made), "0.11.1", dev=True).release.version == "0.11.1-n1000.h1234567"


def test_never_down_from_a_version_that_the_index_does_not_have() -> None:
    assert raised(Refused, choose, OFFER, "3.9.0") == (
        f"error: the pinned version 3.9.0 does not exist, and nothing newer does ({WHERE})\n"
        "hint: name the release to move to: --to 3.3.8"
    )


def test_a_build_of_main_is_no_release() -> None:
    released = ("3.3.8", "3.3.8+build", "4.0.0-alpha", "4.0.0-alpha.1", "4.0.0-beta1", "4.0.0-rc.12")
    builds = ("4.0.0-0.dev.git.6772.h9102c704", "1.1.3-n804.h96f6e96d", "4.0.0-beta.4.git.6831.habe06f4d")
    odd = ("2.0.0-beta.1.n031.hc5adeae4", "0.9.0-alpha.1.112.34b7b8e", "0.8.0-a59cf29", "4.0.0-alphabet", "4.0.0-0")
    assert [one for one in (*released, *builds, *odd) if is_dev(semver.Version.parse(one))] == [*builds, *odd]


def test_the_release_of_an_image_is_found() -> None:
    dev, hub = "4.3.3-0.dev.git", "quay.io/jupyterhub/k8s-hub"
    tags = {f"{dev}.{number}.h{number}abcd": f"{dev}.{min(number, 7263)}.h7263abcd" for number in (7262, 7263, 7272)}
    index = {
        version: Release(version, images=f"[{{name: k8s-hub, image: '{hub}:{tag}'}}]") for version, tag in tags.items()
    }
    offered = Index({**index, "4.4.0": Release("4.4.0"), "odd": Release("odd")}, WHERE)
    found = release_with_image(offered, f"{dev}.7263.h7263abcd")
    assert found
    assert found.version == f"{dev}.7263.h7263abcd"
    assert release_with_image(offered, "latest") is None
    assert release_with_image(offered, f"{dev}.7000.h7000abcd") is None


# -- links and security notes of a release


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
    assert guide_links(upgrades_between("1.2.0", "4.4.0")) == tuple(f"{GUIDES}/{page}.html" for page in pages)
    assert guide_links(upgrades_between("4.0.0", "3.3.8")) == ()


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
