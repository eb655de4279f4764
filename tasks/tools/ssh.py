"""ssh: the machine that a name in its configuration stands for."""

from __future__ import annotations

from ..faults import ProgramFailed
from .command import Command
from .run import capture

_KEYWORD = "hostname "


def real_host(name: str) -> str:
    """Return the host that ssh connects to for ``name``; ``name`` itself where ssh cannot tell.

    People give hosts names of their own: ``Host`` and ``HostName`` in ``~/.ssh/config``. Nothing is connected to.
    """
    try:
        output = capture(Command(("ssh", "-G", "--", name)))
    except ProgramFailed:
        return name
    told = (line.removeprefix(_KEYWORD) for line in output.text.splitlines() if line.startswith(_KEYWORD))
    return next(told, name)
