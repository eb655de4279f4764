"""What people see: data on standard output, everything else, log records included, on standard error.

In GitHub Actions they also see step outputs, the step summary, and annotations
(https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .faults import Unusable
from .safe_files import append_to_file, read_file
from .visible import ACTIONS, fenced, one_line, visible, visible_json

BOLD, DIM, RED, YELLOW = "1", "2", "31", "33"
_MINUTE = 60
_TURN, _BEAT = 1.0, 30.0
OUTPUT, SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"
# In characters, far below the 1 MiB that GitHub shows of a step; a preview may be long.
_LONGEST_SUMMARY = 200_000
# Annotation levels by severity; accepted problems get none.
_LEVELS = {"fault": "error", "warning": "warning"}
_IN_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = _IN_MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


class Line(NamedTuple):
    """A line for people: ``lead``, bold on a terminal, then ``text`` in its ``style`` (an ANSI code)."""

    lead: str = ""
    text: str = ""
    style: str = ""


class MaskedRecord(logging.LogRecord):
    """A log record whose message and traceback are masked and escaped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - LogRecord's own
        super().__init__(*args, **kwargs)
        if self.exc_info:
            self.exc_text = visible(logging.Formatter().formatException(self.exc_info))

    def getMessage(self) -> str:  # noqa: N802 - LogRecord's name for it
        """Return the message, masked and escaped."""
        return visible(super().getMessage())


def is_ci() -> bool:
    """Whether this runs in CI, by the variables that runners set."""
    return any(os.environ.get(name, "") not in {"", "false", "0"} for name in ("CI", ACTIONS))


def mask_records() -> None:
    """Mask and escape every log record of this process from now on."""
    logging.setLogRecordFactory(MaskedRecord)
    # Debug records of sh show output in chunks, and a chunk may contain half of a secret.
    logging.getLogger("sh").setLevel(logging.INFO)


class _Stream(io.TextIOWrapper):
    """A standard stream that discards further output after a failed write.

    If standard output cannot be written, the program ends, except if its reader is gone.
    """

    def write(self, text: str) -> int:
        with self._written():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._written():
            super().flush()

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        """Let the block write; after a failure, discard all further output: flushing at exit would fail again."""
        try:
            yield
        except OSError as err:
            with Path(os.devnull).open("wb") as nothing:
                os.dup2(nothing.fileno(), self.fileno())
            if self is sys.stdout and not isinstance(err, BrokenPipeError):
                hint = "send it to a file on a disk with space (df -h)"
                say(str(Unusable(f"standard output cannot be written: {err.strerror}", hint=hint)))
                raise SystemExit(Unusable.code) from None


def prepare_streams() -> None:
    """Replace missing standard streams by the null device, and escape characters that a stream's encoding lacks."""
    sys.stdin = sys.stdin or Path(os.devnull).open()  # noqa: SIM115 - open to the end
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _Stream(Path(os.devnull).open("wb"), "utf-8"))  # noqa: SIM115 - open to the end
        elif type(stream) is io.TextIOWrapper:  # else it is already ours, or captured
            stream.flush()
            setattr(sys, name, _Stream(stream.buffer, stream.encoding, "backslashreplace", line_buffering=True))


def data(text: str) -> None:
    """Print ``text`` on standard output."""
    show((Line(text=text),), is_data=True)


def report(content: Mapping[str, Any]) -> None:
    """Print ``content`` on standard output as a JSON object on one line."""
    print(visible_json(content), file=sys.stdout, flush=True)  # noqa: T201 - one of the places that print


def show(lines: Iterable[Line], *, is_data: bool) -> None:
    """Print lines on standard output if they are data, else on standard error."""
    stream = sys.stdout if is_data else sys.stderr
    # https://no-color.org
    is_styled = stream.isatty() and not os.environ.get("NO_COLOR")
    for lead, text, style in lines:
        parts = [(visible(part), code) for part, code in ((lead, style or BOLD), (text, style)) if part]
        shown = [f"\x1b[{code}m{part}\x1b[0m" if code and is_styled else part for part, code in parts]
        print("".join(shown), file=stream, flush=True)


def say(text: str = "", *, lead: str = "") -> None:
    """Print ``lead``, bold on a terminal, and ``text`` on standard error."""
    show((Line(lead, text),), is_data=False)


def pass_on(text: str) -> None:
    """Print an outside program's output on standard error, without adding line ends."""
    sys.stderr.write(visible(text))
    sys.stderr.flush()


def table(rows: list[tuple[str, ...]], indent: str = "") -> str:
    """Return ``rows`` as lines with aligned columns."""
    shown = [tuple(map(one_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in shown)
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def first_of(names: Sequence[str], most: int, noun: str = "") -> str:
    """Return the first names, and the number of the others: ``a, b and 3 more files``."""
    more = f" and {len(names) - most} more{noun and f' {noun}'}" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def duration(seconds: float) -> str:
    """Return a duration for people: ``0.4 s``, ``1 min 05 s``."""
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest:02d} s"


def confirm(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; anything but yes is no, and so is input that cannot be read."""
    print(f"{visible(question)} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a question
    with contextlib.suppress(OSError, UnicodeError):
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    return False


def report_to_ci(report: Mapping[str, Any], text: str, *, changed: bool | None = None) -> None:
    """Append a report's values to GitHub's outputs, and ``text`` to its step summary, if the environment names them.

    ``changed`` is whether there was anything to do; None for a read-only task.
    """
    _append(OUTPUT, _output_lines(report, changed))
    _append(SUMMARY, _summary_lines(text))


def require_ci_files() -> None:
    """Check before the work that the files of :func:`report_to_ci` can be written."""
    for variable in (OUTPUT, SUMMARY):
        _append(variable, ())


def _append(variable: str, lines: Iterable[str]) -> None:
    named = os.environ.get(variable)
    try:
        if named:
            append_to_file(Path(named), "".join(f"{line}\n" for line in lines).encode())
    except OSError as err:
        what = f"the file cannot be written: {err.strerror}"
        raise Unusable(what, where=named, hint=f"unset {variable}") from err


def annotate(problems: Sequence[Mapping[str, Any]]) -> None:
    """Annotate the lines of problems in GitHub Actions."""
    shown = [one for one in problems if one["severity"] in _LEVELS]
    for one in shown if os.environ.get(ACTIONS) else ():
        line = f",line={one['line']}" if one["line"] else ""
        place = f"file={one['path'].translate(_IN_PROPERTY)}{line}"
        words = f"{one['message']}; {one['hint']}".translate(_IN_MESSAGE)
        command = f"{_LEVELS[one['severity']]} {place},title=hubpress {one['code']}::{words}"
        print(f"::{visible(command)}", file=sys.stderr, flush=True)  # noqa: T201 - a command to the runner


@contextlib.contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Show what the block waits for, and how long: each second on a terminal, elsewhere now and then.

    Yields a function that takes lines of output: the last one that is not blank is shown too.
    """
    last, begin, done = "", time.monotonic(), threading.Event()

    def show_progress() -> None:
        is_drawn, line = sys.stderr.isatty() and not is_ci(), ""
        while not done.wait(_TURN if is_drawn else _BEAT):
            waited = f"{one_line(what)} ({duration(time.monotonic() - begin)})"
            line = f"{waited}: {one_line(last)}" if last else waited
            if is_drawn:
                _draw(line)
            else:
                say(line)
        if is_drawn and line:
            _draw("")

    def hear(text: str) -> None:
        nonlocal last
        last = text if text.strip() else last

    thread = threading.Thread(target=show_progress, daemon=True)
    thread.start()
    try:
        yield hear
    finally:
        done.set()
        thread.join()


def _draw(line: str) -> None:
    """Overwrite the terminal's current line, without wrapping: a wrapped line cannot be overwritten."""
    sys.stderr.write(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K")
    sys.stderr.flush()


def _summary_lines(text: str) -> Iterator[str]:
    yield from ("### hubpress", "", *fenced("text", visible(text)[:_LONGEST_SUMMARY].splitlines()), "")


def _output_lines(report: Mapping[str, Any], changed: bool | None) -> Iterator[str]:
    """Yield the outputs of a report; of several images, the first one with a tag counts."""
    chart, request = report.get("chart") or {}, report.get("pull_request") or {}
    image = next((one for one in report.get("images") or () if one.get("tag")), None)
    outputs = {
        "version": chart.get("after") or chart.get("pinned"),
        "newest": chart.get("newest"),
        "branch": report.get("branch"),
        "image": f"{image['repository']}:{image['tag']}" if image else None,
        "digest": image["digest"] if image else None,
        "pull_request": request.get("url"),
        "ok": str(report["ok"]).lower() if "ok" in report else None,
        "problems": str(sum(one["severity"] in _LEVELS for one in report["problems"]))
        if "problems" in report
        else None,
    }
    yield from (f"{name}={one_line(value)}" for name, value in outputs.items() if value)
    if changed is not None:
        # If several tasks run in one step, one change is enough.
        file = Path(os.environ[OUTPUT])
        before = read_file(file).splitlines() if file.exists() else []
        yield "changed=true" if changed or b"changed=true" in before else "changed=false"
