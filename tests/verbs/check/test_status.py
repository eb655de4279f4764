"""``status``: every pinned version, the newest, what is inconsistent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ...support.cli import run_task
from ...support.hubs import NO_REGISTRY, make_hub
from .places import PINS, base_name, computed_tag, everything, image_name, pinned_tag

if TYPE_CHECKING:
    from pathlib import Path

    from ...support.cli import Result
    from ...support.hubs import Hub

CHART_IMAGE = "quay.io/jupyterhub/k8s-hub:3.3.8"


def status(hub: Hub, *flags: str) -> Result:
    """Run ``status``, and demand that it writes nothing."""
    before = everything(hub)
    result = run_task("status", *flags, cwd=hub.path)
    assert everything(hub) == before
    return result


@pytest.mark.engine
def test_json_of_a_consistent_repository(released: Hub) -> None:
    result = status(released, "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json == {
        "chart": {"pinned": "3.3.8", "newest": "4.4.0", "newest_pre": "4.4.0"},
        "base": {"dockerfile": f"{base_name(released)}:3.3.8", "chart": CHART_IMAGE},
        "images": [
            {
                "name": "hub",
                "pinned_tag": pinned_tag(released),
                "computed_tag": computed_tag(released),
                "in_registry": True,
            }
        ],
        "problems": [],
    }


@pytest.mark.engine
def test_text_of_a_consistent_repository(released: Hub) -> None:
    result = status(released)
    assert (result.code, result.err) == (0, "")
    base, tag = f"{base_name(released)}:3.3.8", pinned_tag(released)
    width = max(len(base), len(tag))
    assert result.out.splitlines() == [
        f"chart       {'3.3.8'.ljust(width)}  newest 4.4.0, with pre-releases 4.4.0",
        f"base image  {base.ljust(width)}  the release's own is {CHART_IMAGE}",
        f"image hub   {tag.ljust(width)}  in the registry, current",
        "",
        "Everything is consistent.",
    ]


@pytest.mark.engine
def test_what_is_inconsistent_is_shown_and_ends_well(released: Hub) -> None:
    released.write(PINS, "jupyterhub-nativeauthenticator==1.3.1\n")
    released.commit("Move the authenticator")
    result = status(released)
    assert (result.code, result.err) == (0, "")
    *table, blank, problem, hint = result.out.splitlines()
    assert table[2].endswith(f"  in the registry, now {computed_tag(released)}")
    assert blank == ""
    assert problem.endswith("[values-tag-stale]")
    assert hint == "  hint: invoke build, then invoke commit"
    told = status(released, "--json").json
    assert [problem["code"] for problem in told["problems"]] == ["values-tag-stale"]
    assert told["images"][0]["computed_tag"] != told["images"][0]["pinned_tag"]


@pytest.mark.engine
def test_a_registry_that_gives_no_answer_leaves_the_rest_to_be_seen(settled: Hub) -> None:
    result = status(settled)
    assert result.code == 4
    chart, base, image, _, verdict = result.out.splitlines()
    assert (chart.split()[:2], base.split()[:2]) == (["chart", "3.3.8"], ["base", "image"])
    assert image.endswith("  no answer from its registry, current")
    assert verdict == "Nothing inconsistent, as far as the registries answered."
    error, hint = result.err.splitlines()
    assert error.startswith("error: the registry gives no usable answer: ")
    assert error.endswith(f"({NO_REGISTRY})")
    assert hint == f"hint: curl -I http://{NO_REGISTRY}/v2/"
    told = status(settled, "--json").json
    assert told["images"][0]["in_registry"] is None
    assert image_name(settled).startswith(NO_REGISTRY)


@pytest.mark.engine
def test_check_does_not_call_consistent_what_it_could_not_see(settled: Hub) -> None:
    result = run_task("check", cwd=settled.path)
    assert (result.code, result.out) == (4, "")
    assert len(result.err.splitlines()) == 2


def test_a_helm_repository_that_gives_no_answer(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository="http://127.0.0.1:1/")
    for task in ("status", "check"):
        result = run_task(task, cwd=hub.path)
        assert (result.code, result.out) == (4, "")
        assert [line.partition(": ")[0] for line in result.err.splitlines()] == ["error", "hint"]
