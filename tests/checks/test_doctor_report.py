"""``doctor`` from outside: its table, its JSON, its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ..lab.cli import run_task
from .machines import FIT, write_tool
from .places import everything

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..lab.hubs import Hub


def test_doctors_table_and_one_hint_for_each_fault(tools: Path, settled: Hub) -> None:
    write_tool(tools, "docker", f"[ $1 = info ] && exit 1\n{FIT['docker']}")
    before = everything(settled)
    result = run_task("doctor", cwd=settled.path)
    assert (result.code, result.err) == (1, ""), result
    assert everything(settled) == before
    lines = result.out.splitlines()
    rows, hints = [line for line in lines if not line.startswith("hint: ")], lines[-1:]
    assert rows[0] == "ok     git                   2.39.5"
    assert {row[7:9] for row in rows if row.startswith(("ok     ", "FAULT  "))} >= {"gi", "do"}
    assert [row.split()[1] for row in rows if row.startswith("FAULT")] == ["engine"]
    assert hints == ["hint: engine: start Docker Desktop or the docker service, then: docker info"]


def test_doctors_json(tools: Path, settled: Hub) -> None:
    assert tools.is_dir()
    result = run_task("doctor", "--json", cwd=settled.path)
    assert (result.code, result.err) == (0, ""), result
    assert list(result.json) == ["ok", "tools"]
    assert result.json["ok"] is True
    assert result.json["tools"][0] == {"name": "git", "version": "2.39.5", "ok": True, "hint": None}
    assert all(list(tool) == ["name", "version", "ok", "hint"] for tool in result.json["tools"])


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_doctor_outside_of_a_hub_repository_looks_at_the_tools_alone(
    tools: Path, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    assert tools.is_dir()
    (tmp_path / "elsewhere").mkdir()
    result = run_task("doctor", *flags, cwd=tmp_path / "elsewhere")
    assert (result.code, result.err) == (1, ""), result
    if flags:
        tools_told = {tool["name"]: tool for tool in json.loads(result.out)["tools"]}
        assert tools_told["git"]["ok"] is True
        assert tools_told["hub repository"]["ok"] is False
        assert tools_told["hub repository"]["hint"]
    else:
        assert "hint: hub repository: " in result.out


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
