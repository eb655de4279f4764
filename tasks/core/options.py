"""What the user asked a task for: its flags, as its planner takes them."""

from __future__ import annotations

from typing import NamedTuple


class BumpOptions(NamedTuple):
    """Which release the user wants: exactly ``to``, else the newest that the others allow."""

    to: str | None = None
    pre: bool = False
    dev: bool = False
    major: bool = False


class CommitOptions(NamedTuple):
    """Which commit the user wants; ``request`` is for a pull request, which pushes the branch too."""

    message: str | None = None
    branch: str | None = None
    push: bool = False
    request: bool = False
