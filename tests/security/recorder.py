"""Programs that write down how they were called, and then do what they always do."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = ("git", "docker", "gh", "helm", "gcloud", "docker-credential-gcloud")
_SCRIPT = """\
#!{python}
import os, sys
with open({log!r}, "ab") as log:
    log.write("\\0".join([{name!r}, *sys.argv[1:]]).encode("utf-8", "surrogateescape") + b"\\n\\0\\n")
os.execv({real!r}, [{name!r}, *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Recorder:
    """The calls of outside programs.

    Attributes:
        folder: what stands first on PATH for the calls to be written down.
    """

    folder: Path

    @classmethod
    def before(cls, folder: Path) -> Recorder:
        """Write such programs into ``folder``, each before the real one where there is one."""
        folder.mkdir()
        for name in PROGRAMS:
            real = shutil.which(name)
            if real:
                file = folder / name
                script = _SCRIPT.format(python=sys.executable, log=str(folder / "calls"), name=name, real=real)
                file.write_text(script)
                file.chmod(0o755)
        return cls(folder)

    @property
    def env(self) -> dict[str, str]:
        """What puts them first."""
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}"}

    @property
    def calls(self) -> list[list[str]]:
        """The calls so far: each program's name and its arguments."""
        log = self.folder / "calls"
        lines = log.read_bytes().decode("utf-8", "replace").split("\n\0\n")[:-1] if log.exists() else []
        return [line.split("\0") for line in lines]


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
