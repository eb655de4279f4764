"""helm: refreshing the lock file of a chart's dependencies."""

from __future__ import annotations

from pathlib import Path

from ..core.faults import Refused
from .command import Command
from .process import INSTALL_HINTS, find, run_checked

UPDATE_SECONDS = 300.0


def update_command(chart: Path) -> Command:
    """Return the command that writes the lock file of the chart in the folder ``chart`` anew."""
    return Command(("helm", "dependency", "update", "."), chart)


def require_helm(lock: str) -> None:
    """Check that helm is there to refresh ``lock``: only it knows how the lock's digest is made.

    Raises:
        Refused: it is not.
    """
    if find("helm") is None:
        raise Refused(
            "the lock file must move with the requirement, and helm is not here to do it",
            where=lock,
            hint=f"{INSTALL_HINTS['helm']}; it runs helm dependency update",
        )


def update(chart: Path) -> None:
    """Write the lock file of the chart in the folder ``chart`` anew.

    Raises:
        ProgramFailed: helm failed.
    """
    command = update_command(chart)
    run_checked(command, hint=str(command), seconds=UPDATE_SECONDS)
