"""No shell anywhere: neither in what runs, nor in what is written."""

import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.cli import run
from tests.support.hubs import Hub
from tests.support.machine import PROJECT

# What is started, none of it a shell: in rehearsals Python beside a throwaway registry.
PROGRAMS = {"git", "docker", "chartpress", "gcloud", "gh", "helm", Path(sys.executable).name}
# hubpress, with every program that Python itself is asked to start written down: one line of JSON for each, with the
# event of https://docs.python.org/3/library/audit_events.html and its arguments up to the environment. The file is
# opened each time: a child has closed what it does not need.
WATCHED = """\
import json, os, sys
from tasks.program import program
trace, starts = sys.argv.pop(1), {"os.exec", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn", "subprocess.Popen"}
def note(event, arguments):
    if event in starts:
        log = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, json.dumps([event, *arguments[:2]], default=os.fsdecode).encode() + b"\\n")
        os.close(log)
sys.addaudithook(note)
program.run(["hubpress", *sys.argv[1:]])
"""


EVIL = "a;touch${IFS}evil;$(touch${IFS}evil)`touch${IFS}evil`"
RUNS = [("release", "--yes", "--push", "--branch", EVIL), ("rehearse", "--stand-in-base", "--pr"), ("auth",)]


@pytest.mark.engine
@pytest.mark.parametrize("arguments", RUNS, ids=lambda words: words[0])
def test_no_task_starts_a_shell(hub: Hub, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    # What a shell would take for commands, in names that reach programs.
    hub.git("config", "user.name", "Robin; touch evil")
    hub.write("images/hub/$(touch evil)`touch evil`;touch evil", "\n")
    hub.commit("Use the shell's own letters")
    trace = tmp_path / "trace"
    done = run(sys.executable, "-c", WATCHED, str(trace), *arguments, cwd=hub.path, env={"PYTHONPATH": str(PROJECT)})
    assert done.code == 0, done
    started = {Path(str(json.loads(line)[1])).name for line in trace.read_text().splitlines()}
    assert started & {"git", "docker"}
    assert started <= PROGRAMS
    assert not list(tmp_path.rglob("evil"))


# -- what is written

# Where programs are started: the one door, and a rehearsal's registry, which outlives the call that starts it.
DOORS = ["tasks/rehearsal/registry.py", "tasks/tools/process.py"]
# Invoke's own way to run a command is a shell's. Others that start one are ruff's business (S602, S604, S605).
BY_INVOKE = re.compile(r"\b(?:c|context)\.(?:run|sudo)\(")
STARTS = re.compile(r"^\s*(?:import|from) (?:subprocess|sh|pty|asyncio)\b", re.MULTILINE)


def test_only_the_doors_start_programs_and_nothing_runs_a_command_as_invoke_does() -> None:
    files = [PROJECT / "tasks.py", *sorted((PROJECT / "tasks").rglob("*.py"))]
    texts = {file.relative_to(PROJECT).as_posix(): file.read_text("utf-8") for file in files}
    assert [name for name, text in texts.items() if STARTS.search(text)] == DOORS
    assert [name for name, text in texts.items() if BY_INVOKE.search(text)] == []
