"""``status``: every pinned version, the newest, what a release would do, what is inconsistent."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Result, run_task, succeed
from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import NO_REGISTRY, Hub, make_hub
from tests.support.steps import move
from tests.support.world import fault, nothing_written

from .places import base_name, computed_tag, image_name, pin, pinned_tag


def status(hub: Hub, *flags: str) -> Result:
    with nothing_written(hub):
        return run_task("status", *flags, cwd=hub.path)


@pytest.mark.engine
def test_a_consistent_repository_in_json(released: Hub) -> None:
    told = status(released, "--json")
    assert (told.code, told.err) == (0, "")
    base, tag = f"{base_name(released)}:3.3.8", pinned_tag(released)
    image = {"name": "hub", "pinned_tag": tag, "computed_tag": computed_tag(released), "in_registry": True}
    assert told.json == {
        "chart": {"pinned": "3.3.8", "newest": "3.3.8", "newest_pre": "4.0.0-beta.4", "next": None},
        "base": {"dockerfile": base, "chart": "quay.io/jupyterhub/k8s-hub:3.3.8"},
        "images": [image],
        "problems": [],
        "not_checked": [],
    }


def test_a_pin_that_does_not_exist_leads_to_the_newest_of_its_major_version(tmp_path: Path, charts: HelmServer) -> None:
    hub = make_hub(tmp_path / "hub", version="3.3.9", chart_repository=charts.url)
    said = status(hub).out
    assert "\n  newest of this major version  3.3.8         invoke release --to 3.3.8\n" in said
    refused = "the pinned version 3.3.9 does not exist, and nothing newer does ("
    assert f"\ninvoke release is refused as things are: {refused}" in f"\n{said}"
    assert "the Helm repository has no jupyterhub 3.3.9 [release-unknown]\n    hint: invoke bump --to 3.3.8\n" in said
    succeed("bump", "--to", "3.3.8", cwd=hub.path)


@pytest.mark.parametrize(
    ("required", "would", "moves", "row"),
    [
        ("~3.2", "build hub", None, "3.3.8         invoke release --to 3.3.8"),
        ("^3.2.1", "move jupyterhub from 3.2.1 to 3.3.8, then build hub", "3.3.8", "3.3.8         invoke release"),
    ],
)
def test_a_range_moves_as_far_as_a_release_would_move_it(
    tmp_path: Path, charts: HelmServer, required: str, would: str, moves: str | None, row: str
) -> None:
    hub = make_hub(tmp_path / "hub", version=required, chart_repository=charts.url)
    hub.put("images/hub/Dockerfile", "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n")
    said = status(hub).out
    assert said.startswith(f"invoke release would {would}.\n")
    assert f"\n  newest of this major version  {row}\n" in said
    # Helm takes 3.3.8 for the wider range, so that nothing but the base image lacks its fixes.
    assert ("jupyterhub 3.2.1 lacks security fixes of 3.3.8" in said) is (moves is None)
    assert status(hub, "--json").json["chart"]["next"] == moves
    bump = run_task("--dry", "bump", "--json", cwd=hub.path).json
    assert bump["chart"]["after"] == (moves or "3.2.1")


def test_a_place_that_a_merged_update_of_the_chart_left_behind_is_edited(tmp_path: Path, charts: HelmServer) -> None:
    """It said that there is nothing to do."""
    hub = make_hub(tmp_path / "hub", version="3.3.7", chart_repository=charts.url)
    hub.put("copy/Chart.yaml", hub.read("hub/requirements.yaml").replace("3.3.7", "3.3.8"))
    pin(hub)
    hub.change("hub/requirements.yaml", "version: 3.3.7", "version: 3.3.8")
    assert status(hub).out.startswith("invoke release would edit images/hub/Dockerfile, then build hub.\n\n")
    hub.change("images/hub/Dockerfile", "k8s-hub:3.3.7", "k8s-hub:3.3.8")
    pin(hub)
    assert status(hub).out.startswith("invoke release has nothing to do.\n\n")
    hub.change("copy/Chart.yaml", "version: 3.3.8", "version: 3.3.7")
    assert status(hub).out.startswith("invoke release would edit copy/Chart.yaml.\n\n")


def test_in_a_clone_that_is_behind_it_says_what_a_release_would_do_there(tmp_path: Path, charts: HelmServer) -> None:
    hub = make_hub(tmp_path / "hub", version="3.3.6", chart_repository=charts.url)
    move(hub, "3.3.6", "3.3.8")
    hub.commit("Move z2jh")
    hub.git("push", "--quiet")
    tip = hub.git("rev-parse", "HEAD")[:12]
    hub.git("reset", "--quiet", "--hard", "HEAD~")
    said = status(hub).out
    assert said.startswith(
        f"invoke release would move main to {tip}, then build hub.\n"
        "main here is 1 commit behind: a release starts from main as last fetched\n"
        "\nRelease\n  current                       3.3.8\n"
    )
    told = run_task("--dry", "release", cwd=hub.path).out
    assert f"* move main to {tip}\n" in told
    assert "\n  bump   - " in told
    preview = run_task("preview", cwd=hub.path)
    assert preview.err.startswith("main here is 1 commit behind: a release starts from main as last fetched\n")


@pytest.mark.engine
def test_a_registry_that_gives_no_answer_leaves_the_rest_to_be_seen(settled: Hub) -> None:
    result = status(settled)
    assert (result.code, result.err) == (0, "")
    release, *_, image, _, first, second, verdict = result.out.splitlines()
    assert "  current                       3.3.8\n" in result.out
    assert image.endswith("  no answer from its registry, current")
    assert release == "invoke release has nothing to do."
    pinned = f"{image_name(settled)}:{pinned_tag(settled)}"
    assert first.startswith(f"not checked: {pinned}: cannot reach the registry: ")
    assert first.endswith(f"({NO_REGISTRY})")
    assert second == f"  hint: curl -I http://{NO_REGISTRY}/v2/"
    assert verdict == "No problems in what was checked."
    told = status(settled, "--json").json
    assert (told["images"][0]["in_registry"], told["problems"]) == (None, [])
    # A check does not call consistent what it could not see.
    result = run_task("check", cwd=settled.path)
    assert (result.code, result.out) == (4, "")
    assert fault(result)[1].endswith("; or compare only files and git: invoke check --offline")


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("    imagePrefix:", "    baseVersion: next\n"),
        ("        valuesPath:", "        extraBuildCommandOptions: [--pull=no]\n"),
        ("        valuesPath:", "        extraBuildCommandOptions: [--label]\n"),
    ],
)
def test_what_only_a_build_is_refused_for_leaves_the_rest_to_be_seen(hub: Hub, before: str, line: str) -> None:
    hub.change("chartpress.yaml", before, f"{line}{before}")
    result = status(hub)
    assert (result.code, result.err) == (0, "")
    assert "jupyterhub.hub.image names no image [values-empty]" in result.out
    assert "[values-empty]" in run_task("check", cwd=hub.path).out


def test_a_check_whose_helm_repository_gives_no_answer(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository="http://127.0.0.1:1/")
    result = run_task("check", cwd=hub.path)
    assert (result.code, result.out, len(fault(result))) == (4, "", 2)


def test_what_a_helm_repository_said_last_is_shown_while_it_does_not_answer(
    hub: Hub, helm_repository: HelmServer
) -> None:
    before = status(hub, "--json").json
    helm_repository.answers["/index.yaml"] = (500, b"")
    after = status(hub, "--json").json
    assert after["chart"] == before["chart"]
    assert after["chart"]["newest"] == "4.4.0"
    assert [one["message"].partition(":")[0] for one in after["not_checked"]] == ["the chart's releases"]


@pytest.mark.parametrize(
    ("setting", "known"),
    [
        ("branch: 'a-{who}'", "{version}"),
        ("next_steps: ['Tell {who}']", "{version}, {branch}, {pull_request}"),
    ],
)
def test_a_template_that_a_release_is_refused_for_is_told(hub: Hub, setting: str, known: str) -> None:
    hub.put("invoke.yaml", f"hub: {{{setting}}}\n")
    key, template = setting.split(": ")
    what = f"the template {template.strip('[]')} cannot be filled in: it may use {known} (hub.{key})"
    assert f"\ninvoke release is refused as things are: {what}\n  hint: fix it in hub.{key}\n" in status(hub).out


def test_what_a_release_would_do_with_edits_that_are_not_committed(settled: Hub) -> None:
    settled.edit("images/hub/Dockerfile", "USER root\n", "USER root\nRUN true\n")
    result = status(settled)
    assert result.out.startswith(
        "invoke release would commit images/hub/Dockerfile, then build hub.\n"
        "invoke release is refused as things are: "
        "the file has uncommitted changes besides the release's (images/hub/Dockerfile)\n"
        "  hint: commit them, a hook's too"
    )
    assert "not checked: the last commit: images/hub/Dockerfile differs from it\n" in result.out
    assert result.out.endswith("No problems in what was checked.\n")


# -- an engine that takes the connection and never answers, as a suspended Docker Desktop or a dead ssh host does


# What anybody waits for; the engine is given ten, and a busy machine is no fault of what is tested.
SECONDS = 30


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Docker's engine be one that never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        yield


@pytest.mark.engine
def test_what_needs_no_engine_reports_without_it(released: Hub, request: pytest.FixtureRequest) -> None:
    tasks = (("status",), ("check", "--json"))
    before = [run_task(*task, cwd=released.path) for task in tasks]
    request.getfixturevalue("hung")
    for task, seen in zip(tasks, before, strict=True):
        done = run_task(*task, cwd=released.path, seconds=SECONDS)
        assert (done.code, done.out, done.err) == (seen.code, seen.out, "")


@pytest.mark.engine
@pytest.mark.usefixtures("hung")
def test_what_needs_the_engine_is_named(released: Hub, hubpress: Hubpress, monkeypatch: pytest.MonkeyPatch) -> None:
    released.put("images/hub/requirements.txt", "jupyterhub-nativeauthenticator==1.3.0\n")
    (unchecked,) = run_task("status", "--json", cwd=released.path, seconds=SECONDS).json["not_checked"]
    assert unchecked["message"].endswith(":3.3.8: no Docker engine here has it")
    # A registry that is out of reach besides is told apart.
    released.edit("images/hub/Dockerfile", "FROM 127.0.0.1:", "FROM 127.0.0.1:1")
    monkeypatch.setattr("tasks.tools.docker.ENGINE_SECONDS", 0.7)
    done = hubpress(released, "status")
    assert "Release" in done.out, done
    assert "unexpected" not in done.err
