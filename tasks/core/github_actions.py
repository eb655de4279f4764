"""What GitHub Actions reads: a step's outputs, its summary in Markdown, annotations of files.

The forms are those of https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from . import output
from .faults import Unusable
from .safe_files import append_to_file, read_file
from .visible import ACTIONS, one_line, visible

_SPECIAL = frozenset("\\`*_[]<>|#@~")
# What cannot stand in code inside of a table's cell, and what looks like it.
_ALIKE = str.maketrans({"`": "'", "|": "\N{BROKEN BAR}"})
OUTPUT, SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"
_CHANGED = "changed=true"
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


class Told(NamedTuple):
    """What a task tells: a summary with ``rows`` in Markdown, and outputs, of which those without a value are left out.

    ``changed`` is whether there was anything to do; None for a task that only looks.
    """

    heading: str
    rows: tuple[tuple[str, str], ...] = ()
    outputs: Mapping[str, str | None] = MappingProxyType({})
    changed: bool | None = None

    @property
    def summary(self) -> str:
        """The summary, in Markdown."""
        lines = table_lines(("what", "is"), self.rows) if self.rows else ()
        return "\n".join((f"### hubpress: {plain(self.heading)}", "", *lines, "", ""))


def tell(told: Told) -> None:
    """Append a task's outputs and its summary, each where the environment names a file for it."""
    for variable in (OUTPUT, SUMMARY):
        named = os.environ.get(variable)
        try:
            if named:
                text = told.summary if variable == SUMMARY else "\n".join((*_lines(told, Path(named)), ""))
                append_to_file(Path(named), visible(text).encode())
        except OSError as err:
            what = f"the file cannot be written: {err.strerror}"
            raise Unusable(what, where=named, hint=f"unset {variable}") from err


def of_plan(report: Mapping[str, Any], *, changed: bool, dry: bool) -> Told:
    """Return what is told of a plan."""
    done = "what would be done" if dry else "what was done"
    return Told(done if changed else "nothing to do", tuple(_rows(report)), _outputs(report), changed)


def of_status(content: Mapping[str, Any]) -> Told:
    """Return what is told of a hub repository's status, by its JSON report."""
    chart, base, problems = content["chart"], content["base"], content["problems"]
    rows = [
        ("chart", f"{code(chart['pinned'])}, newest {code_or(chart['newest'])}"),
        ("base image", f"{code(base['dockerfile'])}, the release uses {code_or(base['chart'], 'an unknown one')}"),
        *((plain(f"image {one['name']}"), code_or(one["pinned_tag"], "none")) for one in content["images"]),
        *_found_rows(content),
    ]
    outputs = {"version": chart["pinned"], "newest": chart["newest"], "problems": str(len(_open(problems)))}
    return Told(_counted(content), tuple(rows), outputs)


def of_check(content: Mapping[str, Any]) -> Told:
    """Return what is told of a check, by its JSON report."""
    problems = content["problems"]
    outputs = {"ok": str(bool(content["ok"])).lower(), "problems": str(len(_open(problems)))}
    return Told(_counted(content), tuple(_found_rows(content)), outputs)


def of_preview(summary: Iterable[tuple[str, str]]) -> Told:
    """Return what is told of a preview: who changes, and what, for each group of deployments."""
    return Told("what the release changes", tuple((plain(who), plain(what)) for who, what in summary))


def of_machine(tools: Sequence[Mapping[str, Any]]) -> Told:
    """Return what is told of a machine, by the tools of its JSON report."""
    faults = [tool for tool in tools if tool["needed"] and not tool["ok"]]
    rows = ((plain(tool["name"]), _tool(tool)) for tool in tools)
    heading = f"{len(faults)} to fix on this machine" if faults else "this machine can run a release"
    return Told(heading, tuple(rows), {"ok": str(not faults).lower()})


def of_fault(message: str) -> Told:
    """Return what is told of a fault: its error line, and its hint."""
    error, _, hint = message.partition("\n")
    return Told(error, (("hint", plain(hint.removeprefix("hint: "))),) if hint else ())


def annotate(problems: Sequence[Mapping[str, Any]]) -> None:
    """Have GitHub Actions show each problem beside its line, where a pull request touches that."""
    for one in _open(problems) if os.environ.get(ACTIONS) else ():
        line = f",line={one['line']}" if one["line"] else ""
        place = f"file={one['path'].translate(_IN_PROPERTY)}{line}"
        words = f"{one['message']}; {one['hint']}".translate(_IN_MESSAGE)
        output.tell_runner(f"{_LEVELS[one['severity']]} {place},title=hubpress {one['code']}::{words}")


def _outputs(report: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the outputs of a plan; of several images the first one counts."""
    image = next((one for one in report.get("images") or () if one["tag"]), None)
    return {
        "version": (report.get("chart") or {}).get("after"),
        "branch": report.get("branch"),
        "image": f"{image['repository']}:{image['tag']}" if image else None,
        "digest": image["digest"] if image else None,
        "pull_request": (report.get("pull_request") or {}).get("url"),
    }


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for login in report.get("auth") or ():
        yield plain(f"sign-in {login['host']}"), f"Docker's helper is {code_or(login['helper'], 'none')}"
    chart, base, request = (report.get(key) or {} for key in ("chart", "base", "pull_request"))
    if chart:
        yield plain(f"chart {chart['name']}"), _move(chart["before"], chart["after"])
    if base:
        yield "base image", _move(base["image_before"], base["image_after"])
    for image in (one for one in report.get("images") or () if one["tag"]):
        name, digest = f"{image['repository']}:{image['tag']}", image["digest"]
        yield plain(f"image {image['name']}"), f"{image['status']}: {code(name)}{f', {code(digest)}' if digest else ''}"
    for path in report.get("files") or ():
        yield "file", code(path)
    if report.get("branch"):
        yield "branch", code(report["branch"])
    for commit in report.get("commits") or ():
        yield "commit", f"{code(commit['hash'][:12]) if commit['hash'] else 'to be made'}: {plain(commit['subject'])}"
    if request:
        yield "pull request", f"{request['status']}: {request['url'] or 'no known URL'}"


def _found_rows(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in content["problems"]:
        yield (
            code(f"{one['path']}:{one['line']}" if one["line"] else one["path"]),
            f"{one['severity']}: {plain(one['message'])} ({code(one['code'])}); {plain(one['hint'])}",
        )
    yield from (("not checked", f"{plain(one['message'])}; {plain(one['hint'])}") for one in content["not_checked"])


def _open(problems: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for one in problems if one["severity"] in _LEVELS]


def _counted(content: Mapping[str, Any]) -> str:
    count = len(_open(content["problems"]))
    if not count:
        return "no problems in what was checked" if content["not_checked"] else "everything is consistent"
    return "1 problem" if count == 1 else f"{count} problems"


def _tool(tool: Mapping[str, Any]) -> str:
    words = (tool["version"], tool["hint"])
    word = "ok" if tool["ok"] else "**fault**" if tool["needed"] else "optional"
    return "; ".join((word, *(plain(one) for one in words if one)))


def _move(before: str | None, after: str) -> str:
    return code(after) if before in (None, after) else f"{code(before)} to {code(after)}"


def _lines(told: Told, file: Path) -> Iterator[str]:
    """Yield the outputs' lines; of several tasks in one step, one that changed something is enough."""
    yield from (f"{name}={one_line(str(value))}" for name, value in told.outputs.items() if value)
    if told.changed is not None:
        before = read_file(file).splitlines() if file.exists() else []
        yield _CHANGED if told.changed or _CHANGED.encode() in before else "changed=false"
