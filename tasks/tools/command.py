"""One call of an outside program, and what it said."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

NOTHING: Mapping[str, str] = MappingProxyType({})
_MARK = "ERROR: "


# What reading JSON raises that is not what it should be.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


def mentions(said: str, signs: Iterable[str]) -> bool:
    """Whether one of ``signs`` stands in what a program said."""
    return any(sign in said for sign in signs)


class Command(NamedTuple):
    """One call of an outside program: what it is given and reads, and the folder it runs in (None: the current one).

    Attributes:
        env, unset: variables that are set for it, and that it does not inherit.
        hidden_env, hidden_arguments: more variables, and arguments right after the program's name, that say only how it
            talks to us: left out where the command is shown.
        umask: the file mode bits that are cleared for it; -1 for this process's own.
    """

    argv: tuple[str, ...]
    cwd: Path | None = None
    stdin: str = ""
    env: Mapping[str, str] = NOTHING
    hidden_env: Mapping[str, str] = NOTHING
    unset: tuple[str, ...] = ()
    umask: int = -1
    hidden_arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the command as one could paste it into a shell."""
        variables = (f"{name}={shlex.quote(value)}" for name, value in self.env.items())
        line = " ".join((*variables, shlex.join(self.argv)))
        if self.stdin:
            line = f"{line} <<'END'\n{self.stdin}\nEND"
        if self.cwd is None or self.cwd == current_folder():
            return line
        return f"(cd {shlex.quote(str(self.cwd))} && {line}{chr(10) if self.stdin else ''})"


class Output(NamedTuple):
    """What a program said, and its exit status: negative where a signal ended it."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0

    @property
    def text(self) -> str:
        """Its standard output as text, without the final line break."""
        return self.stdout.decode("utf-8", "replace").rstrip("\n")

    @property
    def names(self) -> tuple[str, ...]:
        """Its standard output as file names, each ended by a NUL byte; a name that is not UTF-8 keeps its bytes."""
        return tuple(name for name in os.fsdecode(self.stdout).split("\0") if name)

    @property
    def last_words(self) -> str:
        """The line of its standard error that names the fault: buildx and gcloud mark it, most put it last."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        marked = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
        return [f"it ended with status {self.status}", *lines, *marked][-1]


def current_folder() -> Path | None:
    """Return the current folder; None where it does not exist any more."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None
