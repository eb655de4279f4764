"""What the Helm repository's index says of two releases besides their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..faults import Fault
from ..hubrepo.source import open_repository
from ..z2jh.release import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..hubrepo.layout import Hub
    from ..z2jh.release import Index
    from ..z2jh.repository import HelmRepository


class Change(NamedTuple):
    """What the index says of one thing that moves with a release.

    Attributes:
        what: what it is: ``JupyterHub``, ``Kubernetes, at least``.
        before: its version before; None where the index does not tell.
        after: its version after; None where the index does not tell.
    """

    what: str
    before: str | None
    after: str | None

    @property
    def is_known(self) -> bool:
        """Whether the index tells of the release that is moved to."""
        return self.after is not None

    @property
    def differs(self) -> bool:
        """Whether it is not known to be as before."""
        return self.is_known and self.before != self.after

    def __str__(self) -> str:
        """Return it as one line for people: ``JupyterHub: 4.0.2 -> 4.1.6``."""
        return f"{self.what}: {f'{self.before} -> ' if self.before and self.differs else ''}{self.after}"


def facts(before: Release | None, after: Release) -> tuple[Change, Change]:
    """Return JupyterHub's version and the oldest Kubernetes, before and after."""
    return (
        Change("JupyterHub", before.app_version if before else None, after.app_version),
        Change("Kubernetes, at least", before.oldest_kubernetes if before else None, after.oldest_kubernetes),
    )


def asked(hub: Hub, before: str | None, after: str) -> tuple[Release | None, Release]:
    """Return two releases as the Helm repository describes them; bare where it gives no answer."""
    return _described(lambda repository: repository.index(), hub, before, after)


def kept(hub: Hub, before: str | None, after: str) -> tuple[Release | None, Release]:
    """Return two releases as the index describes them that was fetched last; nobody is asked."""
    return _described(lambda repository: repository.kept_index(), hub, before, after)


def _described(
    read: Callable[[HelmRepository], Index | None], hub: Hub, before: str | None, after: str
) -> tuple[Release | None, Release]:
    try:
        index = hub.index or read(open_repository(hub))
    except Fault:
        index = None
    releases = index.releases if index else {}
    old = releases.get(before, Release(before)) if before else None
    return old, releases.get(after, Release(after))
