"""What the user asked a task for: its flags, as its planner takes them."""

from __future__ import annotations

from typing import NamedTuple


class BumpOptions(NamedTuple):
    """Which release the user wants.

    Attributes:
        to: exactly this one; None for the newest that the others allow.
        pre: also consider alpha, beta and release candidates.
        dev: also consider development builds.
        major: may cross a major version.
    """

    to: str | None = None
    pre: bool = False
    dev: bool = False
    major: bool = False


class CommitOptions(NamedTuple):
    """Which commit the user wants.

    Attributes:
        message: its message; None for one that says what moved.
        branch: its branch; None to choose.
        push: push the branch.
        request: open or update a pull request, which pushes the branch too.
    """

    message: str | None = None
    branch: str | None = None
    push: bool = False
    request: bool = False
