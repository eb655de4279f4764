"""``hubpress``: the same tasks as an installed command, for any hub repository."""

from __future__ import annotations

import sys
from pathlib import Path

from invoke.program import Program

from . import ns
from .core.faults import Unusable
from .core.session import exits
from .core.settings import read_by_invoke, take_variables
from .core.version import __version__


class HubPress(Program):
    """The command; what cannot be read is a fault here, not a traceback."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Read Invoke's own flags; but Python may keep what it compiles, as ``tasks.py`` has it."""
        super().parse_core(argv)
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

    def update_config(self, merge: bool = True) -> None:
        """Read the file that ``-f`` names."""
        named = self.args.config.value
        with exits():
            try:
                with read_by_invoke(Path(named) if named else None):
                    super().update_config(merge)
                    self.config.load_shell_env()
            except FileNotFoundError as err:
                raise Unusable("no such file", where=named, hint=f"ls -l {named}") from err


take_variables()
program = HubPress(version=__version__, namespace=ns, name="hubpress", binary="hubpress", binary_names=["hubpress"])
