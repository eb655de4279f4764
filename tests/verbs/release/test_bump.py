from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.charts import write_real_index
from tests.support.cli import run_task
from tests.support.helm import RELEASES, HelmServer, chart_archive, served
from tests.support.hubs import Hub, make_hub
from tests.support.scene import DOCKERFILE, REQUIREMENTS


def releases(hub: Hub) -> tuple[str, str]:
    """Return the releases that the Dockerfile's FROM and the requirement name."""
    base = hub.read(DOCKERFILE).partition("k8s-hub:")[2].partition("\n")[0]
    return base, hub.read(REQUIREMENTS).partition("version: ")[2].partition("\n")[0]


def test_a_bump_changes_one_word_in_each_of_two_files_and_goes_back_when_it_is_told_to(
    hub: Hub, helm_repository: HelmServer
) -> None:
    before = hub.snapshot()
    told = run_task("--dry", "bump", "--json", cwd=hub.path).json
    assert told == {
        "chart": {
            "name": "jupyterhub",
            "before": "3.2.1",
            "after": "3.3.8",
            "app_version": "4.1.6",
            "repository": helm_repository.url,
        },
        "base": {
            "image_before": "quay.io/jupyterhub/k8s-hub:3.2.1",
            "image_after": "quay.io/jupyterhub/k8s-hub:3.3.8",
        },
        "files": [DOCKERFILE, REQUIREMENTS],
        "newer_major": "4.4.0",
        "notes": [
            "https://z2jh.jupyter.org/en/stable/changelog.html",
            "https://jupyterhub.readthedocs.io/en/stable/reference/changelog.html",
        ],
    }
    result = run_task("bump", cwd=hub.path)
    assert result.code == 0, result
    assert result.out.splitlines() == [
        "images/hub/Dockerfile: quay.io/jupyterhub/k8s-hub:3.2.1 -> quay.io/jupyterhub/k8s-hub:3.3.8",
        "hub/requirements.yaml: jupyterhub 3.2.1 -> 3.3.8",
    ]
    after = hub.snapshot()
    assert [name for name in after if after[name] != before.get(name)] == [REQUIREMENTS, DOCKERFILE]
    for name in (DOCKERFILE, REQUIREMENTS):
        assert after[name] == before[name].replace(b"3.2.1", b"3.3.8")
    again = run_task("bump", cwd=hub.path)
    assert (again.code, again.out) == (0, "images/hub/Dockerfile: unchanged\nhub/requirements.yaml: unchanged\n")
    assert hub.snapshot() == after
    assert run_task("bump", "--to", "3.2.1", cwd=hub.path).code == 0
    assert hub.snapshot() == before


# -- the real Helm repository's index of October 2024


@pytest.fixture(scope="module")
def real_charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelmServer]:
    with served(write_real_index(tmp_path_factory.mktemp("charts"))) as server:
        yield server


@pytest.fixture
def real_hub(tmp_path: Path, real_charts: HelmServer) -> Hub:
    return make_hub(tmp_path / "hub", chart_repository=real_charts.url)


@pytest.mark.parametrize(
    ("flags", "base", "requirement"),
    [
        pytest.param("", "3.3.8", "3.3.8", id="the newest stable release of the major version"),
        pytest.param("--pre", "3.3.8", "3.3.8", id="4.0.0-beta.4 is another major version"),
        pytest.param("--pre --major", "4.0.0-beta.4", "4.0.0-beta.4", id="a pre-release of the next major version"),
        pytest.param("--major", "3.3.8", "3.3.8", id="no stable release of the next major version"),
        pytest.param("--to 3.0.2", "3.0.2", "3.0.2", id="an older release"),
        pytest.param(
            "--to 2.0.1-0.dev.git.6085.h59225bad",
            "2.0.1-0.dev.git.6079.haf0a8db5",
            "2.0.1-0.dev.git.6085.h59225bad",
            id="a build of main whose image is older than the chart",
        ),
        pytest.param(
            "--to 0.11.1-n451.h198fc854",
            "0.11.1-n438.h7e6a66e9",
            "0.11.1-n451.h198fc854",
            id="a build of main, named as they were before 2.0",
        ),
    ],
)
def test_the_real_index_decides_both_files(real_hub: Hub, flags: str, base: str, requirement: str) -> None:
    result = run_task("bump", *flags.split(), "--json", cwd=real_hub.path)
    assert result.code == 0, result
    assert result.json["newer_major"] == ("4.0.0-beta.4" if flags == "--pre" else None)
    assert releases(real_hub) == (base, requirement)


def test_an_archive_with_another_digest_than_in_the_real_index(real_hub: Hub, tmp_path: Path) -> None:
    mirror = write_real_index(tmp_path / "mirror")
    (mirror / "jupyterhub-0.7.0-beta.1.tgz").write_bytes(chart_archive(RELEASES[0]))
    before = real_hub.snapshot()
    env = {"INVOKE_HUB_CHART_REPOSITORY": mirror.as_uri()}
    result = run_task("bump", "--to", "0.7.0-beta.1", cwd=real_hub.path, env=env)
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("error: archive jupyterhub-0.7.0-beta.1.tgz does not have the digest"), result
    assert real_hub.snapshot() == before
