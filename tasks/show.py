"""What people see: data on standard output, everything else on standard error, secrets masked in both."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .masking import mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MINUTE = 60
_PATIENCE, _TURN = 1.0, 0.1


def prepare_streams() -> None:
    """Make the standard streams fit for whatever is said.

    Those that this process was started without, as by some cron and CI jobs, lead nowhere. What an encoding does not
    have is shown as Python writes it: a name that cannot be shown is no reason to end.
    """
    nothing = Path(os.devnull)
    sys.stdin = sys.stdin or nothing.open()
    sys.stdout = sys.stdout or nothing.open("w")
    sys.stderr = sys.stderr or nothing.open("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def data(text: str) -> None:
    """Print ``text`` on standard output."""
    print(mask(text), file=sys.stdout, flush=True)  # noqa: T201 - the one place that prints data


def report(content: Mapping[str, Any]) -> None:
    """Print ``content`` on standard output as one JSON object, in ASCII where its encoding does not have all of it."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(content, indent=2)
    data(text)


def say(text: str = "") -> None:
    """Print ``text`` on standard error."""
    print(mask(text), file=sys.stderr, flush=True)  # noqa: T201 - the one place that prints progress


def strong(text: str, stream: TextIO | None = None) -> str:
    """Return ``text`` for a terminal to show strongly; unchanged where there is no terminal, or NO_COLOR is set."""
    return _styled(text, "1", stream)


def has_style(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal whose user wants bold and coloured text (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def table(rows: list[tuple[str, ...]], indent: str = "") -> str:
    """Return ``rows`` as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def duration(seconds: float) -> str:
    """Return a time as people say it: ``0.4 s``, ``1 min 05 s``."""
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest:02d} s"


def confirm(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; anything but yes is no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a question
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextlib.contextmanager
def waiting(text: str) -> Iterator[None]:
    """Say on a terminal what is waited for, from the second second on; elsewhere, and in CI, say nothing."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        yield
        return
    done = threading.Event()
    spinner = threading.Thread(target=_spin, args=(mask(text), done), daemon=True)
    spinner.start()
    try:
        yield
    finally:
        done.set()
        spinner.join()


def _spin(text: str, done: threading.Event) -> None:
    if done.wait(_PATIENCE):
        return
    for sign in itertools.cycle("|/-\\"):
        sys.stderr.write(f"\r{sign} {text}")
        sys.stderr.flush()
        if done.wait(_TURN):
            break
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()


def _styled(text: str, code: str, stream: TextIO | None) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if has_style(stream or sys.stderr) else text
