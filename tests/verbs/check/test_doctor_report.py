"""``doctor`` from outside: its table, its JSON, its exit code."""

from pathlib import Path

import pytest

from tests.support.cli import run_task
from tests.support.hubs import Hub

from .machines import FIT, write_tool
from .places import everything


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
        "FAULT  engine                -",
        "ok     builder               default (docker)",
    ]
    assert "ok     registry 127.0.0.1:1  answers for 127.0.0.1:1/core/hub" in table
    assert hint == "hint: engine: start Docker Desktop or the docker service, then: docker info"


def test_what_is_missing_and_not_needed_is_no_fault(tools: Path, settled: Hub) -> None:
    (tools / "gh").unlink()
    result = run_task("doctor", cwd=settled.path)
    assert (result.code, result.err) == (0, ""), result
    (line,) = (line for line in result.out.splitlines() if " gh " in line)
    assert line.split(maxsplit=2) == [
        "-",
        "gh",
        "gh is not installed: install the GitHub CLI, for pull requests: https://cli.github.com",
    ]
    assert "hint:" not in result.out
    report = run_task("doctor", "--json", cwd=settled.path).json
    assert (list(report), report["ok"]) == (["ok", "tools"], True)
    told = {tool["name"]: tool for tool in report["tools"]}
    assert told["git"] == {"name": "git", "version": "2.39.5", "ok": True, "needed": True, "hint": None}
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
