"""The rooms of tasks/ lie in the order of docs/architecture.md, and no package of tests leans on another."""

import ast
import re
import socket
from fnmatch import fnmatch
from importlib.util import resolve_name
from pathlib import Path

import pytest

from tests.support.cli import run
from tests.support.machine import PROJECT

LAYERS = re.compile(r"^layers = \[(.+)\]$", re.MULTILINE)


def test_the_order_is_that_of_the_architecture() -> None:
    (layers,) = LAYERS.findall((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    table = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^\| `(\w+)/` \|", table, re.MULTILINE)
    assert re.findall(r"\w+", layers) == rooms[::-1]


def test_no_package_of_tests_imports_another_but_support() -> None:
    found = []
    for path in sorted((PROJECT / "tests").rglob("*/*.py")):
        package = ".".join(path.relative_to(PROJECT).parent.parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = resolve_name(f"{'.' * node.level}{node.module or ''}", package)
                if module.startswith("tests.") and not f"{module}.".startswith((f"{package}.", "tests.support.")):
                    found.append(f"{package} imports {module}")
    assert [line for line in found if not line.endswith("imports tests.support")] == []


def test_no_test_reaches_another_machine(tmp_path: Path) -> None:
    with socket.socket() as client, pytest.raises(ConnectionRefusedError, match="tests stay on this machine"):
        client.connect(("192.0.2.1", 80))
    result = run("gcloud", "auth", "login", cwd=tmp_path)
    assert (result.code, result.err.partition(": ")[0]) == (97, "a test started the real gcloud")


def test_every_folder_of_tests_is_looked_into(pytestconfig: pytest.Config) -> None:
    """Pytest's own list has ``build``, which is the name of a verb here."""
    passed_over = [pattern for pattern in pytestconfig.getini("norecursedirs") if pattern != "__pycache__"]
    folders = [path for path in (PROJECT / "tests").rglob("*") if path.is_dir()]
    assert [path for path in folders if any(fnmatch(path.name, pattern) for pattern in passed_over)] == []
