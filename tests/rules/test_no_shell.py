"""No shell anywhere: neither in what runs, nor in what is written."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import Result, run
from tests.support.hubs import Hub
from tests.support.machine import PROJECT

SHELLS = frozenset({"ash", "bash", "cmd", "csh", "dash", "fish", "ksh", "powershell", "pwsh", "sh", "zsh"})
# What is started: in rehearsals Python beside a throwaway registry.
PROGRAMS = frozenset({"git", "docker", "chartpress", "gcloud", "gh", "helm", Path(sys.executable).name})


@dataclass(frozen=True)
class Start:
    """A program that Python was asked to start."""

    event: str
    path: str
    argv: tuple[str, ...] = ()

    @classmethod
    def read(cls, line: str) -> Start:
        event, path, *argv = json.loads(line)
        return cls(event, path, tuple(argv[0]) if argv else ())

    @property
    def is_shell(self) -> bool:
        """Whether a shell reads it."""
        names = {Path(name).name for name in (self.path, str(Path(self.path).resolve()), *self.argv[:2])}
        return self.event in {"os.system", "pty.spawn"} or not SHELLS.isdisjoint(names)


def watched(hub: Hub, folder: Path, *arguments: str) -> tuple[Result, list[Start]]:
    """Run a task, and return what it started besides."""
    trace = folder / "trace"
    argv = (sys.executable, "-m", "tests.support.watched", str(trace), *arguments)
    done = run(*argv, cwd=hub.path, env={"PYTHONPATH": str(PROJECT)})
    return done, [Start.read(line) for line in trace.read_text().splitlines()]


RUNS = [
    ("release", "--yes", "--push"),
    ("rehearse", "--stand-in-base", "--pr"),
    ("auth",),
]


@pytest.mark.engine
@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
def test_no_task_starts_a_shell(hub: Hub, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    # What a shell would take for commands, in names that reach programs.
    hub.git("config", "user.name", "Robin; touch evil")
    hub.write("images/hub/$(touch evil)`touch evil`;touch evil", "\n")
    hub.commit("Use the shell's own letters")
    done, started = watched(hub, tmp_path, *arguments)
    assert done.code == 0, done
    assert {Path(start.path).name for start in started} & {"git", "docker"}
    assert [start for start in started if start.is_shell] == []
    assert {Path(start.path).name for start in started} <= PROGRAMS
    assert not list(tmp_path.rglob("evil"))


# -- what is written

# Where programs are started: the one door, and a rehearsal's registry, which outlives the call that starts it.
DOORS = frozenset(f"tasks/{name}.py" for name in ("tools/process", "rehearsal/registry"))
STARTERS = frozenset({"subprocess", "sh", "pty", "asyncio"})
# Of os, what starts a program.
OF_OS = ("exec", "fork", "popen", "posix_spawn", "spawn", "startfile", "system")
THROUGH_A_SHELL = frozenset({"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"})


def complaints(tree: ast.AST, *, is_door: bool) -> Iterator[str]:
    """Yield what a module does that reaches, or could reach, a shell."""
    for node in ast.walk(tree):
        for name in _used(node):
            owner, _, attribute = name.rpartition(".")
            starts = name in STARTERS or (owner == "os" and attribute.startswith(OF_OS))
            # Invoke's own way to run a command is a shell's.
            by_invoke = owner in {"c", "context"} and attribute in {"run", "sudo"}
            if (starts and not is_door) or by_invoke or (owner in {"os", *STARTERS} and attribute in THROUGH_A_SHELL):
                yield name
        if isinstance(node, ast.keyword) and node.arg == "shell":
            yield "shell="
        if isinstance(node, (ast.Tuple, ast.List)) and node.elts and isinstance(node.elts[0], ast.Constant):
            first = str(node.elts[0].value)
            if first.rpartition("/")[2] in SHELLS:
                yield first


def _used(node: ast.AST) -> Iterator[str]:
    """Yield what a node imports, or takes from what is imported: ``os.system``."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and not node.level:
        yield str(node.module)
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield f"{node.value.id}.{node.attr}"


def test_no_module_reaches_a_shell() -> None:
    found = {}
    for path in [PROJECT / "tasks.py", *sorted((PROJECT / "tasks").rglob("*.py"))]:
        name = path.relative_to(PROJECT).as_posix()
        found[name] = list(complaints(ast.parse(path.read_text("utf-8")), is_door=name in DOORS))
    assert found.keys() >= DOORS
    assert {name: what for name, what in found.items() if what} == {}
