"""What ``hubpress`` makes of what people type, and what it shows of itself."""

import inspect
import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from tasks import ns
from tasks.core import __version__
from tests.support.cli import HUBPRESS, refusal, run, run_module, run_on_screen, sh
from tests.support.fixtures import Hubpress
from tests.support.hubs import Hub
from tests.support.machine import PROJECT
from tests.support.world import demand_fault, nothing_written

TASKS = sorted(ns.task_names)


@pytest.mark.parametrize("typed", ["help", "help release"])
def test_help_is_shown_on_a_terminal_that_has_no_room_for_its_table(typed: str) -> None:
    shown = run_on_screen(*HUBPRESS, *typed.split(), cwd=PROJECT, columns=10)
    assert shown.code == 0, shown
    assert "show the plan, every change and command; change nothing" in shown.out
    assert "Traceback" not in shown.out


@pytest.mark.parametrize("typed", ["", "help", "-h", "--help", "--list"])
def test_alone_it_shows_the_tasks_in_groups_and_the_options_that_matter(
    typed: str, hubpress: Hubpress, tmp_path: Path
) -> None:
    shown = hubpress(tmp_path, *typed.split())
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines()[:7] == [
        "Move a Zero to JupyterHub hub image from release to release.",
        "",
        "Usage: hubpress TASK [OPTIONS]   tasks chain: hubpress bump commit --push",
        "",
        "Release:",
        "  release   Move to a z2jh release, build its hub image, commit both.",
        "  rehearse  Rehearse the whole release on this machine.",
    ]
    options = shown.out[shown.out.index("Options of every task:") :].splitlines()
    assert [line.split("  ")[1] for line in options if line.startswith("  -")] == [
        "-R, --dry, --dry-run",
        "-h, --help",
        "-V, --version",
        "-d, --debug",
    ]
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    assert [task for task in TASKS if shown.out.count(f"\n  {task} ") != 1] == []


@pytest.mark.parametrize("typed", ["--version", "-V", "status --version", "release -V", "bump -V --dry"])
def test_the_version_is_shown_wherever_it_is_asked_for(typed: str, hubpress: Hubpress, hub: Hub) -> None:
    with nothing_written(hub):
        shown = hubpress(hub, *typed.split())
    assert (shown.code, shown.out, shown.err) == (0, f"hubpress {__version__}\n", "")


def test_a_tasks_help_begins_with_usage_and_ends_with_whole_examples(hubpress: Hubpress, tmp_path: Path) -> None:
    for typed in ("release --help", "-h release", "release help", "--list release", "release -l"):
        assert hubpress(tmp_path, *typed.split()) == hubpress(tmp_path, "help", "release")
    for task in TASKS:
        shown = hubpress(tmp_path, "help", task)
        assert (shown.code, shown.err) == (0, "")
        lines = shown.out.splitlines()
        version = "[VERSION] " if "--to " in shown.out else ""
        first = str(inspect.getdoc(ns[task])).splitlines()[0]
        assert lines[:3] == [f"Usage: hubpress {task} {version}[OPTIONS]", "", first]
        assert lines.index("Options:") < lines.index("Examples:")
        examples = lines[lines.index("Examples:") + 1 :]
        examples = examples[: examples.index("") if "" in examples else None]
        assert len(examples) >= 2
        assert all(line.startswith(f"  hubpress {task}") for line in examples)
        assert all(len(line) <= 85 for line in lines)


@pytest.mark.parametrize(
    "typed",
    [
        "bump --dry 3.3.7",
        "bump --dry-run --to v3.3.7",
        "-n bump v3.3.7",
        "bump --version 3.3.7 -R",
        "bump --dry --to=3.3.7",
        "-R bump 3.3.7",
        "bump --dry --to '3.3.7 '",
        "-dn bump 3.3.7",
        "bump -Rd 3.3.7",
        "-n bump --dry --json 3.3.7 --pre --pre",
    ],
)
def test_people_may_spell_it_as_they_are_used_to(typed: str, hubpress: Hubpress, hub: Hub) -> None:
    with nothing_written(hub):
        said = hubpress(hub, *shlex.split(typed), "--json")
    assert (said.code, said.json["chart"]["after"]) == (0, "3.3.7")


@pytest.mark.parametrize(
    "typed", ["release -ny", "release -yn", "release -Ry", "-Rn release -y", "commit -nm text", "commit -nmtext"]
)
def test_several_short_options_may_stand_in_one_word(typed: str, hubpress: Hubpress, hub: Hub) -> None:
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:3.3.8")
    with nothing_written(hub):
        said = hubpress(hub, *typed.split())
    # A run that is not dry shows its plan on standard error.
    assert said.out.startswith(f"Plan for {hub.path}\n"), said
    assert ('"text"' in said.out) == typed.endswith("text")


def test_a_dry_run_is_planned_on_the_files_and_not_on_what_another_would_have_left(
    hubpress: Hubpress, hub: Hub
) -> None:
    """Only the tasks of one command line go on from each other."""
    assert hubpress(hub, "-n", "bump", "3.3.8").code == 0
    assert hubpress(hub, "-n", "commit", "--json").json["commits"] == []


@pytest.mark.parametrize("message", ["help", "release", "a=b=", "4.4.0", "-x"])
def test_a_message_may_be_a_word_that_means_something_else(message: str, hubpress: Hubpress, hub: Hub) -> None:
    hub.edit("images/hub/Dockerfile", "k8s-hub:3.2.1", "k8s-hub:3.3.8")
    with nothing_written(hub):
        assert f'"{message}"' in hubpress(hub, "commit", "-n", "-m", message).out


@pytest.mark.parametrize(
    ("typed", "error", "hint"),
    [
        ("relase 3.3.8 -y", "unknown task: relase", "did you mean: hubpress release 3.3.8 -y"),
        ("comit --message 'a b'", "unknown task: comit", "did you mean: hubpress commit --message 'a b'"),
        ("depoly", "unknown task: depoly", "did you mean: hubpress release"),
        ("upgrade --pr", "unknown task: upgrade", "did you mean: hubpress release --pr"),
        ("serve", "unknown task: serve", "hubpress help"),
        ("release xny", "unknown task: xny", "hubpress help release"),
        ("release -", "unknown option: -", "hubpress help release"),
        ("help relase", "unknown task: relase", "did you mean: hubpress --help release"),
        ("build 3.3.8", "unknown task: 3.3.8", "hubpress help build"),
        ("release --vers", "unknown option: --vers", "did you mean: hubpress release --version"),
        ("release --mesage=x", "unknown option: --mesage", "did you mean: hubpress release --message=x"),
        ("release --dryrun", "unknown option: --dryrun", "did you mean: hubpress release --dry"),
        ("build --push", "unknown option: --push", "hubpress help build"),
        ("bump --no-pre", "unknown option: --no-pre", "hubpress help bump"),
        ("bump -x", "unknown option: -x", "hubpress help bump"),
        ("--xyz", "unknown option: --xyz", "hubpress help"),
        ("release -nx", "unknown option: -x", "hubpress help release"),
        ("release -yes", "unknown option: -yes", "did you mean: hubpress release --yes"),
        ("--help=relase", "--help takes no value", "hubpress help"),
        ("bump -ny", "unknown option: -y", "hubpress help bump"),
        ("-nm text commit", "unknown option: -m", "an option follows its task: hubpress TASK -m"),
        ("--repo . status", "unknown option: --repo", "an option follows its task: hubpress TASK --repo"),
        ("--list -F json", "unknown option: -F", "hubpress help"),
        ("--prompt-for-sudo-password status", "unknown option: --prompt-for-sudo-password", "hubpress help"),
        ("release 3.3.8 4.4.0", "--to is given twice", "give it once: --to 4.4.0"),
        ("bump --to 4.0.0 --version=4.1.0", "--version is given twice", "give it once: --version 4.1.0"),
        ("commit -m one -m 'and two'", "-m is given twice", "give it once: -m 'and two'"),
        ("release --yes -- --dry", "unknown option: --", "hubpress help release"),
        ("bump --=1", "unknown option: --", "hubpress help bump"),
        ("bump --to=", "--to needs a value", "hubpress help bump"),
        ("release --to --dry", "--to needs a value", "hubpress help release"),
        ("release --push=yes", "--push takes no value", "hubpress help release"),
    ],
)
def test_what_is_mistyped_gets_the_nearest_right_word(
    typed: str, error: str, hint: str, hubpress: Hubpress, hub: Hub
) -> None:
    with nothing_written(hub):
        said = hubpress(hub, *shlex.split(typed))
        demand_fault(said, 1, f"{error}", f"{hint}")


def test_a_home_that_is_no_folder_has_no_settings(
    hubpress: Hubpress, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    assert hubpress(hub, "bump", "--dry", "--to", "3.3.7").code == 0


@pytest.mark.parametrize(
    ("typed", "code", "error"),
    [
        ("status --of", 1, "unknown option: --of"),
        ("--print-completion-script x status", 1, "the command line is not understood: Completion for shell"),
        ("-f /nope status", 2, "no such file"),
    ],
)
def test_a_mistyped_command_line_is_an_object_too(
    typed: str, code: int, error: str, hubpress: Hubpress, tmp_path: Path
) -> None:
    said = hubpress(tmp_path, *typed.split(), "--json")
    told = json.loads(said.out)
    assert (said.code, told["code"], told["error"][: len(error)]) == (code, code, error)
    assert said.err.splitlines()[-1] == f"hint: {told['hint']}"


@pytest.mark.parametrize(
    ("typed", "error", "hint"),
    [
        ("build --image hubb", "'hubb' is not a hub image here", "did you mean hub?"),
        ("build --platform arm64", "'arm64' is not a platform", "--platform linux/amd64"),
        ("build --engine chartpres", "unknown engine chartpres", "--engine chartpress"),
    ],
)
def test_a_mistyped_name_gets_the_nearest_right_one(
    typed: str, error: str, hint: str, hubpress: Hubpress, hub: Hub
) -> None:
    said = hubpress(hub, *typed.split())
    assert said.code == 2, said
    first, second = said.err.splitlines()
    assert (first.partition(" (")[0], second) == (f"error: {error}", f"hint: {hint}")


def test_windows_is_refused_with_the_way_to_wsl() -> None:
    """Its Python lacks what locks and terminals are asked by."""
    without = "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = sys.modules['sh'] = None"
    done = run(sys.executable, "-c", f"{without}; import tasks.program", cwd=PROJECT)
    hint = "run it in WSL with Docker Desktop's WSL integration: wsl --install"
    demand_fault(done, 1, "hub images cannot be built on Windows directly", hint)


# -- the list, the help, and how quickly they come


CONTRACT = ["auth", "build", "bump", "check", "commit", "doctor", "init", "preview", "rehearse", "release", "status"]
RUNBOOK = {"auth", "build", "bump", "commit", "rehearse", "release"}
HEAVY = ("ruamel", "semver", "sh", "http", "urllib3", "requests", "yaml", "docker", "chartpress")


def invoke(*arguments: str, cwd: Path) -> list[str]:
    done = run_module("invoke", *arguments, cwd=cwd, env=os.environ)
    assert done.code == 0, done
    return done.out.splitlines()


def test_the_list_is_flat_and_tells_each_of_the_contracts_tasks_in_one_short_line() -> None:
    collection = json.loads("".join(invoke("--list", "--list-format=json", cwd=PROJECT)))
    assert (collection["collections"], collection["default"]) == ([], None)
    lines = {task["name"]: task["help"] for task in collection["tasks"]}
    assert list(lines) == CONTRACT
    assert [line for line in lines.values() if len(line) >= 60] == []


def test_the_list_pays_for_invoke_alone() -> None:
    script = f"import sys, tasks; print([name for name in sys.modules if name.split('.')[0] in {HEAVY}])"
    assert run(sys.executable, "-c", script, cwd=PROJECT).out == "[]\n"


def test_a_target_of_make_runs_the_task_of_its_name() -> None:
    given = ("--old-file=.venv/.ready", "invoke=invoke", "VERSION=3.3.8", "ARGS=--json")
    for task in TASKS:
        line = sh("make", "--no-print-directory", "--dry-run", *given, task, cwd=PROJECT).splitlines()[-1]
        assert (line.split()[:2], line.split()[-1]) == (["invoke", task], "--json")
        assert ("--to '3.3.8'" in line) == (task in {"bump", "preview", "rehearse", "release"}), line


def test_an_import_says_nothing_which_completion_would_offer() -> None:
    shown = run(sys.executable, "-X", "dev", "-W", "error", "-c", "import tasks", cwd=PROJECT)
    assert (shown.code, shown.out, shown.err) == (0, "", "")


@pytest.mark.parametrize("name", CONTRACT)
def test_the_help_explains_every_flag_fits_a_terminal_and_gives_examples_that_work(name: str) -> None:
    text = invoke("--help", name, cwd=PROJECT)
    options = text[text.index("Options:") + 1 :]
    flags = {line.split()[0]: line for line in options if line.startswith("  -")}
    # Those that no test types of a release; all others are typed in the tests of their tasks.
    of_its_steps = {"--major", "--image", "--force"} if name == "release" else set()
    assert set(flags) >= {"--repo=STRING", "--json"} | of_its_steps
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
