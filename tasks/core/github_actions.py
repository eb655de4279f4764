"""What GitHub shows: Markdown, and a step's outputs, its summary, and annotations of files in GitHub Actions.

The forms are those of https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import output
from .faults import Unusable
from .safe_files import append_to_file, read_file
from .visible import ACTIONS, one_line, visible

_SPECIAL = frozenset("\\`*_[]<>|#@~")
# What cannot stand in code inside of a table's cell, and what looks like it.
_ALIKE = str.maketrans({"`": "'", "|": "\N{BROKEN BAR}"})
OUTPUT, SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"
# Far below what GitHub shows of one step, 1 MiB: a preview may be long.
_LONGEST_SUMMARY = 200_000
# The annotations of problems by their severity; accepted ones get none.
_LEVELS = {"fault": "error", "warning": "warning"}
_IN_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = _IN_MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def code(text: str) -> str:
    """Return ``text`` as code that stays in one cell of a table."""
    return f"`{one_line(text).translate(_ALIKE)}`"


def plain(text: str) -> str:
    """Return ``text`` with every sign escaped that Markdown, or a forge, would take for more than itself."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in one_line(text))


def fenced(language: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a block of code, which none of them ends."""
    inside = list(lines)
    fence = "`" * max(3, *(len(run) + 1 for line in inside for run in re.findall("`+", line)), 3)
    yield from (f"{fence}{language}", *inside, fence)


def code_or(text: str | None, otherwise: str = "not known") -> str:
    """Return ``text`` as code; ``otherwise``, as it is, where there is none."""
    return code(text) if text else otherwise


def table_lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table; the cells are Markdown."""
    lines = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    yield from (next(lines), f"|{'---|' * len(head)}", *lines)


def tell(report: Mapping[str, Any], text: str, *, changed: bool | None = None) -> None:
    """Append the outputs of a task's JSON report, and ``text`` as its summary, where the environment names files.

    ``changed`` is whether there was anything to do; None for a task that only looks.
    """
    for variable in (OUTPUT, SUMMARY):
        named = os.environ.get(variable)
        try:
            if named and variable == SUMMARY:
                shown = fenced("text", visible(text)[:_LONGEST_SUMMARY].splitlines())
                append_to_file(Path(named), "\n".join(("### hubpress", "", *shown, "", "")).encode())
            elif named:
                append_to_file(Path(named), "".join(_output_lines(report, changed, Path(named))).encode())
        except OSError as err:
            what = f"the file cannot be written: {err.strerror}"
            raise Unusable(what, where=named, hint=f"unset {variable}") from err


def annotate(problems: Sequence[Mapping[str, Any]]) -> None:
    """Have GitHub Actions show each problem beside its line, where a pull request touches that."""
    for one in _open(problems) if os.environ.get(ACTIONS) else ():
        line = f",line={one['line']}" if one["line"] else ""
        place = f"file={one['path'].translate(_IN_PROPERTY)}{line}"
        words = f"{one['message']}; {one['hint']}".translate(_IN_MESSAGE)
        output.tell_runner(f"{_LEVELS[one['severity']]} {place},title=hubpress {one['code']}::{words}")


def _outputs(report: Mapping[str, Any]) -> dict[str, str | None]:
    """Return a report's outputs, None where it has no value for one; of several images the first one counts."""
    chart, request = report.get("chart") or {}, report.get("pull_request") or {}
    image = next((one for one in report.get("images") or () if one.get("tag")), None)
    return {
        "version": chart.get("after") or chart.get("pinned"),
        "newest": chart.get("newest"),
        "branch": report.get("branch"),
        "image": f"{image['repository']}:{image['tag']}" if image else None,
        "digest": image["digest"] if image else None,
        "pull_request": request.get("url"),
        "ok": str(report["ok"]).lower() if "ok" in report else None,
        "problems": str(len(_open(report["problems"]))) if "problems" in report else None,
    }


def _output_lines(report: Mapping[str, Any], changed: bool | None, file: Path) -> Iterator[str]:
    """Yield the outputs' lines; of several tasks in one step, one that changed something is enough."""
    yield from (f"{name}={one_line(value)}\n" for name, value in _outputs(report).items() if value)
    if changed is not None:
        before = read_file(file).splitlines() if file.exists() else []
        yield "changed=true\n" if changed or b"changed=true" in before else "changed=false\n"


def _open(problems: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for one in problems if one["severity"] in _LEVELS]
