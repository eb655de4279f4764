"""``doctor`` from outside: its table, its JSON, its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ...support.cli import run_task
from ...support.layouts import make_2i2c_like
from .machines import FIT, Docker, write_tool
from .places import everything

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ...support.hubs import Hub


def test_doctors_table_and_one_hint_for_each_fault(tools: Path, settled: Hub) -> None:
    write_tool(tools, "docker", f"[ $1 = info ] && exit 1\n{FIT['docker']}")
    before = everything(settled)
    result = run_task("doctor", cwd=settled.path)
    assert (result.code, result.err) == (1, ""), result
    assert everything(settled) == before
    *table, hint = result.out.splitlines()
    assert table[:5] == [
        "ok     git                   2.39.5",
        "ok     docker                28.2.2",
        "ok     buildx                0.13.1",
        "FAULT  engine                start Docker Desktop or the docker service, then: docker info",
        "ok     builder               default (docker)",
    ]
    assert "ok     registry 127.0.0.1:1  answers for 127.0.0.1:1/core/hub" in table
    assert hint == "hint: engine: start Docker Desktop or the docker service, then: docker info"


def test_what_mends_a_registry_is_told_once_however_many_images_go_to_it(tools: Path, tmp_path: Path) -> None:
    refused = "ERROR: dial tcp 127.0.0.1:1: connect: connection refused"
    write_tool(tools, "docker", Docker(registry=refused).script)
    hub = make_2i2c_like(tmp_path / "hub")
    result = run_task("doctor", cwd=hub.path)
    assert result.code == 1
    assert [line for line in result.out.splitlines() if line.startswith("hint: registry ")] == [
        "hint: registry 127.0.0.1:1: curl -I http://127.0.0.1:1/v2/"
    ]


@pytest.mark.usefixtures("tools")
def test_doctors_json(settled: Hub) -> None:
    result = run_task("doctor", "--json", cwd=settled.path)
    assert (result.code, result.err) == (0, ""), result
    assert (list(result.json), result.json["ok"]) == (["ok", "tools"], True)
    assert result.json["tools"][0] == {"name": "git", "version": "2.39.5", "ok": True, "needed": True, "hint": None}
    assert all(list(tool) == ["name", "version", "ok", "needed", "hint"] for tool in result.json["tools"])


def test_what_is_missing_and_not_needed_is_no_fault(tools: Path, settled: Hub) -> None:
    (tools / "gh").unlink()
    result = run_task("doctor", cwd=settled.path)
    assert (result.code, result.err) == (0, ""), result
    (line,) = (line for line in result.out.splitlines() if " gh " in line)
    assert line.split(maxsplit=2) == ["-", "gh", "gh is not installed: install the GitHub CLI: https://cli.github.com"]
    assert "hint:" not in result.out
    told = {tool["name"]: tool for tool in run_task("doctor", "--json", cwd=settled.path).json["tools"]}
    assert (told["gh"]["ok"], told["gh"]["needed"]) == (False, False)


@pytest.mark.usefixtures("tools")
def test_outside_of_a_hub_repository_the_tools_alone_are_looked_at(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    result = run_task("doctor", cwd=elsewhere)
    assert (result.code, result.err) == (1, ""), result
    assert [line.split()[1] for line in result.out.splitlines() if line.startswith("FAULT")] == ["hub"]
    assert result.out.splitlines()[-1].startswith("hint: hub repository: ")
    told = {tool["name"]: tool for tool in run_task("doctor", "--json", cwd=elsewhere).json["tools"]}
    assert {"git", "docker", "buildx", "engine", "builder", "gcloud", "helm", "gh"} < set(told)
    assert told["hub repository"]["ok"] is False


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        pytest.param(
            lambda git: git.unlink(), "git is not installed: install git: https://git-scm.com/downloads", id="missing"
        ),
        pytest.param(
            lambda git: git.write_text("#!/no/such/shell\n"), "git cannot be started: install git anew", id="broken"
        ),
        pytest.param(
            lambda git: git.write_text("#!/bin/sh\nexit 1\n"),
            "install git: https://git-scm.com/downloads",
            id="fails",
        ),
    ],
)
def test_without_git_the_other_tools_are_told_of(
    tools: Path, settled: Hub, spoil: Callable[[Path], None], hint: str
) -> None:
    spoil(tools / "git")
    result = run_task("doctor", "--json", cwd=settled.path)
    assert (result.code, result.err) == (1, ""), result
    told = {tool["name"]: tool for tool in result.json["tools"]}
    assert (told["git"]["ok"], told["git"]["hint"]) == (False, hint)
    assert told["docker"]["ok"] is True
    assert told["hub repository"]["ok"] is False
