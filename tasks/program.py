"""``hubpress``: the same tasks as an installed command, for any hub repository."""

from __future__ import annotations

from invoke.program import Program

from . import ns
from ._version import __version__
from .sources import take_variables

take_variables()
program = Program(version=__version__, namespace=ns, name="hubpress", binary="hubpress", binary_names=["hubpress"])
