"""Finding out what a pull request tells: from git, the Helm repository and the registry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..hubrepo.files import Committed
from ..image.naming import names_commit
from ..z2jh.release import Release
from .body import Story
from .changes import changes_between
from .facts import asked
from .findings import upgrades_here

if TYPE_CHECKING:
    from ..hubrepo.layout import Hub
    from .evidence import Evidence


def story_of(hub: Hub, base: str, evidence: tuple[Evidence, ...], commit: str = "HEAD") -> Story:
    """Return what a pull request of ``hub``'s state into the branch ``base`` tells.

    Args:
        hub: the repository as the pull request will leave it.
        base: the branch that it goes to.
        evidence: what is known of the images.
        commit: the commit that it ends with, as far as that is made.
    """
    moved = changes_between(replace(hub, files=Committed(hub.git, fork_point(hub, base, commit) or commit)), hub)
    old = moved.release.before if moved.release else None
    new = hub.requirement.version
    before, after = asked(hub, old, new) if moved.release else (None, Release(new))
    upgrades = upgrades_here(hub, old, new)
    return Story(moved, evidence, before, after, upgrades, names_commit(hub.settings.tag))


def fork_point(hub: Hub, base: str, commit: str) -> str | None:
    """Return the commit at which ``commit`` left the branch ``base``, as far as the clone knows, or None.

    A clone whose history was cut may not know where they parted: then it is the branch's own commit.
    """
    tip = base_tip(hub, base)
    return tip and (hub.git.ask("merge-base", tip, commit).text or tip)


def is_ahead(hub: Hub, base: str) -> bool:
    """Whether HEAD has commits that the branch ``base`` does not have, as far as the clone knows."""
    tip = base_tip(hub, base)
    return tip is None or hub.git.read("rev-list", "--count", f"{tip}..HEAD", "--") != "0"


def base_tip(hub: Hub, base: str) -> str | None:
    """Return the reference of the branch ``base``: the remote's, else the clone's own; None where there is neither."""
    known = (f"refs/remotes/{hub.settings.remote}/{base}", f"refs/heads/{base}")
    return next((ref for ref in known if hub.git.ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").ok), None)
