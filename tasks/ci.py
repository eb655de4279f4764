"""What GitHub Actions is told besides: a step's outputs and its summary, in the files that it names.

The forms are those of https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .faults import Unusable, one_line
from .masking import mask
from .review.markdown import code, plain, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OUTPUT, SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"
_CHANGED = "changed=true"


def is_listening() -> bool:
    """Whether the environment names a file to tell something in."""
    return bool(os.environ.get(OUTPUT) or os.environ.get(SUMMARY))


def tell(report: Mapping[str, Any], *, changed: bool, dry: bool) -> None:
    """Append a task's outputs and its summary, each where the environment names a file for it.

    Args:
        report: what the task's JSON report says.
        changed: whether there was anything to do; in a dry run, whether there would be.
        dry: whether it was a dry run.

    Raises:
        Unusable: a file cannot be written.
    """
    told = outputs(report)
    if os.environ.get(OUTPUT) and told:
        _append(OUTPUT, _lines(told, changed=changed))
    rows = tuple(_rows(report))
    if os.environ.get(SUMMARY) and rows:
        _append(SUMMARY, summary(rows, changed=changed, dry=dry))


def outputs(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs that ``report`` has something for: version, branch, image, digest, pull_request.

    Of several images the first one counts. Without a line break in it, no value can make another output.
    """
    image = next(_images(report), None)
    known = {
        "version": (report.get("chart") or {}).get("after"),
        "branch": report.get("branch"),
        "image": image and f"{image['repository']}:{image['tag']}",
        "digest": image and image["digest"],
        "pull_request": (report.get("pull_request") or {}).get("url"),
    }
    return {name: one_line(str(value)) for name, value in known.items() if value}


def summary(rows: tuple[tuple[str, str], ...], *, changed: bool, dry: bool) -> str:
    """Return a summary in Markdown: what was done, or would be, as a table."""
    done = "what would be done" if dry else "what was done"
    return "\n".join(
        (f"### hubpress: {done if changed else 'nothing to do'}", "", *table(("what", "is"), rows), "", "")
    )


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    chart, base, request = (report.get(key) or {} for key in ("chart", "base", "pull_request"))
    if chart:
        yield plain(f"chart {chart['name']}"), _move(chart["before"], chart["after"])
    if base:
        yield "base image", _move(base["image_before"], base["image_after"])
    for image in _images(report):
        name, digest = f"{image['repository']}:{image['tag']}", image["digest"]
        yield plain(f"image {image['name']}"), f"{image['status']}: {code(name)}{f', {code(digest)}' if digest else ''}"
    if report.get("branch"):
        yield "branch", code(report["branch"])
    for commit in report.get("commits") or ():
        yield "commit", f"{code(commit['hash'][:12]) if commit['hash'] else 'to be made'}: {plain(commit['subject'])}"
    if request:
        yield "pull request", f"{request['status']}: {request['url'] or 'no page of it is known'}"


def _images(report: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the images that were not left alone."""
    yield from (image for image in report.get("images") or () if image["tag"])


def _move(before: str | None, after: str) -> str:
    return code(after) if before in (None, after) else f"{code(before)} to {code(after)}"


def _lines(told: Mapping[str, str], *, changed: bool) -> str:
    """Return the outputs' lines; of several tasks in one step, one that changed something is enough."""
    file = Path(os.environ[OUTPUT])
    earlier = file.is_file() and _CHANGED in file.read_text(encoding="utf-8").splitlines()
    last = _CHANGED if changed or earlier else "changed=false"
    return "".join(f"{line}\n" for line in (*(f"{name}={value}" for name, value in told.items()), last))


def _append(variable: str, text: str) -> None:
    try:
        with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
            file.write(mask(text))
    except OSError as err:
        raise Unusable(
            f"the file cannot be written: {err.strerror}", where=os.environ[variable], hint=f"unset {variable}"
        ) from err
