"""Programs that write down how they were called, and then do what they always do."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("git", "docker", "gh", "helm", "gcloud", "docker-credential-gcloud")
# A file for each process: programs run side by side. Each argument ends with a NUL, and a call with a lone line break.
_SCRIPT = """\
#!/bin/sh
printf '%s\\0' {name} "$@" '\n' >>{calls}/$$ || exit 125
exec {real} "$@"
"""
_END = "\0\n\0"


@dataclass(frozen=True)
class Recorder:
    """The calls of outside programs."""

    folder: Path

    @classmethod
    def before(cls, folder: Path) -> Recorder:
        """Write such programs into ``folder``, each before the real one where there is one."""
        calls = folder / "calls"
        calls.mkdir(parents=True)
        for name in PROGRAMS:
            real = shutil.which(name)
            if real:
                file = folder / name
                file.write_text(_SCRIPT.format(name=name, calls=shlex.quote(str(calls)), real=shlex.quote(real)))
                file.chmod(0o755)
        return cls(folder)

    @property
    def env(self) -> dict[str, str]:
        """What puts them first."""
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}"}

    @property
    def calls(self) -> list[list[str]]:
        """The calls so far, in no order: each program's name and its arguments."""
        told = (file.read_bytes().decode("utf-8", "replace") for file in (self.folder / "calls").iterdir())
        return [call.split("\0") for calls in told for call in calls.split(_END)[:-1]]


def taken_for_options(calls: list[list[str]], sign: str) -> list[list[str]]:
    """Return the calls with an argument that begins like an option, holds ``sign``, and may be taken for one.

    Behind ``--`` it is none, and none as the value of the option before it.
    """
    return [call for call in calls if any(_is_option(call, at, sign) for at in range(1, len(call)))]


def _is_option(call: list[str], at: int, sign: str) -> bool:
    is_like_one = call[at].startswith("-") and sign in call[at]
    return is_like_one and "--" not in call[:at] and call[at - 1] not in _WITH_VALUE


# Options of those programs that take the next argument for their value, whatever it begins with.
_WITH_VALUE = frozenset(
    {"--builder", "--context", "--platform", "-B", "--head", "--base", "--title", "--file", "--tag"}
)
