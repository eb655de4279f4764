"""The branch that a commit goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..faults import Refused, Unusable
from ..image.template import render

if TYPE_CHECKING:
    from ..hubrepo.layout import Hub
    from ..tools.git import Git


class BranchPlan(NamedTuple):
    """Where a commit goes.

    Attributes:
        name: the branch.
        why: the reason.
        switch: git's arguments that get there; empty where it is the current branch.
        there: the commit that it is on before that; None where it is yet to be made.
    """

    name: str
    why: str
    switch: tuple[str, ...] = ()
    there: str | None = None


def base_branch(hub: Hub) -> str:
    """Return the branch that pull requests go to: the setting's, else the remote's default branch."""
    return hub.settings.base_branch or hub.git.default_branch(hub.settings.remote)


def shared_branches(hub: Hub) -> dict[str, str]:
    """Return the branches that are not committed to directly, each with what it is.

    They are the one that pull requests go to, and the remote's default branch.

    Raises:
        Refused: nobody knows the default branch, and no setting names one.
    """
    base = hub.settings.base_branch
    try:
        default = hub.git.default_branch(hub.settings.remote)
    except Refused:
        if base is None:
            raise
        default = base
    return {base or default: "the branch that pull requests go to", default: "the default branch"}


def plan_branch(hub: Hub, wanted: str | None) -> BranchPlan:
    """Plan the branch for a commit: the current one, or a feature branch where that is a shared one.

    Args:
        hub: the repository; its ``branch`` is the current one, or the one that an earlier step switches to.
        wanted: the branch that was asked for by name; None to choose.

    Raises:
        Refused: the branch exists with other commits, or nobody knows the default branch.
        Unusable: the name is none that git takes.
    """
    shared = shared_branches(hub)
    current = hub.branch or ""
    name = wanted or (_feature_name(hub) if current in shared else current)
    if name == current:
        return BranchPlan(name, "it is the current branch")
    if not hub.git.is_branch_name(name):
        raise Unusable(f"{name!r} cannot be a branch's name", where="git check-ref-format", hint="use --branch NAME")
    why = f"{current} is {shared[current]}" if current in shared else "it was asked for with --branch"
    there = hub.git.branch_commit(name)
    return BranchPlan(name, why, _switch(hub.git, name, there), there)


def _feature_name(hub: Hub) -> str:
    return render(hub.settings.branch, {"version": hub.requirement.version}, "hub.branch")


def _switch(git: Git, name: str, there: str | None) -> tuple[str, ...]:
    if there is None:
        return ("switch", "--create", name)
    if there == git.head():
        return ("switch", name)
    raise Refused(
        f"the branch {name} exists already, with other commits",
        where=git.folder,
        hint=f"go on there: git switch {name}; or use another: --branch NAME",
    )
