"""A job's shell steps, run as GitHub's runner runs them; what other actions would do is left out."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.support.cli import Result, run

_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_CONDITION = re.compile(r"(?P<name>[\w.]+) (?P<sign>==|!=) '(?P<value>[^']*)'")
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


@dataclass
class Job:
    """One job of a workflow."""

    workflow: dict[str, Any]
    name: str
    known: dict[str, str]
    folder: Path
    ran: list[str] = field(default_factory=list)

    def run(self, work_tree: Path) -> Result:
        """Run the job's shell steps in ``work_tree`` until one fails; return the last one's result."""
        result = Result(0, "", "")
        for number, step in enumerate(self.workflow["jobs"][self.name]["steps"]):
            if result.code == 0 and "run" in step and self._wanted(step):
                self.ran.append(step["name"])
                result = self._run(step, work_tree, self.folder / f"{self.name}-{number}")
        return result

    def _wanted(self, step: dict[str, Any]) -> bool:
        if "if" not in step:
            return True
        found = _CONDITION.fullmatch(step["if"])
        assert found, f"this runner does not know {step['if']!r}"
        is_equal = self.known.get(found["name"], "") == found["value"]
        return is_equal if found["sign"] == "==" else not is_equal

    def _run(self, step: dict[str, Any], work_tree: Path, output: Path) -> Result:
        given = {
            **self.workflow.get("env", {}),
            **self.workflow["jobs"][self.name].get("env", {}),
            **step.get("env", {}),
        }
        env = {name: self._meant(str(value)) for name, value in given.items()}
        event = self.folder / "event.json"
        event.write_text(json.dumps({"repository": {"full_name": "org/hubs", "default_branch": "main", "fork": False}}))
        files = {"OUTPUT": str(output), "STEP_SUMMARY": f"{output}.md", "EVENT_PATH": str(event), "ACTIONS": "true"}
        runners = {"CI": "true", **{f"GITHUB_{name}": value for name, value in files.items()}}
        result = run(*SHELL, self._meant(step["run"]), cwd=work_tree, env={**os.environ, **env, **runners})
        lines = output.read_text().splitlines() if output.exists() else []
        for name, _, value in (line.partition("=") for line in lines):
            self.known[f"steps.{step.get('id')}.outputs.{name}"] = value
        return result

    def _meant(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self.known[found[1]], text)


def read(file: Path) -> dict[str, Any]:
    """Return what a YAML file means."""
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    return content
