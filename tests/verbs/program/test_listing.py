"""What people see first: the list, the help, and how quickly they come."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.cli import run, run_module
from tests.support.machine import PROJECT
from tests.support.typed import refusal

CONTRACT = ["auth", "build", "bump", "check", "commit", "doctor", "init", "preview", "rehearse", "release", "status"]
RUNBOOK = {"auth", "build", "bump", "commit", "rehearse", "release"}
FLAGS = {
    "auth": {"--key-file=STRING", "--no-browser", "--adc", "--default-registries"},
    "bump": {"--to=STRING", "--pre", "--dev", "--major"},
    "build": {"--image", "--no-push", "--force", "--platform=STRING", "--builder=STRING", "--no-cache"},
    "commit": {"--message=STRING", "--branch=STRING", "--push"},
    "init": {"--prefix=STRING", "--docs=STRING"},
    "rehearse": {"--to=STRING", "--keep", "--stand-in-base"},
    "release": {"--to=STRING", "--major", "--image", "--force", "--message=STRING", "--push", "--yes"},
}
HEAVY = ("ruamel", "semver", "sh", "http", "urllib3", "requests", "yaml", "docker", "chartpress")


def invoke(*arguments: str, cwd: Path) -> list[str]:
    """Run the project's own ``invoke`` in ``cwd``, as people do in a checkout."""
    done = run_module("invoke", *arguments, cwd=cwd, env=os.environ)
    assert done.code == 0, done
    return done.out.splitlines()


def listed(cwd: Path) -> dict[str, str]:
    """Return each task's line in the list, by its name."""
    (line,) = invoke("--list", "--list-format=json", cwd=cwd)
    collection = json.loads(line)
    assert (collection["collections"], collection["default"]) == ([], None)
    return {task["name"]: task["help"] for task in collection["tasks"]}


def test_the_list_is_flat_and_tells_each_of_the_contracts_tasks_in_one_short_line() -> None:
    assert list(listed(PROJECT)) == CONTRACT
    for name, line in listed(PROJECT).items():
        assert len(line) < 60, (name, line)
        assert line.endswith(".")
        assert line[0].isupper()
        assert not line.split()[0].endswith("s,"), f"{name}: {line} is no imperative"


def test_the_list_pays_for_invoke_alone() -> None:
    script = f"import sys, tasks; print([name for name in sys.modules if name.split('.')[0] in {HEAVY}])"
    assert run(sys.executable, "-c", script, cwd=PROJECT).out == "[]\n"


def test_an_import_says_nothing_which_completion_would_offer() -> None:
    shown = run(sys.executable, "-X", "dev", "-W", "error", "-c", "import tasks", cwd=PROJECT)
    assert (shown.code, shown.out, shown.err) == (0, "", "")


@pytest.mark.parametrize("name", CONTRACT)
def test_the_help_explains_every_flag_fits_a_terminal_and_gives_examples_that_work(name: str) -> None:
    text = invoke("--help", name, cwd=PROJECT)
    options = text[text.index("Options:") + 1 :]
    flags = {line.split()[0]: line for line in options if line.startswith("  -")}
    assert set(flags) >= FLAGS.get(name, set()) | {"--repo=STRING", "--json"}
    assert all(len(line.split()) > 1 for line in flags.values()), "a flag that nothing is said of"
    assert [flag for flag in flags if not flag.startswith("--")] == [], "a short flag is Invoke's"
    follows = any("Afterwards: " in line for line in text)
    assert follows or name not in RUNBOOK - {"release", "rehearse"}
    assert [line for line in text if len(line) > 80] == []
    start = text.index("  Examples:") + 1
    examples = [line.strip() for line in text[start : text.index("", start)]]
    assert len(examples) >= 2
    for example in examples:
        typed, explained = example.split("  ", 1)
        assert name in typed.split()
        assert explained.strip()
        assert refusal(f"invoke {typed}") is None, typed


DOORS = {
    "invoke": "runpy.run_path('tasks.py')",
    "hubpress": "from tasks.program import program; program.run(['hubpress', '--list'], exit=False)",
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("forbidden", ["", "1"])
def test_python_keeps_what_it_compiles_unless_it_is_told_not_to(door: str, forbidden: str) -> None:
    """Invoke itself lets it keep nothing."""
    script = f"import runpy, sys; sys.dont_write_bytecode = True; {DOORS[door]}; print(sys.dont_write_bytecode)"
    done = run(sys.executable, "-c", script, cwd=PROJECT, env={"PYTHONDONTWRITEBYTECODE": forbidden})
    assert done.out.splitlines()[-1] == str(bool(forbidden)), done
